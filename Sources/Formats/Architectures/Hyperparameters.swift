/// The numbers that shape a model, read from GGUF metadata or `config.json`.
public struct Hyperparameters: Sendable, Hashable {
    public var blockCount: Int
    /// Width of the residual stream.
    public var hiddenSize: Int
    public var feedForwardSize: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    /// Width of one attention head.
    public var headSize: Int
    public var vocabularySize: Int
    public var contextLength: Int
    public var normEpsilon: Float
    public var rope: RopeParameters
    /// Whether the output head is the token embedding.
    public var tiesEmbeddings: Bool
}

/// Rotary position embedding: base, width and scaling.
public struct RopeParameters: Sendable, Hashable {
    public var base: Double
    /// How many dimensions of a head are rotated.
    public var dimensions: Int
    public var scaling: Scaling

    /// How frequencies are changed for contexts longer than the model was trained on.
    public enum Scaling: Sendable, Hashable {
        case none
        /// All frequencies divided by the factor.
        case linear(factor: Double)
        /// Llama 3.1: long wavelengths divided, short ones kept, a ramp between.
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
        /// YaRN (arXiv 2309.00071).
        case yarn(
            factor: Double, originalContext: Int, attentionFactor: Double?, betaFast: Double, betaSlow: Double)
        /// Dynamic NTK: the base grows once the context passes the original length.
        case dynamic(factor: Double, originalContext: Int)
        /// Divisors for each frequency, as a GGUF's `rope_freqs.weight` stores them.
        case divisors([Float])
    }
}
