package import Transformer

/// What runs the passes of a measurement: a decoder, or one that keeps what the same passes gave before.
package protocol PassRunner {
    var configuration: DecoderConfiguration { get }

    /// Runs a pass over all blocks.
    ///
    /// - Throws: what the decoder throws.
    func run(
        _ slices: [DecoderSlice], interventions: [Intervention], logits: LogitsReceiver
    ) throws
}

extension Decoder: PassRunner {
    /// Runs all blocks.
    package func run(
        _ slices: [DecoderSlice], interventions: [Intervention], logits: LogitsReceiver
    ) throws {
        try forward(slices, interventions: interventions, logits: logits)
    }
}
