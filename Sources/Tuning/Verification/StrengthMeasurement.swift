import Glibc
package import Transformer

/// The strength with which the edited model does in one place what it was asked to, measured on its stream.
///
/// Of vectors that are added: with δ the difference of the edited stream from the steered one, of which what the block
/// before already had is taken away, every token gives the estimate 1 + ⟨δ, v⟩ / ⟨v, v⟩ of the strength as a share of the
/// one asked for. The median over the tokens is the strength found. Its interval holds three things: the order statistics
/// that enclose the median of such a sample with 95 %, what the rounding of weights adds to every token alike, measured
/// along random directions of the same length, and the rounding of the stream in f32 and of the vector as it is stored.
///
/// Of directions that are ablated, and of scalings: with p what the steered stream had along them before, every token
/// has δ = (s − found) · p along them, s the strength asked for. The slope of the least squares is taken, with its
/// standard error, twice, in place of the order statistics.
package struct StrengthMeasurement: Sendable, Hashable {
    /// As a share of the strength asked for: 1 where they are equal.
    package let found: Double
    package let lowest: Double
    package let highest: Double

    /// Whether the interval holds the strength asked for.
    package var holds: Bool { lowest <= 1 && highest >= 1 }
    /// Whether 1 % off would be noticed.
    package var tellsPercent: Bool { resolution < 0.01 }
    /// How far the strength could be from the one found without being noticed.
    package var resolution: Double { (highest - lowest) / 2 }

    /// - Parameters:
    ///   - along: ⟨δ, v⟩ / ⟨v, v⟩ of every token
    ///   - aside: the same along random directions as long as v, one list for each
    ///   - rounding: of the stream and of the stored vector, as a share of the vector's length
    init(along: [Double], aside: [[Double]], rounding: Double) {
        let sorted = along.sorted()
        let count = sorted.count
        let middle = Quantile.middle(of: along) ?? 0
        let reach = Int((0.98 * Double(count).squareRoot()).rounded(.up))
        let low = sorted[max(0, count / 2 - reach)]
        let high = sorted[min(count - 1, count / 2 + reach)]
        let offsets = aside.map { Quantile.middle(of: $0) ?? 0 }
        let square = offsets.reduce(0) { $0 + $1 * $1 } / Double(max(offsets.count, 1))
        let margin = 3 * square.squareRoot() + rounding
        found = 1 + middle
        lowest = 1 + min(low, middle) - margin
        highest = 1 + max(high, middle) + margin
    }

    /// - Parameters:
    ///   - slope: Σ δ p / Σ p² along the directions
    ///   - error: its standard error
    ///   - aside: the same slope along random directions
    ///   - rounding: of the stream and of the weights that hold the edit, as a share of p
    ///   - strength: the strength asked for
    ///   - isScaling: whether a larger strength leaves more, not less
    init(
        slope: Double, error: Double, aside: [Double], rounding: Double, strength: Double,
        isScaling: Bool
    ) {
        let square = aside.reduce(0) { $0 + $1 * $1 } / Double(max(aside.count, 1))
        let margin = (2 * error + 3 * square.squareRoot() + rounding) / abs(strength)
        found = 1 + (isScaling ? slope : -slope) / strength
        lowest = found - margin
        highest = found + margin
    }
}

/// A place of the stream where something is done with one strength.
package struct StrengthRow: Sendable {
    package let operation: Intervention.Operation
    /// The block; nil for the embedding.
    package let block: Int?
    package let measurement: StrengthMeasurement
}
