import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What `inspect` says of a family's bake routes is what baking does.
@Suite struct FamilyBakeTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func write(
        _ source: Checkpoint, _ edits: [CheckpointEdit], as format: FileFormat
    ) throws -> Checkpoint {
        let path = folder.path("\(edits.count)" + (format == .gguf ? ".gguf" : ""))
        let plan = try OutputPlan(source: source, edits: edits, format: format)
        _ = try CheckpointWriter(crew: crew).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    /// A vector on every block.
    private func vectors(_ numbers: Hyperparameters, at site: Site) -> [Intervention] {
        (0..<numbers.blockCount).map { block in
            Intervention(
                site: site, block: block,
                vector: (0..<numbers.hiddenSize).map { Float(($0 * 7 + block) % 5 - 2) / 4 })
        }
    }

    private func verify(
        _ base: Checkpoint, _ edited: Checkpoint, _ interventions: [Intervention]
    ) throws -> Verification {
        let prompts = [[1, 5, 9, 2, 33, 7], [40, 3, 3, 12, 8, 21, 6, 14, 2, 30]]
        return try Verification(
            base: base, edited: edited, interventions: interventions,
            prompts: prompts.map { (tokens: $0, text: "") }, tolerance: nil, textLength: 4,
            crew: crew, stopTokens: [], decode: { "\($0)" }, progress: { _, _ in })
    }

    @Test(arguments: Families.all, [Site.residPost, .residMid])
    func aRouteIsExactOrRefused(_ family: String, site: Site) throws {
        let original = try Checkpoint.open(Families.folder(family))
        let interventions = try vectors(original.hyperparameters(), at: site)
        let formats: [FileFormat] =
            Families.convertible.contains(family) ? [.safetensors, .gguf] : [.safetensors]
        for format in formats {
            let base = format == .gguf ? try write(original, [], as: .gguf) : original
            if let refusal = BiasRoute().refusal(of: .add, at: site, in: base, format: format)
                as? BiasRoute.Refusal
            {
                #expect(throws: refusal) {
                    try BiasRoute().edits(baking: interventions, into: base, format: format)
                }
                continue
            }
            let edits = try BiasRoute().edits(baking: interventions, into: base, format: format)
            let edited = try write(base, edits, as: format)
            #expect(try verify(base, edited, interventions).passes, "\(format)")
            #expect(try !verify(base, base, interventions).passes, "\(format)")
        }
    }

    @Test(arguments: Families.convertible)
    func aFolderCanBeBakedStraightIntoAFile(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        guard BiasRoute().refusal(of: .add, at: .residPost, in: base, format: .gguf) == nil else {
            return
        }
        let interventions = try vectors(base.hyperparameters(), at: .residPost)
        let edits = try BiasRoute().edits(baking: interventions, into: base, format: .gguf)
        let edited = try write(base, edits, as: .gguf)
        let converted = try write(base, [], as: .gguf)
        #expect(try verify(converted, edited, interventions).passes)
    }

    @Test func aConversionIsTheSameModelAndAnotherWindowIsNot() throws {
        let exact = try Checkpoint.open(Families.folder("gemma3"))
        #expect(try verify(exact, write(exact, [], as: .gguf), []).passes)
        let windowed = try Checkpoint.open(Families.folder("mistral"))
        #expect(try !verify(windowed, write(windowed, [], as: .gguf), []).passes)
    }
}
