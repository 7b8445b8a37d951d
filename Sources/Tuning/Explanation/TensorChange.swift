public import Formats

/// A changed tensor with what was measured to say how.
public struct TensorChange: Sendable {
    /// What the change of one tensor looks like.
    enum Form: Sendable {
        /// What the types round off, and nothing else.
        case rounding
        case bias
        /// A norm, or another list of numbers.
        case vector
        case scaled(Double)
        case rows(Int)
        case ablation(AblationFit)
        case lowRank(Int)
        case fullRank
    }

    public let tensor: TensorDifference
    /// Nil for vectors and for matrices too small to have one.
    public let spectrum: ChangeSpectrum?
    let noise: StorageNoise?
    let form: Form

    /// Smaller matrices have too few directions to tell few from many.
    private static let smallestSide = 8
    /// A change counts as a scaling where this share of its energy lies along the values themselves.
    private static let scalingShare = 0.99
    /// A change counts as rounding where this share of the values is exactly that.
    private static let exactShare = 0.99
    /// A change counts as an ablation where at most this share of its energy is something else, or no more than rounding.
    private static let ablationRest = 0.05

    /// Measures a pair of tensors that differ, reading it several times.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    init?(_ tensor: TensorDifference) throws {
        guard tensor.status == .changed || tensor.isAddedBias, let pair = tensor.pair,
            let sums = tensor.sums
        else { return nil }
        self.tensor = tensor
        let noise = tensor.isAddedBias ? nil : try StorageNoise.measure(pair)
        self.noise = noise
        guard pair.isMatrix, min(pair.rows, pair.columns) >= Self.smallestSide else {
            spectrum = nil
            let isRounding = noise.map { $0.grids.a != $0.grids.b && $0.explanation != nil }
            form = isRounding ?? false ? .rounding : tensor.role?.part == .bias ? .bias : .vector
            return
        }
        let spectrum = try ChangeSpectrum(pair, noise: noise)
        self.spectrum = spectrum
        form = try Self.form(tensor, pair, sums, spectrum, noise)
    }

    private static func form(
        _ tensor: TensorDifference, _ pair: TensorPair, _ sums: DifferenceSums,
        _ spectrum: ChangeSpectrum, _ noise: StorageNoise?
    ) throws -> Form {
        if let noise, noise.grids.a != noise.grids.b || noise.grids.b.isQuantized {
            let hasNoDirection = { spectrum.prominentCount(over: $0) == 0 }
            if noise.exactShare >= exactShare || noise.explanation.map(hasNoDirection) ?? false {
                return .rounding
            }
        }
        let alongValues = 1 - sums.cosine * sums.cosine
        if alongValues < (1 - scalingShare) * sums.normalized * sums.normalized {
            return .scaled(sums.products / sums.squaresOfA)
        }
        if let rank = spectrum.updateRank {
            if rank == 1, let fit = try AblationFit(pair, spectrum: spectrum),
                isAblation(fit, spectrum, noise)
            {
                return .ablation(fit)
            }
            if spectrum.changedRows <= pair.rows / 8 { return .rows(spectrum.changedRows) }
            return .lowRank(rank)
        }
        return spectrum.changedRows <= pair.rows / 8 ? .rows(spectrum.changedRows) : .fullRank
    }

    private static func isAblation(
        _ fit: AblationFit, _ spectrum: ChangeSpectrum, _ noise: StorageNoise?
    ) -> Bool {
        if fit.residualShare <= ablationRest { return true }
        // The fit must be what stands out of the rounding, not a part of it.
        let first = spectrum.values.first ?? 0
        guard (1 - fit.residualShare) * spectrum.energy >= (1 - 2 * ablationRest) * first * first
        else { return false }
        let elements = Double(max(1, spectrum.shape.rows * spectrum.shape.columns))
        let rest = (fit.residualShare * spectrum.energy / elements).squareRoot()
        return noise?.levelsBesideEdit.contains { rest <= StorageNoise.margin * $0.rootMeanSquare }
            ?? false
    }
}

extension TensorDifference {
    /// Whether both sides have the tensor, in two types.
    var isRetyped: Bool { a != nil && b != nil && a?.type != b?.type }

    /// Whether the bias is on one side only, and not all zeros.
    var isAddedBias: Bool {
        (status == .onlyInA || status == .onlyInB) && role?.part == .bias && sums != nil
            && !isAbsentZero
    }

    /// Whether the weight is a matrix on either side.
    var isMatrix: Bool { (a?.shape.count ?? b?.shape.count ?? 0) >= 2 }
}
