import Formats

/// What a block that goes on from states remembers of a text: the states after some of its positions, and the last inputs of
/// the convolution before them. There is room for two places of the text, see `SequenceCache`.
final class RecurrentMemory {
    /// One each: (1, values of all states).
    let states: [ActivationMatrix]
    /// One each: (convolution's reach, channels).
    let history: [ActivationMatrix]
    /// How many positions before its own the convolution sees.
    let reach: Int

    init(_ configuration: DecoderConfiguration) {
        let shape = configuration.deltaRule
        reach = (configuration.sizes.deltaNet?.taps ?? 1) - 1
        states = (0..<2).map { _ in ActivationMatrix(width: shape.stateCount) }
        history = (0..<2).map { _ in
            ActivationMatrix(width: 2 * shape.keyWidth + shape.valueWidth)
        }
    }

    var matrices: [ActivationMatrix] { states + history }

    /// Makes room, where there is none yet.
    func reserve() {
        for matrix in states { matrix.reserve(1) }
        for matrix in history { matrix.reserve(max(reach, 1)) }
    }
}
