extension WeightRows {
    /// Reads whole rows, one after the other.
    ///
    /// - Parameters:
    ///   - columns: the length of a row
    ///   - values: room for all of them
    /// - Throws: `QuantizationError` where the type cannot be widened.
    func readRows(
        _ rows: Range<Int>, columns: Int, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        do throws(CheckpointError) {
            try read(
                (rows.lowerBound * columns)..<(rows.upperBound * columns), columns: columns,
                into: values)
        } catch .cannotEncode(_, _, let problem) {
            throw problem
        } catch {
            throw .unsupported(type: tensor?.type ?? .f32)
        }
    }
}
