import Glibc

/// One tensor of a file: what it is and where its bytes lie. The bytes are mapped, not read.
package struct StoredTensor: Sendable {
    package let description: TensorDescription
    package let bytes: MappedBytes
    /// Which matrix of a tensor that holds those of all experts the bytes are; nil for a whole tensor.
    package let expert: Int?

    package init(description: TensorDescription, bytes: MappedBytes, expert: Int? = nil) {
        self.description = description
        self.bytes = bytes
        self.expert = expert
    }

    package var name: String { description.name }
    package var type: ElementType { description.type }
    package var shape: [Int] { description.shape }

    /// Gives the tensor's pages of memory back to the system; they are read again where they are needed again.
    package func releasePages() { bytes.file.release(bytes.range) }

    /// One expert's matrix of a tensor that holds those of all experts, or nil where it has no such expert.
    func matrix(ofExpert expert: Int) -> StoredTensor? {
        shape.count == 3 ? part(expert) : nil
    }

    /// One expert's bias of a tensor that holds those of all experts, or nil where it has no such expert.
    func bias(ofExpert expert: Int) -> StoredTensor? {
        shape.count == 2 && type.elementsPerBlock == 1 ? part(expert) : nil
    }

    private func part(_ expert: Int) -> StoredTensor? {
        guard (0..<shape[0]).contains(expert) else { return nil }
        let size = bytes.count / shape[0]
        return bytes.slice((expert * size)..<((expert + 1) * size)).map { part in
            StoredTensor(
                description: TensorDescription(
                    name: name, type: type, shape: Array(shape.dropFirst())),
                bytes: part, expert: expert)
        }
    }

    /// Some of the rows, or elements of a vector; nil where the tensor does not have them, or they are no whole blocks.
    func rows(_ rows: Range<Int>) -> StoredTensor? {
        guard let count = shape.first, rows.lowerBound >= 0, rows.upperBound <= count, count > 0,
            bytes.count % count == 0, shape.count > 1 || type.elementsPerBlock == 1
        else { return nil }
        let size = bytes.count / count
        return bytes.slice((rows.lowerBound * size)..<(rows.upperBound * size)).map { part in
            StoredTensor(
                description: TensorDescription(
                    name: name, type: type, shape: [rows.count] + shape.dropFirst()),
                bytes: part, expert: expert)
        }
    }

    /// The same, or the whole tensor where no expert is named.
    func part(ofExpert expert: Int?) -> StoredTensor? {
        if let expert { matrix(ofExpert: expert) } else { self }
    }

    // MARK: - Values

    /// Widens elements of the file to f32.
    ///
    /// - Parameters:
    ///   - elements: from one that begins a block to one that ends one
    ///   - values: as many as there are elements
    /// - Throws: `QuantizationError` where the type cannot be widened or the elements are no whole blocks of the tensor.
    package func widen(
        _ elements: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        guard let start = type.byteCount(elements: elements.lowerBound),
            let end = type.byteCount(elements: elements.upperBound),
            let bytes = bytes.slice(start..<end)
        else { throw .sizeMismatch(type: type, elements: elements.count, bytes: bytes.count) }
        try bytes.withUnsafeBytes { bytes throws(QuantizationError) in
            try Dequantizer.widen(bytes, type: type, into: values)
        }
    }

    /// All values, widened to f32; for small tensors: a matrix is widened row by row where it is used.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    package func values() throws(QuantizationError) -> [Float] {
        let count = description.elementCount ?? 0
        return try [Float](filling: count) { target throws(QuantizationError) in
            try widen(0..<count, into: target)
        }
    }

    /// Whether both tensors have one type, one shape and the same bytes.
    package func hasBytes(of other: StoredTensor) -> Bool {
        guard type == other.type, shape == other.shape, bytes.count == other.bytes.count else {
            return false
        }
        let piece = 1 << 24
        return stride(from: 0, to: bytes.count, by: piece).allSatisfy { start in
            let range = start..<min(start + piece, bytes.count)
            guard let left = bytes.slice(range), let right = other.bytes.slice(range) else {
                return false
            }
            defer {
                left.file.release(left.range)
                right.file.release(right.range)
            }
            return left.withUnsafeBytes { first in
                right.withUnsafeBytes { second in
                    guard let a = first.baseAddress, let b = second.baseAddress else { return true }
                    return memcmp(a, b, first.count) == 0
                }
            }
        }
    }
}
