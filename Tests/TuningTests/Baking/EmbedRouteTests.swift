import Foundation
import TestSupport
import Testing

@testable import Formats
@testable import Transformer
@testable import Tuning

/// Embeddings that are shifted are the model steered before its first block.
@Suite struct EmbedRouteTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let route = EmbedRoute()

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vectors(_ source: Checkpoint) throws -> [Intervention] {
        let width = try source.hyperparameters().hiddenSize
        func vector(_ factor: Int) -> [Float] {
            (0..<width).map { Float(($0 * factor) % 7 - 3) / 8 }
        }
        return [
            Intervention(site: .embed, block: 0, vector: vector(5), strength: 1.5),
            Intervention(site: .embed, block: 0, vector: vector(3), strength: -0.25),
        ]
    }

    private func sum(_ interventions: [Intervention]) -> [Float] {
        interventions.reduce([Float](repeating: 0, count: interventions[0].vector.count)) {
            sum, one in zip(sum, one.vector).map { $0 + one.strength * $1 }
        }
    }

    private func logits(
        _ checkpoint: Checkpoint, _ interventions: [Intervention] = []
    ) throws -> [Float] {
        let decoder = try Decoder(checkpoint: checkpoint, crew: crew)
        let trace = try Trace(
            of: [1, 5, 9, 2, 33, 7, 40, 3, 12], in: decoder, interventions: interventions)
        return try #require(trace["logits"]).values
    }

    private func largest(_ values: [Float]) -> Float { values.map(abs).max() ?? 0 }

    private func check(_ base: Checkpoint, as name: String) throws -> Checkpoint {
        let interventions = try vectors(base)
        let format: FileFormat = name.hasSuffix(".gguf") ? .gguf : .safetensors
        let edits = try route.edits(baking: interventions, into: base, format: format)
        let edited = try folder.write(base, edits, as: name)
        // A folder with a window that llama.cpp does not compute is another model in a GGUF file.
        let same = format == base.format ? base : try folder.write(base, [], as: "same-" + name)
        let steered = try logits(same, interventions)
        let error = largest(zip(try logits(edited), steered).map { $0 - $1 })
        #expect(error <= 1e-5 * largest(steered), "\(error)")
        let verification = try verify(same, edited, interventions)
        #expect(verification.passes)
        #expect(verification.weights.changes.map(\.reason) == [.expected])
        #expect(try !verify(same, edited, Array(interventions.dropLast())).passes)
        let comparison = try CheckpointComparison(same, edited, crew: crew)
        let explanation = try Explanation(comparison, crew: crew)
        let found = try #require(explanation.vectors.first)
        #expect(found.site == .embed && explanation.findings.count <= 2)
        let vector = try #require(found.directions[0])
        let wanted = sum(interventions)
        let distance = largest(zip(vector, wanted).map { $0 - $1 })
        #expect(distance <= 1e-6 * largest(wanted), "\(distance)")
        return edited
    }

    /// What the family's runtimes cannot load is refused by name.
    private func isRefused(_ family: String, in format: FileFormat) -> Bool {
        format == .gguf && ["cohere2", "gemma", "gemma2", "gemma2-scaled"].contains(family)
    }

    @Test(arguments: Families.all)
    func aShiftIsSteeringInEveryFamily(_ family: String) throws {
        let original = try Checkpoint.open(Families.folder(family))
        _ = try check(original, as: "out")
        guard Families.convertible.contains(family) else { return }
        let base = try folder.write(original, [], as: "model.gguf")
        guard !isRefused(family, in: .gguf) else {
            let refusal = EmbedRoute.Refusal.headIsEmbedding(
                architecture: base.architecture?.name ?? "")
            #expect(throws: refusal) {
                try route.edits(baking: vectors(base), into: base, format: .gguf)
            }
            return
        }
        _ = try check(base, as: "out.gguf")
    }

    @Test(arguments: ["qwen2", "gemma3", "gpt2"])
    func theOtherFormatIsWrittenToo(_ family: String) throws {
        let original = try Checkpoint.open(Families.folder(family))
        _ = try check(original, as: "crossed.gguf")
        let base = try folder.write(original, [], as: "model.gguf")
        _ = try check(base, as: "crossed")
    }

    @Test(arguments: ["qwen2", "gemma3", "starcoder2"])
    func aTiedHeadKeepsWhatItWas(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let edited = try check(base, as: "out")
        guard case .huggingFace(let files) = edited.source else { return }
        #expect(files.config?["tie_word_embeddings"] == .bool(false))
        #expect(try !edited.hyperparameters().tiesEmbeddings && edited.head == .own)
        let (head, embedding) = (WeightRole(.output), WeightRole(.tokenEmbedding))
        let own = try #require(base.tensor(embedding))
        #expect(try #require(edited.tensor(head)).hasBytes(of: own))
        let cost = try route.cost(of: vectors(base), in: base, format: .safetensors)
        let size = { (model: Checkpoint) in model.tensors.reduce(0) { $0 + $1.bytes.count } }
        #expect(cost.bytes == size(edited) - size(base) && cost.operations == 0)
    }

    /// A naive twin: each row plus the vector over the model's scale, rounded once.
    @Test(arguments: ["gemma3", "granite"])
    func rowsAreSums(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let interventions = try vectors(base)
        let edited = try folder.write(
            base, route.edits(baking: interventions, into: base, format: .safetensors), as: "out")
        let scale = try base.hyperparameters().embeddingScale
        #expect(scale != 1)
        let shift = sum(interventions).map { Float(Double($0) / scale) }
        let role = WeightRole(.tokenEmbedding)
        let (own, moved) = (
            try #require(base.tensor(role)).values(), try #require(edited.tensor(role)).values()
        )
        #expect(own.count == moved.count)
        for index in own.indices {
            #expect(moved[index] == own[index] + shift[index % shift.count])
        }
    }

    @Test func learnedPositionsMoveInTheirPlace() throws {
        let base = try Checkpoint.open(Families.folder("gpt2"))
        let edited = try check(base, as: "out")
        let embedding = WeightRole(.tokenEmbedding)
        let own = try #require(base.tensor(embedding))
        #expect(try #require(edited.tensor(embedding)).hasBytes(of: own))
        #expect(try edited.hyperparameters().tiesEmbeddings)
        #expect(try route.cost(of: vectors(base), in: base, format: .safetensors).bytes == 0)
    }

    /// Quantised embeddings become f32, and the head has their blocks; 16-bit ones are summed without rounding.
    @Test(arguments: [ElementType.q8_0, .q4_1, .f16, .bf16])
    func coarserEmbeddingsBecomeExact(type: ElementType) throws {
        let types = TypePolicy.keeping(except: "token_embd", as: type)
        let tiny = try Checkpoint.open(Samples.tinyModel)
        // The head that it has is left out, so that it is tied.
        let numbers = try tiny.hyperparameters()
        #expect(numbers.tiesEmbeddings)
        let base = try folder.write(tiny, [.types(types)], as: "base.gguf")
        let embedding = try #require(base.tensor(WeightRole(.tokenEmbedding)))
        #expect(embedding.type == type)
        let edited = try check(base, as: "out.gguf")
        #expect(edited.tensor(WeightRole(.tokenEmbedding))?.type == .f32)
        let head = try #require(edited.tensor(WeightRole(.output)))
        #expect(head.type == type && head.hasBytes(of: embedding))
        let cost = try route.cost(of: vectors(base), in: base, format: .gguf)
        #expect(cost.bytes == 4 * numbers.vocabularySize * numbers.hiddenSize)
        _ = try check(base, as: "out")
    }

    /// Rows of padding have tokens of padding in a GGUF file, and the head has as many.
    @Test func aPaddedHeadHasTheRowsOfItsEmbedding() throws {
        let original = try Checkpoint.open(Families.folder("gemma3"))
        var numbers = try original.hyperparameters()
        numbers.vocabularySize += 8
        let zeros = RowSource.values(
            [Float](repeating: 0, count: 8 * numbers.hiddenSize), .canonical)
        let padded = try folder.write(
            original,
            [
                .set(WeightRole(.tokenEmbedding), .above(.present, zeros), type: nil),
                .model(try original.requireArchitecture(), numbers),
            ], as: "padded")
        let edited = try check(padded, as: "padded.gguf")
        let shapes = [WeightRole.Slot.tokenEmbedding, .output].map {
            edited.tensor(WeightRole($0))?.shape
        }
        #expect(shapes[0] == shapes[1])
    }

    @Test func whatIsNoShiftIsRefused() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let wanted = try vectors(base)
        for format in FileFormat.allCases {
            for site in [Site.residMid, .residPost] {
                #expect(route.refusal(of: .add, at: site, in: base, format: format) != nil)
            }
            for operation in [Intervention.Operation.ablate, .scale] {
                #expect(route.refusal(of: operation, at: .embed, in: base, format: format) != nil)
            }
            var huge = wanted[0]
            huge.strength = 1e6
            #expect(throws: TooLargeAddition.self) {
                try route.edits(baking: [huge], into: base, format: format)
            }
            #expect(throws: VectorError.self) {
                let short = Intervention(site: .embed, block: 0, vector: [1, 2])
                return try route.edits(baking: [short], into: base, format: format)
            }
        }
    }

    @Test(arguments: [
        (-1.0, 1.0, Float(0)), (0.49999999, 0.50000001, 0.5), (-0.500001, -0.499999, -0.5),
        (0.3, 0.4, 0.375), (3, 3, 3), (-7.2, -6.9, -7), (0.1, 0.1, 0.1),
    ])
    func theSimplestNumberIsTaken(lower: Double, upper: Double, expected: Float) {
        #expect(CommonShift.simplest(from: lower, to: upper) == expected)
    }

    @Test func rowsThatMoveDifferentlyAreNoShift() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let role = WeightRole(.tokenEmbedding)
        let rows = try #require(base.tensor(role)?.shape)
        var factors = [Float](repeating: 1, count: rows[0])
        factors[rows[0] - 1] = 1.001
        let update = LowRankUpdate(
            role: role, rank: 1, a: [Float](repeating: 0.5, count: rows[1]), b: factors,
            rows: .same,
            scale: 1)
        let edited = try folder.write(base, [.add(update, type: nil)], as: "out")
        let comparison = try CheckpointComparison(base, edited, crew: crew)
        #expect(try Explanation(comparison, crew: crew).vectors.isEmpty)
    }
}
