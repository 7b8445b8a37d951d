/// Where a file that is to be written holds a tensor's data.
public struct TensorPlacement: Hashable, Sendable {
    public let description: TensorDescription
    /// The data's first byte, counted from the start of the file.
    public let offset: Int
    /// The length of the data, without padding.
    public let byteCount: Int
}
