package import Formats

/// A changed tensor with what was measured to say how.
package struct TensorChange: Sendable {
    /// What the change of one tensor looks like.
    enum Form: Sendable {
        /// What the types round off, and nothing else.
        case rounding
        /// What the types round off, and rows or values beside it that are something else.
        case beyondRounding(ReencodingCheck)
        case bias
        /// A norm, or another list of numbers.
        case vector
        /// A vector that moved by so many units in the last place of its largest value.
        case lastPlace(Double)
        case scaled(Double)
        case rows(Int)
        case ablation(AblationFit)
        case lowRank(Int)
        case fullRank
    }

    package let tensor: TensorDifference
    /// Nil for vectors and for matrices too small to have one.
    package let spectrum: ChangeSpectrum?
    let noise: StorageNoise?
    /// Nil where the types round nothing off, or cannot be judged.
    let check: ReencodingCheck?
    let form: Form

    /// Smaller matrices have too few directions to tell few from many.
    private static let smallestSide = 8
    /// A change counts as a scaling where this share of its energy lies along the values themselves.
    private static let scalingShare = 0.99
    /// Where quantisers cannot be told apart row by row, at most this share of the rows is something else than rounding.
    private static let edited = 1.0 / 8
    /// Which share of what stands out of the rounding lies in those rows.
    private static let editedShare = 0.8
    /// A change counts as an ablation where at most this share of its energy is something else, or no more than rounding.
    private static let ablationRest = 0.05

    /// Measures a pair of tensors that differ, reading it several times.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    init?(_ tensor: TensorDifference) throws {
        let isResized = tensor.status == .otherShape && tensor.a?.type != tensor.b?.type
        guard tensor.status == .changed || tensor.isAddedBias || isResized, let pair = tensor.pair,
            let sums = tensor.sums
        else { return nil }
        self.tensor = tensor
        let noise = tensor.isAddedBias ? nil : try StorageNoise.measure(pair)
        let check = tensor.isAddedBias ? nil : try ReencodingCheck(pair)
        self.noise = noise
        self.check = check
        let isLarge = pair.isMatrix && min(pair.rows, pair.columns) >= Self.smallestSide
        guard isLarge, !isResized else {
            spectrum = nil
            guard let form = Self.smallForm(tensor, check) else { return nil }
            self.form =
                try !pair.isMatrix && !isResized
                ? Self.lastPlace(pair, sums).map { .lastPlace($0) } ?? form : form
            return
        }
        let spectrum = try ChangeSpectrum(pair, noise: noise)
        self.spectrum = spectrum
        form = try Self.form(tensor, pair, sums, spectrum, noise, check)
    }

    /// The form of a vector, or of the common rows of a matrix that was resized; nil for those where they are something
    /// else than rounding.
    private static func smallForm(_ tensor: TensorDifference, _ check: ReencodingCheck?) -> Form? {
        if let check, check.grids.a != check.grids.b {
            if check.isReencoding { return .rounding }
            if check.isReference { return .beyondRounding(check) }
        }
        if tensor.status == .otherShape { return nil }
        return tensor.role?.part == .bias ? .bias : .vector
    }

    /// How many units in the last place a vector in f32 moved; nil where it is more than adding a vector and taking it
    /// away again leaves.
    private static func lastPlace(_ pair: TensorPair, _ sums: DifferenceSums) throws -> Double? {
        guard pair.a.tensor?.type == .f32, pair.b.tensor?.type == .f32, sums.notFiniteInA == 0,
            sums.notFiniteInB == 0
        else { return nil }
        var a = [Float](repeating: 0, count: pair.elementCount)
        var b = a
        try pair.read(rows: 0..<pair.rows, a: &a, b: &b)
        let largest = (a + b).map(abs).max() ?? 0
        let units = Double(sums.largest) / Double(largest.ulp)
        return units <= lastPlaceLimit ? units : nil
    }

    /// Two sums, each rounded by half a unit of a number that may be some times as large.
    private static let lastPlaceLimit = 8.0

    /// What the check says of a matrix; nil where its change is more than rounding, or not rounding at all.
    private static func roundingForm(
        _ check: ReencodingCheck, _ spectrum: ChangeSpectrum, _ noise: StorageNoise?
    ) -> Form? {
        if check.isReference {
            // Nothing encodes single rows anew: where the type is the same, rows were edited.
            guard check.grids.a != check.grids.b else { return nil }
            return check.isReencoding ? .rounding : .beyondRounding(check)
        }
        guard let noise else { return nil }
        if check.isReencoding {
            let hasNoDirection = { spectrum.prominentCount(over: $0) == 0 }
            return noise.explanation.map(hasNoDirection) ?? false ? .rounding : nil
        }
        guard Double(check.outside.count) <= edited * Double(check.count) else { return nil }
        let elements = Double(max(1, spectrum.shape.rows * spectrum.shape.columns))
        let rest = (max(0, spectrum.energy - check.outsideEnergy) / elements).squareRoot()
        let isRounding = noise.levels.contains {
            rest <= StorageNoise.margin * $0.rootMeanSquare
        }
        let standing = spectrum.values.prefix(spectrum.updateRank ?? 0).reduce(0) { $0 + $1 * $1 }
        return isRounding && check.outsideEnergy >= editedShare * standing
            ? .beyondRounding(check) : nil
    }

    private static func form(
        _ tensor: TensorDifference, _ pair: TensorPair, _ sums: DifferenceSums,
        _ spectrum: ChangeSpectrum, _ noise: StorageNoise?, _ check: ReencodingCheck?
    ) throws -> Form {
        if let check, let form = roundingForm(check, spectrum, noise) { return form }
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
