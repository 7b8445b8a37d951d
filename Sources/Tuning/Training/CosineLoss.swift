/// The cosine of a row of the residual stream and a direction, with its gradient.
struct CosineLoss {
    let value: Double
    private let stream: [Float]
    private let direction: [Float]
    private let streamNorm: Double
    private let directionNorm: Double

    /// - Precondition: both are of one width, and the direction has a length.
    init(_ stream: Span<Float>, _ direction: [Float]) {
        precondition(stream.count == direction.count)
        self.stream = stream.withUnsafeBufferPointer { Array($0) }
        self.direction = direction
        var (product, squares, directionSquares) = (0.0, 0.0, 0.0)
        for index in direction.indices {
            let (h, v) = (Double(self.stream[index]), Double(direction[index]))
            product += h * v
            squares += h * h
            directionSquares += v * v
        }
        // A stream of zeros has no direction: its cosine counts as 0.
        streamNorm = max(squares.squareRoot(), Double(Float.leastNormalMagnitude))
        directionNorm = directionSquares.squareRoot()
        value = product / (streamNorm * directionNorm)
    }

    /// factor · d cos / d h = factor · (v̂ − cos · ĥ) / ‖h‖
    func gradient(times factor: Double) -> [Float] {
        let scale = factor / streamNorm
        return direction.indices.map { index in
            Float(
                scale
                    * (Double(direction[index]) / directionNorm - value * Double(stream[index])
                        / streamNorm))
        }
    }
}

extension ObjectiveTerm.Goal {
    /// A representation term's loss at a cosine, and its derivative.
    func loss(ofCosine cosine: Double) -> (loss: Double, slope: Double) {
        switch self {
        case .toward(_, let limit): ((1 - cosine) / 2, cosine >= Double(limit) ? 0 : -0.5)
        case .away: (abs(cosine), cosine > 0 ? 1 : cosine < 0 ? -1 : 0)
        case .shift, .contrast, .token, .soft, .keep, .keepSteered: (0, 0)
        }
    }
}
