import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Blocks of short convolutions have places of their own for what is baked; the routes that every family takes are in
/// `FamilyBakeTests`.
@Suite struct ShortConvolutionBakeTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vectors(_ blocks: [Int], _ width: Int) -> [Intervention] {
        blocks.map { block in
            Intervention(
                site: .residMid, block: block,
                vector: (0..<width).map { Float(($0 * 5 + block) % 7 - 3) / 9 })
        }
    }

    /// In a model without such biases, and on top of those that are there.
    @Test(arguments: [("lfm2", [0, 2, 3]), ("lfm2-biased", [1, 2]), ("lfm2-wrapped", [0])])
    func theConvolutionsOutputTakesABias(_ family: String, blocks: [Int]) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let wanted = vectors(blocks, try base.hyperparameters().hiddenSize)
        let route = try BakeRoutes.route(
            named: nil, for: wanted, in: base, format: .safetensors)
        #expect(route.name == "bias")
        let edited = try folder.write(
            base, route.edits(baking: wanted, into: base, format: .safetensors), as: family)
        let found = try verify(base, edited, wanted)
        #expect(found.passes && found.logits.relative <= 1e-5, "\(found.logits.relative)")
        #expect(try !verify(base, base, wanted).passes)
        let comparison = try CheckpointComparison(base, edited, crew: WorkCrew(threads: 2))
        let vector = try #require(
            Explanation(comparison, crew: WorkCrew(threads: 2)).vectors.first)
        #expect(vector.site == .residMid && vector.directions.keys.sorted() == blocks)
    }

    @Test func whereAttentionMixesNoBiasIsLoaded() throws {
        let base = try Checkpoint.open(Families.folder("lfm2"))
        let width = try base.hyperparameters().hiddenSize
        let attention = BiasRoute.Refusal.transformersDrops(
            modelType: "lfm2", projection: "attention output")
        #expect(throws: attention) {
            try BiasRoute().edits(
                baking: vectors([0, 1], width), into: base, format: .safetensors)
        }
        let convolution = BiasRoute.Refusal.llamaCppRefuses(
            architecture: "lfm2", tensor: "blk.N.shortconv.out_proj.bias")
        #expect(throws: convolution) {
            try BiasRoute().edits(baking: vectors([2], width), into: base, format: .gguf)
        }
    }
}
