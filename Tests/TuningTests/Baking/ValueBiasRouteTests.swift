import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// A vector after attention as a bias of the values, where every query head has values of its own.
@Suite struct ValueBiasRouteTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let route = ValueBiasRoute()

    init() throws {
        folder = try TemporaryFolder()
    }

    private func wanted(_ width: Int) -> [Intervention] {
        [0, 1].map { block in
            Intervention(
                site: .residMid, block: block,
                vector: (0..<width).map { Float(($0 * 7 + block) % 5 - 2) / 7 }, strength: 1.5)
        }
    }

    @Test(
        arguments: ["stablelm", "phi3", "phi4"], [ElementType.f32, .f16])
    func aBiasOfTheValuesEqualsSteering(_ family: String, type: ElementType) throws {
        let base = try WideFamily.write(
            family, type: type, isGrouped: false, to: folder, as: "base.gguf")
        let wanted = wanted(WideFamily.width)
        let edits = try route.edits(baking: wanted, into: base, format: .gguf)
        let edited = try folder.write(base, edits, as: "edited.gguf")
        // StableLM's has biases of the values, which change.
        for tensor in base.tensors where tensor.role?.part != .bias {
            #expect(edited.tensors.contains { $0.hasBytes(of: tensor) })
        }
        let found = try verify(base, edited, wanted)
        #expect(found.passes, "\(found.logits.relative) \(found.weights.unexplained)")
        #expect(found.logits.relative <= 1e-5 && found.logitEffect > 1e-2)
        #expect(try !verify(base, base, wanted).passes)
        let cost = try route.cost(of: wanted, in: base, format: .gguf)
        #expect(try route.remarks(on: wanted, in: base).count == 2)
        func size(_ model: Checkpoint) -> Int { model.tensors.reduce(0) { $0 + $1.bytes.count } }
        #expect(cost.bytes == size(edited) - size(base))
    }

    /// Its folders have one for queries, keys and values, and keep what is in it.
    @Test func aFolderThatHasTheBiasKeepsIt() throws {
        let base = try WideFamily.write("stablelm", isGrouped: false, to: folder, as: "base")
        #expect(base.tensor(.block(0, .attentionValue, .bias)) != nil)
        let wanted = wanted(WideFamily.width)
        let edits = try route.edits(baking: wanted, into: base, format: .safetensors)
        let edited = try folder.write(base, edits, as: "edited")
        let found = try verify(base, edited, wanted)
        #expect(found.passes && found.logits.relative <= 1e-5)
        let key = WeightRole.block(0, .attentionKey, .bias)
        #expect(try edited.tensor(key)?.values() == base.tensor(key)?.values())
    }

    @Test func theVectorIsReadBackFromAFusedBias() throws {
        let base = try WideFamily.write("phi4", isGrouped: false, to: folder, as: "base.gguf")
        let wanted = wanted(WideFamily.width)
        let edits = try route.edits(baking: wanted, into: base, format: .gguf)
        let edited = try folder.write(base, edits, as: "edited.gguf")
        let explanation = try Explanation(
            CheckpointComparison(base, edited, crew: crew), crew: crew)
        let found = try #require(explanation.vectors.first)
        #expect(found.site == .residMid)
        for one in wanted {
            let error = zip(found.directions[one.block] ?? [], one.vector)
                .map { abs($0 - 1.5 * $1) }.max()
            #expect((error ?? 1) < 1e-5)
        }
    }

    @Test func whatItCannotReachIsRefused() throws {
        func refusal(_ base: Checkpoint, _ format: FileFormat, _ site: Site = .residMid)
            -> ValueBiasRoute.Refusal?
        {
            route.refusal(of: .add, at: site, in: base, format: format) as? ValueBiasRoute.Refusal
        }
        let grouped = try Checkpoint.open(Families.folder("stablelm"))
        #expect(refusal(grouped, .gguf) == .outOfReach(reached: 16, width: 32))
        let own = try WideFamily.write("phi4", isGrouped: false, to: folder, as: "own")
        #expect(refusal(own, .gguf) == nil)
        #expect(
            refusal(own, .safetensors) == .untried(runtime: "transformers", architecture: "phi3"))
        #expect(refusal(own, .gguf, .residPost) == .otherSite(site: .residPost))
        let normed = try Checkpoint.open(Families.folder("olmo2"))
        #expect(refusal(normed, .gguf) == .postNorm(architecture: "olmo2"))
    }

    /// Runtimes quantise what a quantised matrix reads.
    @Test(arguments: [ElementType.q8_0, .q4K])
    func aQuantisedProjectionIsRefused(type: ElementType) throws {
        let base = try WideFamily.write(
            "stablelm", type: type, isGrouped: false, to: folder, as: "base.gguf")
        #expect(
            route.refusal(of: .add, at: .residMid, in: base, format: .gguf)
                as? ValueBiasRoute.Refusal == .quantizedOutput(block: 0))
        #expect(throws: ValueBiasRoute.Refusal.quantizedOutput(block: 0)) {
            try route.edits(baking: wanted(WideFamily.width), into: base, format: .gguf)
        }
    }

    /// A projection that loses a direction, and one that nearly does.
    @Test func aProjectionWithoutFullRankIsRefused() throws {
        let base = try WideFamily.write(
            "stablelm", isGrouped: false, to: folder, as: "base.gguf")
        let role = WeightRole.block(0, .attentionOutput)
        let width = WideFamily.width
        let output = try #require(try CheckpointWeights(base).matrix(role))
        var values = output.widened(crew: crew).values
        for scale in [Float(0), 1e-7] {
            for column in 0..<width {
                values[column] = values[width + column] + scale * values[2 * width + column]
            }
            let broken = try folder.write(
                base, [.set(role, values: values, form: .canonical, type: .f32)],
                as: "broken.gguf")
            #expect(throws: ValueBiasRoute.Refusal.self) {
                try route.edits(baking: wanted(width), into: broken, format: .gguf)
            }
        }
    }
}
