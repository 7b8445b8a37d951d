import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Directions removed from what is written to the stream, at any strength and in any blocks: online, in the weights, backward.
@Suite struct WrittenAblationTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let route = AblationRoute()
    private let tokens = [40, 3, 3, 12, 8, 21, 6, 14, 2, 30]

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector(_ width: Int, _ seed: Int) -> [Float] {
        (0..<width).map { Float(($0 * (7 + 4 * seed) + 3 * seed) % 11) / 4 - 1 }
    }

    /// A part at the embedding, more than all after one block's attention, a span after its feed-forward part.
    private func wanted(_ sizes: Hyperparameters, atEmbedding: Bool) -> [Intervention] {
        let width = sizes.hiddenSize
        func removal(_ site: Site, _ block: Int, _ seed: Int, _ strength: Float) -> Intervention {
            Intervention(
                site: site, block: block, operation: .ablateOutput, vector: vector(width, seed),
                strength: strength)
        }
        return (atEmbedding ? [removal(.embed, 0, 2, 0.5)] : []) + [
            removal(.residMid, 1, 0, 2), removal(.residPost, 1, 0, 0.75),
            removal(.residPost, 1, 1, 0.75), removal(.residPost, 0, 1, -0.5),
        ]
    }

    @Test(arguments: Families.all)
    func weightsHoldAnyStrengthInAnyBlock(_ family: String) throws {
        let original = try Checkpoint.open(Families.folder(family))
        let bases =
            try [original]
            + (Families.convertible.contains(family)
                ? [folder.write(original, as: family + ".gguf")] : [])
        for base in bases {
            let architecture = try base.requireArchitecture()
            let hasHead =
                base.format == .safetensors || architecture.rule(for: .output)?.gguf != nil
            let wanted = wanted(try base.hyperparameters(), atEmbedding: hasHead)
            if architecture.residualPath == .normed {
                #expect(
                    route.refusal(of: wanted, in: base, format: base.format)
                        as? AblationRoute.Refusal == .postNorm(architecture: architecture.name))
                continue
            }
            let edits = try route.edits(baking: wanted, into: base, format: base.format)
            let edited = try folder.write(
                base, edits, as: "edited" + (base.format == .gguf ? ".gguf" : ""))
            let found = try verify(base, edited, wanted)
            #expect(
                found.verdict == .equal,
                "\(base.format): \(found.logits.relative), \(found.weights.unexplained)")
            #expect(found.logits.relative <= 1e-5 && found.logitEffect > 1e-3)
            #expect(try !verify(base, base, wanted).passes)
            var weaker = wanted
            weaker[1].strength *= 0.9
            #expect(try !verify(base, edited, weaker).passes)
        }
    }

    /// From the stream everywhere, or from all that is written everywhere.
    @Test func wholeEverywhereIsTheSame() throws {
        let base = try Checkpoint.open(Families.folder("granite"))
        let sizes = try base.hyperparameters()
        let stream = [
            Intervention(block: 0, operation: .ablate, vector: vector(sizes.hiddenSize, 0))
        ].everywhere(blockCount: sizes.blockCount)
        let written = stream.map { one in
            var copy = one
            copy.operation = .ablateOutput
            return copy
        }
        let files = try [stream, written].map { wanted in
            try folder.write(
                base, route.edits(baking: wanted, into: base, format: .safetensors),
                as: "\(wanted[0].operation)")
        }
        for (one, other) in zip(files[0].tensors, files[1].tensors) {
            #expect(one.hasBytes(of: other))
        }
        #expect(try verify(base, files[0], written).passes)
        #expect(
            route.refusal(of: stream + written, in: base, format: .gguf) as? AblationRoute.Refusal
                == .twoKinds)
    }

    /// The gradient of a weight that is not edited is that in the model which holds the edit.
    @Test(arguments: ["granite", "gpt_neox", "qwen3_moe"])
    func gradientsAreThoseOfTheEditedModel(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let sizes = try base.hyperparameters()
        let wanted = wanted(sizes, atEmbedding: true)
        let edited = try folder.write(
            base, route.edits(baking: wanted, into: base, format: .safetensors), as: "edited")
        let role = WeightRole.block(0, .attentionNorm)
        func gradient(_ model: Checkpoint, _ interventions: [Intervention]) throws -> [Float] {
            let pass = try GradientPass(Decoder(checkpoint: model, crew: crew))
            try pass.forward([DecoderSlice(tokens)], interventions: interventions)
            let gradients = StreamGradients(pass)
            for row in tokens.indices {
                gradients.add(
                    vector(sizes.hiddenSize, 3 + row), at: .residPost, block: sizes.blockCount - 1,
                    row: row)
            }
            let sink = GradientSink(weights: [role: FloatBuffer(count: sizes.hiddenSize)])
            pass.backward(gradients, into: sink)
            return sink.weights[role]?.values ?? []
        }
        let online = try gradient(base, wanted)
        let baked = try gradient(edited, [])
        let difference = zip(online, baked).map { $0 - $1 }
        #expect(online.norm > 0 && difference.norm <= 1e-5 * online.norm)
        let plain = zip(online, try gradient(base, [])).map { $0 - $1 }
        #expect(plain.norm > 1e-2 * online.norm)
    }
}
