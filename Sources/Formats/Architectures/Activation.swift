/// The function between the projections of a feed-forward part.
package enum Activation: String, Sendable, Hashable, CaseIterable {
    /// x · sigmoid(x)
    case silu
    /// x · Φ(x), with the error function.
    case gelu
    /// GELU by its tanh approximation (arXiv 1606.08415).
    case geluTanh
    /// max(x, 0)² (arXiv 2109.08668).
    case reluSquared
    /// g · sigmoid(1.702 g) with g = min(x, 7); a gated unit multiplies it by 1 more than the other input, which is held
    /// to ±7 (gpt-oss, arXiv 2508.10925).
    case clampedSilu

    /// The functions of one kind are approximations of each other.
    var kind: String {
        switch self {
        case .silu: "silu"
        case .gelu, .geluTanh: "gelu"
        case .reluSquared: "squared rectifier"
        case .clampedSilu: "clamped silu"
        }
    }
}
