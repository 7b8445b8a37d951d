/// The distance of a row of the residual stream from where it should be, with its gradient: the loss of LoRRA
/// (arXiv 2310.01405, section 3.2.1).
struct ShiftLoss {
    /// ‖h − target‖
    let value: Double
    private let difference: [Float]

    /// - Precondition: both are of one width.
    init(_ stream: Span<Float>, target: ArraySlice<Float>) {
        precondition(stream.count == target.count)
        difference = stream.indices.map { stream[$0] - target[target.startIndex + $0] }
        value = difference.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    /// factor · (h − target) / ‖h − target‖; zero where the stream is there.
    func gradient(times factor: Double) -> [Float] {
        let scale = value > 0 ? factor / value : 0
        return difference.map { Float(scale * Double($0)) }
    }
}
