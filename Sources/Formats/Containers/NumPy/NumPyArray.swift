/// An array of a NumPy file.
package struct NumPyArray: Sendable {
    /// Its name in the archive, without `.npy`; empty in a file of one array.
    package let name: String
    package let shape: [Int]
    private let header: NumPyHeader
    private let content: ZipArchive.Content
    private let start: Int

    /// Reads the header and checks that the elements are there, and no more.
    ///
    /// - Throws: `NumPyError.Problem`.
    init(_ content: ZipArchive.Content, name: String) throws(NumPyError.Problem) {
        let (header, start, count) = try content.withUnsafeBytes {
            bytes throws(NumPyError.Problem) in
            let (header, length) = try NumPyHeader.read(bytes, name: name)
            return (header, length, bytes.count)
        }
        var needed = header.element.byteCount
        for size in header.shape {
            let (product, overflow) = needed.multipliedReportingOverflow(by: size)
            guard !overflow else { throw .sizeOverflow(name: name, shape: header.shape) }
            needed = product
        }
        guard needed == count - start else {
            throw .sizeMismatch(name: name, needed: needed, found: count - start)
        }
        self.name = name
        self.header = header
        self.content = content
        self.start = start
        shape = header.shape
    }

    /// The type of its numbers; nil for text.
    package var type: ElementType? {
        if case .number(let type) = header.element { type } else { nil }
    }

    /// All numbers, widened to f32, the last index fastest, whatever their order in the file; none of text.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    package func values() throws(QuantizationError) -> [Float] {
        guard let type else { return [] }
        let count = shape.reduce(1, *)
        let values = try content.withUnsafeBytes { bytes throws(QuantizationError) in
            try [Float](filling: count) { target throws(QuantizationError) in
                try Dequantizer.widen(
                    UnsafeRawBufferPointer(rebasing: bytes[start...]), type: type, into: target)
            }
        }
        guard header.isFortranOrder, shape.count > 1 else { return values }
        return inOrder(values)
    }

    /// Values that lie with the first index fastest.
    private func inOrder(_ values: [Float]) -> [Float] {
        // How far apart in the file neighbours along each index are.
        let strides = shape.indices.map { shape[..<$0].reduce(1, *) }
        var index = [Int](repeating: 0, count: shape.count)
        return values.indices.map { _ in
            let place = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
            for axis in shape.indices.reversed() {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
            }
            return values[place]
        }
    }

    /// The one string of an array without dimensions; nil for other arrays.
    ///
    /// - Throws: `NumPyError.Problem.notText` where its units are no Unicode.
    func text() throws(NumPyError.Problem) -> String? {
        guard case .text(let units) = header.element, shape.isEmpty else { return nil }
        let scalars = content.withUnsafeBytes { bytes in
            (0..<units).map { unit in
                bytes.loadUnaligned(fromByteOffset: start + 4 * unit, as: UInt32.self)
            }
        }
        var text = ""
        for unit in scalars[..<(scalars.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0)] {
            guard let scalar = Unicode.Scalar(unit) else { throw .notText(name: name) }
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
