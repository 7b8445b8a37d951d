/// A block format to which rows of values can be encoded, as ggml's quantisers do.
protocol WeightedRowEncoding: QuantizedBlock {
    /// Whether values can only be encoded with an importance for each.
    static var needsImportance: Bool { get }
    /// Encodes whole blocks of finite values.
    ///
    /// - Parameter importance: how much the error in each of the `count` columns counts, or nil where all count alike.
    ///   Formats that do not search for their scales do not look at it.
    /// - Returns: the first block that does not fit the format, nil where all do.
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int?
}

extension WeightedRowEncoding {
    static var needsImportance: Bool { false }
}
