/// Where a file that is to be written holds a tensor's data.
package struct TensorPlacement: Hashable, Sendable {
    package let description: TensorDescription
    /// The data's first byte, counted from the start of the file.
    package let offset: Int
    /// The length of the data, without padding.
    package let byteCount: Int

    package init(description: TensorDescription, offset: Int, byteCount: Int) {
        self.description = description
        self.offset = offset
        self.byteCount = byteCount
    }
}
