import Formats
import Glibc

/// Cosines and sines of the rotary embedding, by position.
///
/// Rows are computed once, when a position is first met. Dynamic scaling and long rope depend on the
/// sequence's length beyond their original context, so those rows are computed for each pass. As in transformers, tokens already
/// cached keep the rotation they had when they were new.
final class RotaryTable {
    private let parameters: RopeParameters
    private let frequencies: RotaryFrequencies
    /// (positions, pairs); the first `known` rows are computed.
    private let cosines: ActivationMatrix
    private let sines: ActivationMatrix
    private var known = 0

    init(_ parameters: RopeParameters) {
        self.parameters = parameters
        frequencies = RotaryFrequencies(parameters, sequenceLength: 0)
        cosines = ActivationMatrix(width: frequencies.inverse.count)
        sines = ActivationMatrix(width: frequencies.inverse.count)
    }

    /// How many pairs of dimensions are rotated: the width of a row.
    var pairs: Int { frequencies.inverse.count }

    /// Writes the rows of some positions.
    ///
    /// - Parameters:
    ///   - positions: positions in the sequence.
    ///   - sequenceLength: how many positions the sequence has at the end of the pass.
    ///   - cosine: (positions, pairs)
    ///   - sine: (positions, pairs)
    func write(
        _ positions: Range<Int>, sequenceLength: Int, cosine: UnsafeMutablePointer<Float>,
        sine: UnsafeMutablePointer<Float>
    ) {
        if let limit = parameters.scaling.stretchesAbove, sequenceLength > limit {
            let stretched = RotaryFrequencies(parameters, sequenceLength: sequenceLength)
            Self.compute(positions, stretched, cosine: cosine, sine: sine)
            return
        }
        learn(positions.upperBound)
        let count = positions.count * pairs
        cosine.update(from: cosines.row(positions.lowerBound), count: count)
        sine.update(from: sines.row(positions.lowerBound), count: count)
    }

    /// Computes the table's rows up to this position.
    private func learn(_ end: Int) {
        guard end > known else { return }
        if end > cosines.capacity {
            let capacity = max(end, 2 * known)
            cosines.reserve(capacity, keeping: known)
            sines.reserve(capacity, keeping: known)
        }
        Self.compute(known..<end, frequencies, cosine: cosines.row(known), sine: sines.row(known))
        known = end
    }

    private static func compute(
        _ positions: Range<Int>, _ frequencies: RotaryFrequencies,
        cosine: UnsafeMutablePointer<Float>, sine: UnsafeMutablePointer<Float>
    ) {
        var index = 0
        for position in positions {
            for frequency in frequencies.inverse {
                let angle = Double(Float(position) * frequency)
                cosine[index] = Float(cos(angle)) * frequencies.attentionFactor
                sine[index] = Float(sin(angle)) * frequencies.attentionFactor
                index += 1
            }
        }
    }
}
