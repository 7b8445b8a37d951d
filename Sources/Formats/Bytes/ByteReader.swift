#if _endian(big)
    #error("the file formats are little-endian, and are read without swapping")
#endif

/// Reads values one after another from mapped bytes; each read is checked against the bytes that remain.
package struct ByteReader {
    package let bytes: MappedBytes
    /// The offset of the next byte.
    package private(set) var offset = 0

    package init(_ bytes: MappedBytes) {
        self.bytes = bytes
    }

    package var remaining: Int { bytes.count - offset }

    /// The next value, little-endian, or nil where too few bytes remain.
    package mutating func read<Value: BitwiseCopyable>(_ type: Value.Type) -> Value? {
        guard MemoryLayout<Value>.size <= remaining else { return nil }
        let start = offset
        offset += MemoryLayout<Value>.size
        return bytes.withUnsafeBytes {
            $0.bytes.unsafeLoadUnaligned(fromByteOffset: start, as: type)
        }
    }

    /// The next `count` values, little-endian, or nil where too few bytes remain.
    package mutating func read<Value: BitwiseCopyable>(_ type: Value.Type, count: Int) -> [Value]? {
        let size = MemoryLayout<Value>.size
        guard count >= 0, count <= remaining / size else { return nil }
        let start = offset
        offset += count * size
        return bytes.withUnsafeBytes { buffer in
            let span = buffer.bytes
            return (0..<count).map { index in
                span.unsafeLoadUnaligned(fromByteOffset: start + index * size, as: type)
            }
        }
    }

    /// The next `count` bytes, or nil where fewer remain.
    package mutating func take(_ count: Int) -> MappedBytes? {
        guard count >= 0, count <= remaining else { return nil }
        defer { offset += count }
        return bytes.slice(offset..<offset + count)
    }
}
