import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Edits of a file whose matrices are multiplied by scales of their own: steered and edited model are held against each
/// other from the written file, as for any other.
@Suite struct StoredScaleVerificationTests {
    private let models: VerifiedModels
    private let base: Checkpoint

    /// The wide model in NVFP4, blocks and scales as a converter chooses them: the largest block of a matrix gets the
    /// largest scale that a block can have.
    init() throws {
        models = try VerifiedModels()
        let wide = try models.wide()
        let edits = try wide.tensors.flatMap { tensor -> [CheckpointEdit] in
            guard let role = tensor.role, role.block != nil, tensor.shape.count == 2 else {
                return []
            }
            let values = try tensor.values()
            let largest = values.reduce(0) { max($0, abs($1)) }
            let scale = largest / (6 * 448)
            return [
                .set(
                    role, values: values.map { $0 / scale }, form: tensor.form.orderOnly,
                    type: .nvfp4),
                .set(
                    WeightRole(role.slot, .scale), values: [scale], form: .canonical, type: .f32),
            ]
        }
        base = try models.write(wide, edits, as: "scaled.gguf")
    }

    private func steering(_ operation: Intervention.Operation) -> [Intervention] {
        [Intervention(block: 1, operation: operation, vector: models.vector(base), strength: 0.5)]
    }

    /// llama.cpp aborts on a bias beside a scaled feed-forward matrix in NVFP4.
    @Test func noBiasStandsBesideAScale() throws {
        let refusal =
            BiasRoute().refusal(
                of: .add, at: .residPost, in: base, format: .gguf) as? BiasRoute.Refusal
        #expect(refusal == .llamaCppScales(tensor: "blk.0.ffn_down.scale"))
        #expect(BiasRoute().refusal(of: .add, at: .residMid, in: base, format: .gguf) == nil)
        #expect(
            BiasRoute().refusal(of: .add, at: .residPost, in: base, format: .safetensors) == nil)
    }

    @Test func aVectorIsBakedBesideAttention() throws {
        let steering = [Intervention(site: .residMid, block: 1, vector: models.vector(base))]
        let edits = try BiasRoute().edits(baking: steering, into: base, format: .gguf)
        let edited = try models.write(base, edits, as: "biased.gguf")
        #expect(try models.verify(base, edited, steering).verdict == .equal)
        #expect(try models.verify(base, base, steering).verdict == .notEqual)
    }

    /// A folder holds the products, and takes a bias everywhere.
    @Test func aVectorIsBakedIntoAFolder() throws {
        let steering = steering(.add)
        let edits = try BiasRoute().edits(baking: steering, into: base, format: .safetensors)
        let edited = try models.write(base, edits, as: "folder")
        #expect(try models.verify(base, edited, steering).verdict == .equal)
    }

    /// The rounding of four bits hides what a tensor loses in such a small model, and is itself what is expected.
    @Test(arguments: [ElementType.nvfp4, .q8_0])
    func aDirectionIsAblatedInTheWeights(type: ElementType) throws {
        let directions = RemovedSpan(of: [models.vector(base)]).directions
        let ablated = try models.ablate(directions, strength: 1, in: base, type: type)
        let role = WeightRole.block(1, .feedForwardDown)
        let factors = try [base, ablated].map { try #require($0.tensor(role)).form.factor }
        #expect(factors[1] == (type == .nvfp4 ? 2 : 1) * factors[0])
        let result = try models.verify(base, ablated, directions.flatMap(models.ablations))
        #expect(result.weightsPass)
        #expect(result.verdict == .equal || type == .nvfp4)
    }
}
