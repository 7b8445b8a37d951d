import Foundation
import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Extract, bake and verify on the small trained checkpoint.
@Suite struct MainJobTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let base: Checkpoint
    private let renderer: PromptRenderer

    init() throws {
        folder = try TemporaryFolder()
        base = try Checkpoint.open(Samples.tinyModel)
        renderer = PromptRenderer(tokenizer: try Tokenizer(base.tokenizer()))
    }

    private func extraction(
        _ options: Extraction.Options = Extraction.Options(), threads: Int = 2
    ) throws -> Extraction {
        let prompts = try ContrastPair.read(Samples.tinyPairs).prefix(24).map { pair in
            (
                positive: try renderer.sequence(pair.positive, place: pair.place),
                negative: try renderer.sequence(pair.negative, place: pair.place)
            )
        }
        let crew = WorkCrew(threads: threads)
        return try Extraction(
            decoder: Decoder(checkpoint: base, crew: crew), crew: crew, prompts: prompts,
            options: options,
            base: BaseIdentity(modelHint: "llama"))
    }

    private func bake(_ interventions: [Intervention], as name: String) throws -> Checkpoint {
        let path = folder.path(name)
        let format: FileFormat = name.hasSuffix(".gguf") ? .gguf : .safetensors
        let edits = try BiasRoute().edits(baking: interventions, into: base, format: format)
        let plan = try OutputPlan(source: base, edits: edits, format: format)
        _ = try CheckpointWriter(crew: crew).write(plan, to: path, replacing: false)
        return try Checkpoint.open(path)
    }

    private func verify(_ edited: Checkpoint, _ interventions: [Intervention]) throws
        -> Verification
    {
        let prompts = try ["How was your day?", "Tell me about the dog."].map { text in
            (tokens: try renderer.tokens(.text(text), asChat: true, place: "test"), text: text)
        }
        return try Verification(
            base: base, edited: edited, interventions: interventions, prompts: prompts,
            tolerance: nil,
            textLength: 12, crew: crew, stopTokens: renderer.tokenizer.endOfGeneration,
            decode: { renderer.tokenizer.decode($0) }, progress: { _, _ in })
    }

    private func mood(_ scale: Float, blocks: [Int], site: Site = .residPost) throws
        -> [Intervention]
    {
        try extraction(Extraction.Options(site: site)).vector
            .interventions(.add, scale: scale, blocks: blocks, name: "test")
    }

    @Test(arguments: ["baked.gguf", "baked"], Site.allCases.filter { $0 != .embed })
    func aBakedCheckpointEqualsSteering(name: String, site: Site) throws {
        // Block 0 as well, which no control vector can reach.
        let interventions = try mood(1, blocks: [0, 2, 3], site: site)
        let result = try verify(try bake(interventions, as: name), interventions)
        #expect(result.passes)
        let differing = result.texts.filter { !$0.isEqual }
        #expect(differing.isEmpty)
        #expect(result.blocks.map(\.relativeError).max() ?? 1 < 1e-5)
        #expect(result.logitEffect > 0.1)
        let hasTokenizer = try PromptRenderer(
            tokenizer: Tokenizer(Checkpoint.open(folder.path(name)).tokenizer()))
        #expect(hasTokenizer.tokenizer.encode("The dog.") == renderer.tokenizer.encode("The dog."))
    }

    @Test func whatIsNotTheEditFails() throws {
        let interventions = try mood(1, blocks: [2, 3])
        #expect(try !verify(base, interventions).passes)
        let onePercent = interventions.map { intervention in
            var copy = intervention
            copy.strength *= 1.01
            return copy
        }
        #expect(try !verify(try bake(onePercent, as: "percent.gguf"), interventions).passes)
        let moved = interventions.map { intervention in
            var copy = intervention
            copy.block += 1
            return copy
        }
        #expect(try !verify(try bake(moved, as: "moved.gguf"), interventions).passes)
    }

    @Test(arguments: [1, 2, 3, 4])
    func onePercentInOneOfManyVectorsFails(block: Int) throws {
        let interventions = try mood(1, blocks: [1, 2, 3, 4])
        let changed = interventions.map { intervention in
            var copy = intervention
            if copy.block == block { copy.strength *= 1.01 }
            return copy
        }
        #expect(try !verify(try bake(changed, as: "one.gguf"), interventions).passes)
    }

    @Test func steeringWithStrengthZeroEqualsTheBase() throws {
        #expect(try verify(base, try mood(0, blocks: [2])).passes)
    }

    @Test func bakingTwiceAddsUp() throws {
        let half = try mood(0.5, blocks: [2])
        let once = try bake(half, as: "once.gguf")
        let edits = try BiasRoute().edits(baking: half, into: once, format: .gguf)
        let plan = try OutputPlan(source: once, edits: edits, format: .gguf)
        // The source is mapped while its own path is replaced.
        _ = try CheckpointWriter(crew: crew).write(plan, to: once.path, replacing: true)
        let twice = try Checkpoint.open(once.path)
        #expect(twice.tensors.count == base.tensors.count + 1)
        #expect(try verify(twice, try mood(1, blocks: [2])).passes)
    }

    @Test func extractionDoesNotDependOnThreads() throws {
        #expect(try extraction(threads: 1).vector == extraction(threads: 2).vector)
    }

    @Test func heldOutPairsAreSeparated() throws {
        let blocks = try extraction().blocks
        #expect(blocks.contains { ($0.heldOut?.pairAccuracy ?? 0) > 0.9 })
        #expect(blocks.allSatisfy { $0.activationNorm > 0 && $0.length > 0 })
    }

    @Test func unitVectorsHaveLengthOne() throws {
        let vector = try extraction(Extraction.Options(method: .pca, normalization: .unit)).vector
        for direction in vector.directions.values {
            #expect(abs(direction.norm - 1) < 1e-5)
        }
    }

    @Test func whatNoBiasCanDoIsRefused() throws {
        var interventions = try mood(1, blocks: [2])
        interventions[0].operation = .ablate
        #expect(throws: BiasRoute.Refusal.notAnAddition(operation: .ablate)) {
            try BiasRoute().edits(baking: interventions, into: base, format: .gguf)
        }
        interventions[0].operation = .add
        interventions[0].site = .embed
        #expect(throws: BiasRoute.Refusal.noSlot(site: .embed)) {
            try BiasRoute().edits(baking: interventions, into: base, format: .gguf)
        }
        interventions[0].site = .residPost
        interventions[0].block = 99
        #expect(throws: VectorError.self) {
            try BiasRoute().edits(baking: interventions, into: base, format: .gguf)
        }
    }

    @Test(arguments: [
        ("qwen2", "refuses"), ("gemma3", "refuses"), ("refact", "never uses"), ("mamba", "refuses"),
    ])
    func runtimesThatWouldNotHonourABiasAreNamed(architecture: String, reason: String) throws {
        let file = try GGUFFile.open(Samples.tinyModel)
        var metadata = file.metadata
        metadata["general.architecture"] = .string(ByteString(architecture))
        let header = try GGUFHeader(
            path: "x", metadata: metadata, tensors: file.tensors.map(\.description))
        let bytes =
            header.bytes + [UInt8](repeating: 0, count: header.fileSize - header.bytes.count)
        let other = try Checkpoint.open(try folder.write(bytes, as: "other.gguf"))
        let refusal = try #require(
            BiasRoute().refusal(of: .add, at: .residPost, in: other, format: .gguf)
                as? BiasRoute.Refusal)
        #expect(refusal.description.contains(reason))
        #expect(refusal.description.contains(architecture))
    }
}
