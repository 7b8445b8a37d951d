import Formats
import Glibc

/// How fast each pair of a head's dimensions turns with position, and what its cosine and sine are multiplied by.
///
/// Pair i turns by `inverse[i]` radians a token: base^(−2i/dimensions), changed by the scaling. The arithmetic
/// is f32 in the order of transformers' `modeling_rope_utils`, because the angle at position 8000 magnifies the
/// last bit of a frequency to 5e-4 radians.
struct RotaryFrequencies: Equatable, Sendable {
    /// (dimensions / 2)
    let inverse: [Float]
    /// Multiplies cosine and sine; 1 except for YaRN and long rope.
    let attentionFactor: Float

    /// - Parameters:
    ///   - rope: the model's parameters.
    ///   - sequenceLength: read by dynamic scaling and long rope alone: how many positions the sequence has after the pass.
    init(_ rope: RopeParameters, sequenceLength: Int) {
        let plain = RopeParameters.frequencies(base: rope.base, dimensions: rope.dimensions)
        var attentionFactor = 1.0
        switch rope.scaling {
        case .none:
            inverse = plain
        case .linear(let factor):
            inverse = plain.map { $0 / Float(factor) }
        case .llama3(let ramp):
            let divisors = ramp.divisors(base: rope.base, dimensions: rope.dimensions)
            inverse = zip(plain, divisors).map(/)
        case .yarn(let yarn):
            let ramp = YarnRamp(rope, yarn)
            inverse = plain.enumerated().map { index, frequency in
                frequency / Float(yarn.factor) * ramp[index] + frequency * (1 - ramp[index])
            }
            attentionFactor = yarn.attention
        case .dynamic(let factor, let originalContext):
            let stretched = Double(max(sequenceLength, originalContext)) / Double(originalContext)
            let dimensions = Double(rope.dimensions)
            let growth = pow(factor * stretched - (factor - 1), dimensions / (dimensions - 2))
            inverse = RopeParameters.frequencies(
                base: rope.base * growth, dimensions: rope.dimensions)
        case .longrope(let short, let long, let originalContext, let factor):
            let divisors = sequenceLength > originalContext ? long : short
            inverse = RopeParameters.frequencies(
                base: rope.base, dimensions: rope.dimensions, divisors: divisors)
            attentionFactor = factor
        case .divisors(let divisors):
            inverse = zip(plain, divisors).map(/)
        }
        self.attentionFactor = Float(attentionFactor)
    }
}

/// YaRN's ramp over the pairs: 0 where a frequency is kept, 1 where it is divided (arXiv 2309.00071, section 3.2).
private struct YarnRamp {
    private let low: Float
    private let width: Float

    init(_ rope: RopeParameters, _ yarn: Yarn) {
        let dimensions = Double(rope.dimensions)
        /// The (fractional) pair that makes this many turns within the original context.
        func pair(turns: Double) -> Double {
            let context = Double(yarn.originalContext)
            return dimensions * log(context / (turns * 2 * .pi)) / (2 * log(rope.base))
        }
        let (begin, end) = (pair(turns: yarn.betaFast), pair(turns: yarn.betaSlow))
        let first = max(yarn.roundsRamp ? begin.rounded(.down) : begin, 0)
        let last = min(yarn.roundsRamp ? end.rounded(.up) : end, dimensions - 1)
        low = Float(first)
        width = Float(first == last ? 0.001 : last - first)
    }

    subscript(index: Int) -> Float {
        min(max((Float(index) - low) / width, 0), 1)
    }
}
