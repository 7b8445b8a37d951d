import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Vectors baked as neurons of a constant sum.
@Suite struct WidenRouteTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let route = WidenRoute()

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Two vectors on every block, which add up.
    private func vectors(_ numbers: Hyperparameters) -> [Intervention] {
        (0..<2 * numbers.blockCount).map { number in
            Intervention(
                block: number / 2,
                vector: (0..<numbers.hiddenSize).map {
                    Float(($0 * 7 + number) % 11 - 5) / 9 + 0.013
                }, strength: number % 2 == 0 ? 1 : -0.3)
        }
    }

    private func bake(
        _ interventions: [Intervention], into base: Checkpoint, as name: String
    ) throws -> Checkpoint {
        let format: FileFormat = name.hasSuffix(".gguf") ? .gguf : .safetensors
        return try folder.write(
            base, route.edits(baking: interventions, into: base, format: format), as: name)
    }

    // MARK: - Families

    @Test(arguments: [
        "gemma", "granite", "llama", "llama-biased", "mistral", "phi3", "qwen2", "qwen3",
        "stablelm",
    ])
    func aWiderModelIsTheSteeredOne(_ family: String) throws {
        let original = try Checkpoint.open(Families.folder(family))
        let interventions = try vectors(original.hyperparameters())
        for name in ["folder", "file.gguf"] {
            let base =
                name == "folder" ? original : try folder.write(original, as: "base.gguf")
            let edited = try bake(interventions, into: base, as: name)
            let found = try verify(base, edited, interventions)
            #expect(found.passes && found.logits.relative < 1e-4, "\(name)")
            #expect(try !verify(base, base, interventions).passes)
            // Straight from the folder it is the same file.
            guard name != "folder" else { continue }
            let straight = try bake(interventions, into: original, as: "straight.gguf")
            #expect(
                try CheckpointComparison(edited, straight, crew: crew).changed.isEmpty)
        }
    }

    @Test func aFileCanBeBakedIntoAFolder() throws {
        let base = try folder.write(
            try Checkpoint.open(Families.folder("qwen3")), as: "base.gguf")
        let interventions = try vectors(base.hyperparameters())
        let edited = try bake(interventions, into: base, as: "folder")
        #expect(try verify(base, edited, interventions).passes)
    }

    @Test func onlyTheFeedForwardPartsAndTheWidthChange() throws {
        let base = try folder.write(
            try Checkpoint.open(Families.folder("qwen3")), as: "base.gguf")
        let numbers = try base.hyperparameters()
        let edited = try bake(Array(vectors(numbers).prefix(1)), into: base, as: "edited.gguf")
        let found = try CheckpointComparison(base, edited, crew: crew)
        #expect(found.changed.count == 3 * numbers.blockCount)
        #expect(found.changed.allSatisfy { $0.name.contains("ffn_") && $0.status == .otherShape })
        #expect(found.allSettings.filter(\.isDifference).count == 1)
        #expect(
            try edited.hyperparameters().feedForwardSize
                == numbers.feedForwardSize + 2 * numbers.hiddenSize)
        let cost = try route.cost(of: [], in: base, format: .gguf)
        let bytes = [edited, base].map { $0.tensors.reduce(0) { $0 + $1.bytes.count } }
        #expect(cost.bytes == bytes[0] - bytes[1])
        #expect(
            cost.operations == numbers.blockCount * 6 * numbers.hiddenSize * numbers.hiddenSize)
    }

    // MARK: - Types

    /// A model with uneven norms whose feed-forward parts are stored in a type.
    private func wideModel(_ type: ElementType, outlier: Float = 1) throws -> Checkpoint {
        let path = folder.path("wide-\(outlier)")
        try WideModel.write(to: path)
        let source = try Checkpoint.open(path)
        var edits: [CheckpointEdit] = [
            .types(.keeping(except: "ffn_", as: type))
        ]
        for block in 0..<WideModel.blockCount {
            let gains = (0..<WideModel.width).map { (index: Int) -> Float in
                0.3 + Float((index * 37 + block) % 64) / 40
            }
            edits.append(
                .set(.block(block, .feedForwardNorm), values: gains, form: .canonical, type: .f32))
        }
        if outlier != 1, var values = try source.tensor(WeightRole(.tokenEmbedding))?.values() {
            for row in 0..<WideModel.vocabularySize { values[row * WideModel.width + 5] *= outlier }
            edits.append(
                .set(WeightRole(.tokenEmbedding), values: values, form: .canonical, type: .f32))
        }
        return try folder.write(source, edits, as: "wide-\(type.name)-\(outlier).gguf")
    }

    /// How far the added vector is from the one asked for, as a share of it: the largest over the tokens.
    private func error(
        of edited: Checkpoint, _ base: Checkpoint, _ intervention: Intervention
    ) throws -> Double {
        let tokens = [1, 5, 9, 2, 33, 7, 40, 12]
        let name = "resid_post.\(intervention.block)"
        let steered = try Trace(
            of: tokens, in: Decoder(checkpoint: base, crew: crew), interventions: [intervention])
        let found = try Trace(of: tokens, in: Decoder(checkpoint: edited, crew: crew))
        let (left, right) = (try #require(steered[name]), try #require(found[name]))
        let size = intervention.vector.norm * Double(intervention.strength)
        return (0..<left.rows).map { row in
            let range = (row * left.columns)..<((row + 1) * left.columns)
            return zip(left.values[range], right.values[range]).map { $1 - $0 }.norm / size
        }.max() ?? .infinity
    }

    /// Bounds are a few times what was measured; f32's is the rounding of the stream.
    @Test(arguments: [
        (ElementType.f32, 5e-5, 5e-5), (.f16, 2e-4, 1e-3), (.bf16, 1e-3, 5e-3), (.q8_0, 2e-4, 2e-3),
        (.q4_0, 2e-4, 2e-3), (.q5_1, 5e-4, 3e-3), (.q2K, 5e-4, 3e-3), (.q3K, 5e-4, 3e-3),
        (.q4K, 5e-4, 3e-3), (.q5K, 2e-3, 5e-3), (.q6K, 5e-4, 3e-3),
    ])
    func theAddedVectorIsExactInEveryType(
        _ type: ElementType, bound: Double, outlierBound: Double
    ) throws {
        for (outlier, bound) in [(Float(1), bound), (40, outlierBound)] {
            let base = try wideModel(type, outlier: outlier)
            let vector = (0..<WideModel.width).map { Float(($0 * 29) % 61 - 30) / 170 + 0.0017 }
            let intervention = Intervention(block: 1, vector: vector)
            let edited = try bake([intervention], into: base, as: "edited.gguf")
            let found = try error(of: edited, base, intervention)
            print("vector", type.name, outlier, found)
            #expect(found < bound, "\(type.name), outlier \(outlier)")
            // Every block that was there keeps its bytes.
            let (old, new) = (
                try #require(base.tensor(.block(1, .feedForwardGate))),
                try #require(edited.tensor(.block(1, .feedForwardGate)))
            )
            #expect(try #require(new.rows(0..<256)).hasBytes(of: old))
            let down = try #require(edited.tensor(.block(1, .feedForwardDown)))
            let oldDown = try #require(base.tensor(.block(1, .feedForwardDown)))
            var ownRow = [Float](repeating: 0, count: 256)
            let formerRow = try Array(oldDown.values()[256..<512])
            let start = (down.canonicalShape[1])
            try ownRow.withUnsafeMutableBufferPointer {
                try down.widen(start..<(start + 256), into: $0)
            }
            #expect(ownRow == formerRow)
        }
    }

    @Test(arguments: [ElementType.q8_0, .q4K])
    func theVectorIsFoundInAQuantisedFile(_ type: ElementType) throws {
        let base = try wideModel(type)
        let vector = (0..<WideModel.width).map { Float(($0 * 29) % 61 - 30) / 170 }
        let edited = try bake(
            [Intervention(block: 2, vector: vector)], into: base, as: "edited.gguf")
        let comparison = try CheckpointComparison(base, edited, crew: crew)
        let found = try #require(try Explanation(comparison, crew: crew).vectors.first)
        #expect(found.blocks == [2])
        let back = try #require(found.directions[2])
        #expect(zip(back, vector).map { $0 - $1 }.norm < 1e-3 * vector.norm)
    }

    @Test(arguments: ["gemma", "granite", "phi3", "stablelm"])
    func theVectorIsFoundInEveryFamily(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let intervention = try vectors(base.hyperparameters())[2]
        let edited = try bake([intervention], into: base, as: "edited")
        let comparison = try CheckpointComparison(base, edited, crew: crew)
        let explanation = try Explanation(comparison, crew: crew)
        let back = try #require(explanation.vectors.first?.directions[1])
        #expect(zip(back, intervention.vector).map { $0 - $1 }.norm < 1e-5 * back.norm)
        #expect(
            !explanation.findings.contains { finding in
                if case .unclear = finding { true } else { false }
            })
    }

    // MARK: - Refusals

    @Test(arguments: [
        ("mixtral", "experts"), ("qwen3_moe", "experts"), ("gemma2", "passes a norm"),
        ("gemma3", "passes a norm"), ("olmo2", "passes a norm"), ("gpt2", "no gate"),
        ("gpt_neox", "no gate"), ("starcoder2", "no gate"),
    ])
    func aFamilyWithoutAConstantSumIsRefused(_ family: String, reason: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let wanted = try vectors(base.hyperparameters())
        let refusal = route.refusal(of: wanted, in: base, format: .safetensors)
        #expect(refusal?.description.contains(reason) == true)
        #expect(throws: WidenRoute.Refusal.self) {
            try route.edits(baking: wanted, into: base, format: .safetensors)
        }
    }

    @Test func whatIsNoAdditionToTheOutputIsRefused() throws {
        let base = try Checkpoint.open(Families.folder("qwen3"))
        #expect(route.refusal(of: .ablate, at: .residPost, in: base, format: .gguf) != nil)
        #expect(route.refusal(of: .add, at: .residMid, in: base, format: .gguf) != nil)
        let width = try base.hyperparameters().hiddenSize
        for wrong in [
            Intervention(block: 9, vector: [Float](repeating: 1, count: width)),
            Intervention(block: -1, vector: [Float](repeating: 1, count: width)),
            Intervention(block: 0, vector: [1, 2]),
            Intervention(block: 0, vector: [Float](repeating: 1e5, count: width)),
            Intervention(block: 0, vector: [Float](repeating: .nan, count: width)),
        ] {
            #expect(throws: (any Error).self) {
                try route.edits(baking: [wrong], into: base, format: .gguf)
            }
        }
    }

    private func changed(
        _ family: String, _ role: WeightRole, _ change: ([Float]) -> [Float]
    ) throws -> Checkpoint {
        let source = try folder.write(Checkpoint.open(Families.folder(family)), as: "source.gguf")
        let values = try #require(source.tensor(role)).values()
        return try folder.write(
            source, [.set(role, values: change(values), form: .canonical, type: .f32)],
            as: "changed.gguf")
    }

    @Test func aCoordinateThatTheNormHidesIsRefused() throws {
        for hidden in [Float(0), 1e-30, -1e-30] {
            let base = try changed("qwen3", .block(1, .feedForwardNorm)) { values in
                var values = values
                values[3] = hidden
                return values
            }
            let wanted = try vectors(base.hyperparameters())
            #expect(throws: WidenRoute.Refusal.self) {
                try route.edits(baking: wanted, into: base, format: .gguf)
            }
            // Blocks that get zeros need no norm.
            _ = try route.edits(baking: Array(wanted.prefix(1)), into: base, format: .gguf)
        }
    }

    @Test func biasesOfALayerNormThatCannotBeTakenAwayAreRefused() throws {
        let role = WeightRole.block(0, .feedForwardNorm, .bias)
        let gains = try #require(
            try Checkpoint.open(Families.folder("stablelm")).tensor(.block(0, .feedForwardNorm))
        ).values()
        let alternating = try changed("stablelm", role) { values in
            values.indices.map { $0 % 2 == 0 ? gains[$0] : -gains[$0] }
        }
        let wanted = try vectors(alternating.hyperparameters())
        #expect(throws: WidenRoute.Refusal.self) {
            try route.edits(baking: wanted, into: alternating, format: .gguf)
        }
        let none = try changed("stablelm", role) { $0.map { _ in 0 } }
        let edited = try bake(wanted, into: none, as: "edited.gguf")
        #expect(try verify(none, edited, wanted).passes)
    }
}
