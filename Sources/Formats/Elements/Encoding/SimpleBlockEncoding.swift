/// A format whose blocks are encoded one by one, without importances.
protocol SimpleBlockEncoding: WeightedRowEncoding {
    /// Encodes the finite values of a block; false where the scale or the minimum is too large.
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool
}

extension SimpleBlockEncoding {
    @inline(__always)
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        encodePlain(row, count: count, into: output)
    }

    /// Encodes blocks that each stand for themselves.
    @inline(__always)
    static func encodePlain(
        _ row: UnsafePointer<Float>, count: Int, into output: UnsafeMutableRawPointer
    ) -> Int? {
        for block in 0..<count / elements {
            let values = UnsafeRawPointer(row + block * elements)
            guard encode(values, into: output + block * byteCount) else { return block }
        }
        return nil
    }
}
