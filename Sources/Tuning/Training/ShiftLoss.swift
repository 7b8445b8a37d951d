/// The distance of a row of the residual stream from where a direction moves the untuned model's, with its gradient: the
/// loss of LoRRA (arXiv 2310.01405, section 3.2.1).
struct ShiftLoss {
    /// ‖h − (h₀ + v)‖
    let value: Double
    private let difference: [Float]

    /// - Precondition: all are of one width.
    init(_ stream: Span<Float>, untuned: ArraySlice<Float>, _ direction: [Float]) {
        precondition(stream.count == direction.count && untuned.count == direction.count)
        difference = direction.indices.map {
            stream[$0] - (untuned[untuned.startIndex + $0] + direction[$0])
        }
        value = difference.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    /// factor · (h − h₀ − v) / ‖h − h₀ − v‖; zero where the stream is there.
    func gradient(times factor: Double) -> [Float] {
        let scale = value > 0 ? factor / value : 0
        return difference.map { Float(scale * Double($0)) }
    }
}
