import Formats
import Transformer

/// Bounds the length of all gradients together (arXiv 1211.5063), as `torch.nn.utils.clip_grad_norm_` does.
struct GradientClipping {
    /// The greatest length; nil only measures.
    let limit: Double?
    private let parts: ParameterParts

    /// Keeps the factor finite; torch's own constant.
    private static let slack = 1e-6

    init(_ parameters: [TunedParameter], limit: Double?) {
        self.limit = limit
        parts = ParameterParts(parameters)
    }

    /// Shortens the gradients to the limit where they are longer.
    ///
    /// The squares are summed in f64, part by part, and the parts' sums in order.
    ///
    /// - Returns: the length before; where it is not finite the gradients are left as they are.
    func clip(_ parameters: [TunedParameter], crew: WorkCrew) -> Double {
        let sums = crew.map(parts.parts.count) { index in
            let part = parts.parts[index]
            return sumOfSquaresForward(
                parameters[part.parameter].gradient.floats + part.range.lowerBound,
                count: part.range.count)
        }
        let norm = sums.reduce(0, +).squareRoot()
        guard let limit, norm.isFinite else { return norm }
        let factor = limit / (norm + Self.slack)
        guard factor < 1 else { return norm }
        parts.run(crew) { part in
            scaleForward(
                parameters[part.parameter].gradient.floats + part.range.lowerBound,
                by: Float(factor), count: part.range.count)
        }
        return norm
    }
}
