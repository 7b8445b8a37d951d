import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Several interventions in one output.
@Suite struct BakePlanTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector(_ site: Site, _ block: Int, of width: Int) -> Intervention {
        Intervention(
            site: site, block: block,
            vector: (0..<width).map { Float(($0 * 5 + block) % 7 - 3) / 9 })
    }

    private func removal(_ base: Checkpoint) throws -> [Intervention] {
        let numbers = try base.hyperparameters()
        let direction = (0..<numbers.hiddenSize).map { Float(($0 * 3) % 5 - 2) }
        return [Intervention(block: 0, operation: .ablate, vector: direction)]
            .everywhere(blockCount: numbers.blockCount)
    }

    private func passes(
        _ wanted: [Intervention], _ base: Checkpoint, as name: String
    ) throws -> Bool {
        let format: FileFormat = name.hasSuffix(".gguf") ? .gguf : .safetensors
        let plan = try BakePlan(named: nil, for: wanted, in: base, format: format)
        let edited = try folder.write(base, plan.edits(into: base, format: format), as: name)
        return try Verification(
            base: base, edited: edited, interventions: wanted,
            prompts: [(tokens: [1, 5, 9, 2, 33, 7, 40, 3], text: "")], tolerance: nil,
            textLength: 2, crew: crew, stopTokens: [], decode: { "\($0)" },
            progress: { _, _ in }
        ).passes
    }

    @Test(arguments: ["qwen3", "qwen2", "llama", "gpt2"], ["out", "out.gguf"])
    func vectorsAtEverySiteAreBakedTogether(_ family: String, name: String) throws {
        let original = try Checkpoint.open(Families.folder(family))
        let base = name == "out" ? original : try folder.write(original, as: "base.gguf")
        let width = try base.hyperparameters().hiddenSize
        let wanted = [
            vector(.residPost, 0, of: width), vector(.embed, 0, of: width),
            vector(.residPost, 1, of: width), vector(.residMid, 1, of: width),
        ]
        #expect(try passes(wanted, base, as: name))
    }

    @Test func eachKindGoesToTheFirstRouteThatTakesIt() throws {
        let base = try folder.write(Checkpoint.open(Families.folder("qwen3")), as: "base.gguf")
        let width = try base.hyperparameters().hiddenSize
        let plan = try BakePlan(
            named: nil,
            for: [vector(.residPost, 1, of: width), vector(.residMid, 0, of: width)]
                + [vector(.embed, 0, of: width)], in: base, format: .gguf)
        #expect(plan.steps.map(\.route.name) == ["widen", "value-head", "embed"])
        #expect(plan.steps.map(\.interventions.count) == [1, 1, 1])
    }

    @Test(arguments: ["llama", "qwen2"])
    func aVectorBeforeARemovalLosesWhatThatTakes(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let width = try base.hyperparameters().hiddenSize
        let added = vector(.residPost, 1, of: width)
        #expect(try passes([added] + removal(base), base, as: "out"))
    }

    @Test func aVectorThatALaterPlaceRemovesIsRefused() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let width = try base.hyperparameters().hiddenSize
        let wanted = try removal(base) + [vector(.residPost, 0, of: width)]
        #expect(throws: BakePlanError.self) {
            try BakePlan(named: nil, for: wanted, in: base, format: .safetensors)
        }
        let weak = try removal(base).map { removal in
            var weak = removal
            weak.strength = 0.5
            return weak
        }
        #expect(throws: BakePlanError.partialRemoval(file: base.path, strength: 0.5)) {
            try BakePlan(
                named: nil, for: [vector(.residPost, 1, of: width)] + weak, in: base,
                format: .safetensors)
        }
    }

    @Test func vectorsInTheEmbeddingAreBakedBesideARemoval() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let width = try base.hyperparameters().hiddenSize
        #expect(try passes([vector(.embed, 0, of: width)] + removal(base), base, as: "out"))
    }

    @Test func twoRoutesThatChangeOneWeightAreRefused() throws {
        let base = try folder.write(Checkpoint.open(Families.folder("qwen3")), as: "base.gguf")
        let width = try base.hyperparameters().hiddenSize
        let plan = try BakePlan(
            named: nil, for: [vector(.residMid, 1, of: width)] + removal(base), in: base,
            format: .gguf)
        #expect(
            throws: BakePlanError.sameWeight(
                file: base.path, role: .block(0, .attentionOutput),
                routes: ["value-head", "ablation"])
        ) { try plan.edits(into: base, format: .gguf) }
    }
}
