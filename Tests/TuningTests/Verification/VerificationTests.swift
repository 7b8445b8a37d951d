import Foundation
import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What `verify` sees and what it says, on small models that differ in known ways.
@Suite struct VerificationTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func verify(
        _ base: Checkpoint, _ edited: Checkpoint, _ interventions: [Intervention] = [],
        limit: Int? = nil
    ) throws -> Verification {
        let prompts = [[1, 5, 9, 2, 33, 7, 11, 19], [40, 3, 3, 12, 8, 21, 6, 14, 2, 30]]
        return try Verification(
            base: base, edited: edited, interventions: interventions,
            prompts: prompts.map { (tokens: $0, text: "") }, positionLimit: limit,
            tolerance: nil, textLength: 2, crew: crew, stopTokens: [], decode: { "\($0)" },
            progress: { done, all in #expect(done <= all) })
    }

    /// A copy of a family's folder with other members of `config.json`.
    private func changed(_ family: String, _ changes: [String: JSONValue]) throws -> Checkpoint {
        let path = folder.path(family)
        try FileManager.default.copyItem(atPath: Families.folder(family), toPath: path)
        let file = path + "/config.json"
        var config = try #require(
            try JSONReader.parse(bytes(ofFile: file), source: file).object)
        for (key, value) in changes { config[key] = value }
        try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: file))
        return try Checkpoint.open(path)
    }

    private func vector(_ base: Checkpoint, size: Float = 1) throws -> [Float] {
        try (0..<base.hyperparameters().hiddenSize).map { size * Float(($0 * 7) % 5 - 2) / 4 }
    }

    private func bake(
        _ interventions: [Intervention], into base: Checkpoint, as name: String
    ) throws -> Checkpoint {
        try folder.write(
            base, BiasRoute().edits(baking: interventions, into: base, format: base.format),
            as: name)
    }

    // MARK: - Positions

    @Test func aLostWindowThatNoPromptReachesIsFound() throws {
        let base = try changed(
            "mistral",
            ["sliding_window": .integer(100), "max_position_embeddings": .integer(256)])
        let lost = try folder.write(base, as: "lost.gguf")
        let result = try verify(base, lost)
        #expect(result.verdict == .notEqual)
        #expect(result.positions.texts == 3)
        #expect(result.positions.longest == 132)
        #expect(result.unreached.isEmpty)
        let short = try verify(base, lost, limit: 50)
        #expect(short.verdict == .equal)
        #expect(short.unreached == ["beyond position 100 (sliding window)"])
    }

    @Test func aWindowAsLongAsTheContextNeedsNoLongerText() throws {
        let base = try changed(
            "mistral",
            ["sliding_window": .integer(128), "max_position_embeddings": .integer(128)])
        let result = try verify(base, base)
        #expect(result.positions.texts == 2)
        #expect(result.unreached.isEmpty)
    }

    @Test(arguments: ["phi3", "mistral", "gemma3"])
    func aTextInPartsGivesTheStreamsOfTheWholeText(family: String) throws {
        let decoder = try Decoder(
            checkpoint: Checkpoint.open(Families.folder(family)), crew: crew)
        let tokens = (0..<40).map { ($0 * 13 + 5) % 50 }
        let whole = try Trace(of: tokens, in: decoder)
        let cache = SequenceCache(decoder.configuration)
        let parts = try [0..<11, 11..<30, 30..<40].map { part in
            try Trace(
                of: Array(tokens[part]), in: decoder, continuing: cache,
                sequenceLength: tokens.count)
        }
        for entry in whole.entries {
            let joined = parts.flatMap { $0[entry.name]?.values ?? [] }
            #expect(joined.count == entry.values.count)
            let largest = entry.values.map(abs).max() ?? 0
            let difference = zip(joined, entry.values).map { abs($0 - $1) }.max() ?? 0
            #expect(difference <= 2e-5 * largest, "\(entry.name)")
        }
    }

    // MARK: - Controls

    @Test func steeringAtTheEmbeddingCanBeProven() throws {
        let base = try folder.write(try Checkpoint.open(Families.folder("llama")), as: "base.gguf")
        let direction = try vector(base)
        let steering = [Intervention(site: .embed, block: 0, vector: direction)]
        let embedding = try #require(base.tensor(WeightRole(.tokenEmbedding)))
        let rows = try embedding.values()
        let shifted = rows.indices.map { rows[$0] + direction[$0 % direction.count] }
        // The tied head stays as it was.
        let edits: [CheckpointEdit] = [
            .set(WeightRole(.tokenEmbedding), values: shifted, form: .canonical, type: .f32),
            .set(WeightRole(.output), values: rows, form: .canonical, type: .f32),
        ]
        #expect(
            try verify(base, folder.write(base, edits, as: "embed.gguf"), steering).verdict
                == .equal)
        #expect(try verify(base, base, steering).verdict == .notEqual)
    }

    @Test func oneDirectionInAllBlocksCanBeProven() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let direction = [Float](repeating: 0.3, count: try base.hyperparameters().hiddenSize)
        let steering = try (0..<base.hyperparameters().blockCount).map {
            Intervention(block: $0, vector: direction)
        }
        let result = try verify(base, bake(steering, into: base, as: "all"), steering)
        #expect(result.verdict == .equal)
        #expect(result.controls.count == 2)
    }

    @Test func aVectorBelowRoundingIsUndecidable() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let steering = [Intervention(block: 0, vector: try vector(base, size: 1e-8))]
        let baked = try bake(steering, into: base, as: "tiny")
        #expect(try verify(base, baked, steering).verdict == .undecidable)
        #expect(try verify(base, base, steering).verdict == .undecidable)
        #expect(try !verify(base, baked, steering).passes)
    }

    // MARK: - Strength

    @Test(arguments: [ElementType.f32, .bf16])
    func theStrengthThatWasBakedIsFound(type: ElementType) throws {
        let source = try Checkpoint.open(Families.folder("llama"))
        let base = try folder.write(source, [.types(.plain(type))], as: "base")
        let asked = [Intervention(block: 1, vector: try vector(base), strength: 1.5)]
        for share in [1, 1.01, 0.99] as [Float] {
            var given = asked
            given[0].strength *= share
            let baked = try bake(given, into: base, as: "baked")
            let result = try verify(base, baked, asked)
            let strength = try #require(result.blocks[1].strengths.first?.measurement)
            #expect(abs(strength.found - Double(share)) < 1e-3)
            #expect(strength.holds == (share == 1))
            #expect(strength.resolution < 0.01)
            #expect((result.verdict == .equal) == (share == 1))
            #expect(result.blocks[0].strengths.isEmpty)
        }
    }
}
