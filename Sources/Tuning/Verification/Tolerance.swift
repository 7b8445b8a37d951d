import Formats
import Transformer

/// How far two computations of the same model may be apart, derived from the number formats alone.
///
/// Adding a vector as a bias, (Wx + v) + r, and to the stream, (Wx + r) + v, rounds in a different order; other file
/// formats order the sums differently. What may remain is
///
///     4 · √(2 · blocks) · 2⁻²⁴ · √(longest sum)
///
/// relative to the stream, and twice that where matrices hold the edit, whose own rounding then differs too: rounding errors of
/// independent sub-layers, two a block, add up like a random walk. The types that weights are stored in have no part in it: both sides run on the same rounded weights. Only where a matrix holds
/// the edit in another type than the base's is that rounding unknown; what rounding the base's own does is measured then.
/// Where blocks are gated delta nets, how far the model carries 2⁻²⁴ · √(longest sum) of each sub-layer is measured as well
/// (`ComparedModels.carriedRounding`), and 4 or 8 times that is the bound where it is more.
/// Where the feed-forward parts are wider, four times the norms' ε is added: what new neurons write is smaller by ε of
/// the stream's mean square.
package struct Tolerance: Sendable, Hashable {
    /// Relative to the norm of a token's stream, and to the largest logit.
    package let relative: Double
    /// The largest error allowed as a share of what steering changes: an edit that is off by a hundredth must fail.
    package let effectShare: Double
    /// What f32 leaves of a stream's length after all sub-layers, as a share of it: 4 · √(2 · blocks) · 2⁻²⁴. A difference
    /// below it is no evidence, whatever share of a small effect it is.
    package let rounding: Double
    /// What sums in another order leave of a stream and of the logits, as a share: 4 · √(2 · blocks) · 2⁻²⁴ · √(longest
    /// sum), or 4 times what was measured. Two runs of one model on different kernels are no further apart.
    let reordering: Double
    /// Whether the bounds were measured, rather than derived.
    let isMeasured: Bool
    /// Whether the user gave it.
    package let isGiven: Bool
    /// How it was derived, in one line.
    package let derivation: String

    /// The share of the effect that is allowed where rounding does no more.
    private static let exactShare = 0.005

    /// What sums in another order leave of one sub-layer's result, as a share: 2⁻²⁴ · √(longest sum).
    ///
    /// - Throws: as `Checkpoint.hyperparameters`.
    static func sumRounding(base: Checkpoint, edited: Checkpoint) throws -> Double {
        let (numbers, other) = try (base.hyperparameters(), edited.hyperparameters())
        return 0x1p-24 * Double(longestSum(numbers, other)).squareRoot()
    }

    private static func longestSum(_ base: Hyperparameters, _ edited: Hyperparameters) -> Int {
        max(
            base.hiddenSize, base.widestFeedForward, edited.widestFeedForward,
            base.deltaNet?.valueWidth ?? 0)
    }

    /// - Parameters:
    ///   - noise: what the rounding of the matrices that hold the edit was measured to do; nil where none is rounded.
    ///   - carried: how far the model was measured to carry `sumRounding` of each sub-layer; nil where it keeps it as it is.
    ///   - matricesHoldEdit: whether the edit is in matrices.
    ///   - override: a relative tolerance the user asked for.
    init(
        base: Checkpoint, edited: Checkpoint, noise: StorageNoiseMeasurement?,
        carried: Double?, matricesHoldEdit: Bool, override: Double?
    ) throws {
        let numbers = try base.hyperparameters()
        let other = try edited.hyperparameters()
        let longest = Self.longestSum(numbers, other)
        let steps = Double(2 * numbers.blockCount).squareRoot()
        // What new neurons add stands behind a norm.
        let isWidened = other.widestFeedForward > numbers.widestFeedForward
        let epsilon = isWidened ? 4 * Double(numbers.normEpsilon) : 0
        let factor = matricesHoldEdit ? 8 : 4
        let measured = 4 * (noise?.relative ?? 0)
        rounding = 4 * steps * 0x1p-24
        let derived = rounding * Double(longest).squareRoot()
        reordering = max(derived, 4 * (carried ?? 0))
        let arithmetic = Double(factor) / 4 * reordering + epsilon
        effectShare = max(Self.exactShare, 4 * (noise?.effectShare ?? 0))
        isMeasured =
            measured > arithmetic || effectShare > Self.exactShare || reordering > derived
        isGiven = override != nil
        if let override {
            relative = override
            derivation = "given by --tolerance"
        } else if measured > arithmetic {
            relative = measured
            derivation =
                "4 x what rounding the weights that hold the edit does"
        } else {
            relative = arithmetic
            derivation =
                (reordering > derived
                    ? "\(factor) x what the delta nets make of 2^-24 x sqrt(\(longest)) in each sub-layer"
                    : "\(factor) x sqrt(2 x \(numbers.blockCount) blocks) x 2^-24 x sqrt(\(longest))")
                + (epsilon > 0 ? " + 4 x the norms' \(numbers.normEpsilon)" : "")
        }
    }

    /// The unit roundoff of the coarsest type in which the edited file keeps a bias that the base has not or has otherwise:
    /// how well a vector can be stored there. Of one that many new neurons or heads hold together, f16's at least.
    static func vectorStorage(base: Checkpoint, edited: Checkpoint) -> Double {
        let isGrown = edited.tensors.contains { tensor in
            guard let role = tensor.role, role.block != nil, let own = base.tensor(role) else {
                return false
            }
            return own.canonicalShape != tensor.canonicalShape
        }
        let changed = edited.tensors.filter { tensor in
            guard let role = tensor.role, role.part == .bias, role.block != nil else {
                return false
            }
            return base.tensor(role).map { !$0.hasBytes(of: tensor) } ?? true
        }
        return (changed.map { unitRoundoff($0.type) } + [isGrown ? unitRoundoff(.f16) : 0]).max()
            ?? 0
    }

    /// The same of matrices that hold the edit in these types; what quantised ones round is measured.
    static func matrixStorage(_ types: some Sequence<ElementType>) -> Double {
        types.filter(\.isPlainFloat).map(unitRoundoff).max() ?? 0
    }

    /// Half the distance between neighbouring numbers near 1, beyond f32's own.
    private static func unitRoundoff(_ type: ElementType) -> Double {
        switch type {
        case .f64, .f32: 0
        case .f16: 0x1p-11
        case .bf16: 0x1p-8
        default: type.isQuantized ? 0x1p-4 : 0
        }
    }
}

extension Hyperparameters {
    fileprivate var widestFeedForward: Int { sizesOfBlocks.map(\.feedForwardSize).max() ?? 0 }
}
