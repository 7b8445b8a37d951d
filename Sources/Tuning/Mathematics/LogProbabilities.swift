import Glibc

/// Distributions of the next token in f64 throughout, for differences far below the 10⁻⁷ that the kernel
/// `divergenceForward` resolves.
enum LogProbabilities {
    /// The logarithm of the softmax of logits.
    static func of(_ logits: ArraySlice<Float>) -> [Double] {
        let largest = Double(logits.max() ?? 0)
        let sum = logits.reduce(0.0) { $0 + exp(Double($1) - largest) }
        let shift = largest + log(sum)
        return logits.map { Double($0) - shift }
    }

    /// KL(p ‖ q) in nats, not below 0; infinity where a number is NaN.
    static func divergence(_ p: [Double], _ q: [Double]) -> Double {
        var divergence = 0.0
        for (a, b) in zip(p, q) where a > -.infinity { divergence += exp(a) * (a - b) }
        return divergence.isNaN ? .infinity : max(divergence, 0)
    }
}
