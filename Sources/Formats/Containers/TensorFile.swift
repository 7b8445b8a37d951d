/// A file of tensors that are in memory: adapters, vectors, traces, states of runs. The one writer of such files, in
/// either format; models, which are in no memory, have `CheckpointWriter`.
package struct TensorFile: Sendable {
    /// A tensor and its values, which are made when they are written.
    package struct Tensor: Sendable {
        enum Values: Sendable {
            case floats(@Sendable () -> [Float])
            case integers([Int])
        }

        let description: TensorDescription
        let values: Values

        /// A tensor in F32.
        ///
        /// - Parameter values: in C order, as many as the shape has
        package static func floats(
            _ name: String, shape: [Int], _ values: @escaping @Sendable () -> [Float]
        ) -> Tensor {
            Tensor(
                description: TensorDescription(name: name, type: .f32, shape: shape),
                values: .floats(values))
        }

        /// A list of integers in I64.
        package static func integers(_ name: String, _ values: [Int]) -> Tensor {
            Tensor(
                description: TensorDescription(name: name, type: .i64, shape: [values.count]),
                values: .integers(values))
        }
    }

    private let tensors: [ExactString: Tensor]
    private let head: [UInt8]
    private let layout: [TensorPlacement]
    let size: Int

    /// Plans a GGUF file.
    ///
    /// - Parameter path: the file, for errors
    /// - Throws: as `GGUFHeader.init`.
    package init(
        _ tensors: [Tensor], metadata: GGUFMetadata, path: String
    ) throws(GGUFError) {
        let header = try GGUFHeader(
            path: path, metadata: metadata, tensors: tensors.map(\.description))
        self.init(tensors, header.bytes, header.layout, header.fileSize)
    }

    /// Plans a safetensors file.
    ///
    /// - Parameter path: the file, for errors
    /// - Throws: as `SafetensorsHeader.init`.
    package init(
        _ tensors: [Tensor], metadata: [SafetensorsMetadata] = [], path: String
    ) throws(SafetensorsError) {
        let header = try SafetensorsHeader(
            path: path, tensors: tensors.map(\.description), metadata: metadata)
        self.init(tensors, header.bytes, header.layout, header.fileSize)
    }

    private init(_ tensors: [Tensor], _ head: [UInt8], _ layout: [TensorPlacement], _ size: Int) {
        let named = tensors.map { (ExactString($0.description.name), $0) }
        self.tensors = Dictionary(named) { first, _ in first }
        self.head = head
        self.layout = layout
        self.size = size
    }

    /// Writes the file, which appears when it is complete.
    ///
    /// - Throws: `FileError` where it exists already and may not be replaced, or cannot be written.
    package func write(to path: String, replacing: Bool) throws(FileError) {
        let file = try AtomicFile(path: path, reserving: size, replacing: replacing)
        try append(to: file)
        try file.commit()
    }

    /// Appends all bytes to a file that is put in place by another.
    ///
    /// - Throws: `FileError.cannotWrite`.
    func append(to file: AtomicFile) throws(FileError) {
        try file.append(head)
        for placement in layout {
            try fill(file, to: placement.offset)
            switch tensors[ExactString(placement.description.name)]?.values {
            case .floats(let values)?: try append(values(), to: file)
            case .integers(let values)?:
                try append(values.map { Int64($0).littleEndian }, to: file)
            case nil: break
            }
        }
        try fill(file, to: size)
    }

    private func append<Value: BitwiseCopyable>(
        _ values: [Value], to file: AtomicFile
    ) throws(FileError) {
        try values.span.bytes.withUnsafeBytes { (bytes) throws(FileError) in
            try file.append(bytes)
        }
    }

    /// Appends zeros up to an offset.
    private func fill(_ file: AtomicFile, to offset: Int) throws(FileError) {
        try file.append([UInt8](repeating: 0, count: max(0, offset - file.end)))
    }
}
