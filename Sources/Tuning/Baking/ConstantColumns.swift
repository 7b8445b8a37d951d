import Formats

/// The down columns of `ConstantNeurons`, which all hold one vector.
///
/// What the type rounds off in one column is made up for in the next, so that the mean over all neurons is the vector to
/// far more places than one column has: the neurons' shares of the sum change from token to token, but are alike on
/// average. Both neurons of a pair have the same column.
struct ConstantColumns: Sendable {
    /// What the mean of the columns is to be.
    let values: [Float]
    /// How many neurons count.
    let count: Int
    let type: ElementType

    /// Writes an output's numbers, one for each neuron.
    func write(row: Int, to columns: UnsafeMutableBufferPointer<Float>) {
        let value = values[row]
        guard type != .f32, type != .f64 else { return columns.update(repeating: value) }
        let step = max(2, type.elementsPerBlock)
        var missing = 0.0
        for start in stride(from: 0, to: columns.count, by: step) {
            let end = min(start + step, columns.count)
            let live = Double(max(0, min(end, count) - start))
            let wanted = live > 0 ? Float(Double(value) + missing / live) : value
            for column in start..<end { columns[column] = wanted }
            missing += live * (Double(value) - Double(stored(wanted, count: end - start)))
        }
    }

    /// A number as a block full of it gives it back.
    private func stored(_ value: Float, count: Int) -> Float {
        switch type {
        case .f16: return Float(Float16(value))
        case .bf16:
            let bits = value.bitPattern
            return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
        default:
            let block = [Float](repeating: value, count: count)
            guard let stored = RowEncoder.roundTrip(block, as: type)?.values else { return value }
            return Float(stored.reduce(0) { $0 + Double($1) } / Double(count))
        }
    }
}
