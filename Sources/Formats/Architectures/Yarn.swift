import Glibc

/// YaRN (arXiv 2309.00071): low frequencies are divided, high ones kept, with a ramp between; cosines and sines are
/// multiplied by an attention factor.
package struct Yarn: Sendable, Hashable {
    package var factor: Double
    /// The context length before the scaling.
    package var originalContext: Int
    /// What cosines and sines are multiplied by; nil for 0.1 ln(factor) + 1.
    package var attentionFactor: Double?
    /// How many turns within the original context the pair makes where the ramp begins, and where it ends.
    package var betaFast: Double
    package var betaSlow: Double
    /// Whether the ramp begins and ends at whole pairs. llama.cpp's always does.
    package var roundsRamp: Bool

    package init(
        factor: Double, originalContext: Int, attentionFactor: Double? = nil,
        betaFast: Double = Yarn.standardBeta.fast, betaSlow: Double = Yarn.standardBeta.slow,
        roundsRamp: Bool = true
    ) {
        self.factor = factor
        self.originalContext = originalContext
        self.attentionFactor = attentionFactor
        self.betaFast = betaFast
        self.betaSlow = betaSlow
        self.roundsRamp = roundsRamp
    }

    /// The ramp's bounds where a file names none, and those of llama.cpp in every family that rtedit knows.
    package static let standardBeta = (fast: 32.0, slow: 1.0)

    /// What cosines and sines are multiplied by.
    package var attention: Double { attentionFactor ?? Self.attention(factor) }

    /// The paper's attention factor.
    ///
    /// - Parameter scale: what the logarithm is multiplied by, as DeepSeek's files name it.
    static func attention(_ factor: Double, scale: Double = 1) -> Double {
        factor > 1 ? 0.1 * scale * log(factor) + 1 : 1
    }
}
