import Formats

extension Decoder {
    /// A direction of the stream through the linear part of the last norm: times its weight, and for layer norms less its
    /// mean.
    ///
    /// - Parameter direction: (hidden size)
    package func throughLastNorm(_ direction: [Float]) -> [Float] {
        let weight = weights.outputNorm.weight.values
        precondition(direction.count == weight.count)
        guard configuration.norm == .layer else { return zip(direction, weight).map(*) }
        let mean = direction.reduce(0) { $0 + Double($1) } / Double(max(1, direction.count))
        return zip(direction, weight).map { Float(Double($0) - mean) * $1 }
    }

    /// scale · head(input), without its bias and without the cap.
    ///
    /// - Parameters:
    ///   - inputs: (rows, hidden size)
    ///   - rows: one at least
    /// - Returns: (rows, vocabulary)
    package func headLogits(of inputs: [Float], rows: Int) -> [Float] {
        let head = weights.head.weight
        precondition(rows > 0 && inputs.count == rows * head.columns)
        let (input, output) = (FloatBuffer(inputs), FloatBuffer(count: rows * head.rows))
        head.multiply(input.floats, tokens: rows, into: output.floats, crew: crew)
        let scale = Float(configuration.sizes.logitScale)
        if scale != 1 { scaleForward(output.floats, by: scale, count: output.count) }
        return output.values
    }
}
