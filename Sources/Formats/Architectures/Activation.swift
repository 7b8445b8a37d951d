/// The function between the projections of a feed-forward part.
package enum Activation: String, Sendable, Hashable, CaseIterable {
    /// x · sigmoid(x)
    case silu
    /// x · Φ(x), with the error function.
    case gelu
    /// GELU by its tanh approximation (arXiv 1606.08415).
    case geluTanh
}
