import Formats
import Transformer

/// How far two computations of the same model may be apart, derived from the number formats alone.
///
/// Adding a vector as a bias, (Wx + v) + r, and to the stream, (Wx + r) + v, rounds in a different order; other file
/// formats order the sums differently; another element type rounds each weight. What may remain is
///
///     4 · √(2 · blocks) · (2⁻²⁴ · √(longest sum) + unit roundoff of the storage)
///
/// relative to the stream: rounding errors of independent sub-layers, two a block, add up like a random walk.
public struct Tolerance: Sendable, Hashable {
    /// Relative to the norm of a token's stream, and to the largest logit.
    public let relative: Double
    /// The largest error allowed as a share of what steering changes: an edit that is off by a hundredth must fail.
    public let effectShare: Double
    /// What f32 leaves of a stream's length after all sub-layers, as a share of it: 4 · √(2 · blocks) · 2⁻²⁴. A difference
    /// below it is no evidence, whatever share of a small effect it is.
    public let rounding: Double
    /// How it was derived, in one line.
    public let derivation: String

    /// The share of the effect that is allowed where both files store their weights alike.
    private static let exactShare = 0.005
    /// The same where the edited file stores them more coarsely.
    private static let coarseShare = 0.25

    /// - Parameter override: a relative tolerance the user asked for.
    init(base: Checkpoint, edited: Checkpoint, override: Double?) throws {
        let numbers = try base.hyperparameters()
        let coarsest = Self.coarsestStorage(base: base, edited: edited)
        let storage = coarsest.map(Self.unitRoundoff) ?? 0
        let longest = max(numbers.hiddenSize, numbers.feedForwardSize)
        let arithmetic = 0x1p-24 * Double(longest).squareRoot()
        let steps = Double(2 * numbers.blockCount).squareRoot()
        rounding = 4 * steps * 0x1p-24
        effectShare = storage > 0 ? Self.coarseShare : Self.exactShare
        if let override {
            relative = override
            derivation = "given by --tolerance"
        } else {
            relative = 4 * steps * (arithmetic + storage)
            let rounding = coarsest.map { " + \($0.name)'s rounding" } ?? ""
            derivation =
                "4 x sqrt(2 x \(numbers.blockCount) blocks) x (2^-24 x sqrt(\(longest))\(rounding))"
        }
    }

    /// The unit roundoff of the coarsest type in which the edited file keeps a bias that the base has not or has otherwise:
    /// how well a vector can be stored there.
    static func vectorStorage(base: Checkpoint, edited: Checkpoint) -> Double {
        let changed = edited.tensors.filter { tensor in
            guard let role = tensor.role, role.part == .bias, role.block != nil else {
                return false
            }
            return base.tensor(role).map { !$0.hasBytes(of: tensor) } ?? true
        }
        return changed.map { unitRoundoff($0.type) }.max() ?? 0
    }

    /// The coarsest type that the edited file stores a weight in where the base has a finer one.
    private static func coarsestStorage(base: Checkpoint, edited: Checkpoint) -> ElementType? {
        var coarsest: ElementType?
        for tensor in edited.tensors {
            guard let role = tensor.role, let original = base.tensor(role),
                original.type != tensor.type,
                unitRoundoff(tensor.type) > 0,
                original.type.isQuantized || unitRoundoff(tensor.type) > unitRoundoff(original.type)
            else { continue }
            if unitRoundoff(tensor.type) > coarsest.map(unitRoundoff) ?? 0 {
                coarsest = tensor.type
            }
        }
        return coarsest
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
