/// One tensor of a checkpoint: what it is and where its bytes lie. The bytes are mapped, not read.
public struct CheckpointTensor: Sendable {
    public let description: TensorDescription
    public let bytes: MappedBytes
    /// What the tensor is for in its architecture, or nil where the architecture does not know the name.
    public let role: WeightRole?

    public init(description: TensorDescription, bytes: MappedBytes, role: WeightRole? = nil) {
        self.description = description
        self.bytes = bytes
        self.role = role
    }

    public var name: String { description.name }
    public var type: ElementType { description.type }
    public var shape: [Int] { description.shape }

    /// Gives the tensor's pages of memory back to the system; they are read again where they are needed again.
    public func releasePages() { bytes.file.release(bytes.range) }
}
