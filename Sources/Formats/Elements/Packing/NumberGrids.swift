package import Bytes

/// How a number of a grid is stored.
package enum NumberEncoding: Sendable, Hashable {
    /// As an element of a type.
    case element(ElementType)
    /// As the exponent of a power of two (OCP Microscaling Formats 1.0, E8M0): 2 to the byte − 127, of which 255 is NaN.
    case exponent

    /// Bytes of a number, or nil where the type cannot be widened.
    var byteCount: Int? {
        switch self {
        case .exponent: 1
        case .element(let type):
            Dequantizer.isSupported(type) && !type.isQuantized ? type.bitsPerBlock / 8 : nil
        }
    }
}

/// A grid of numbers as a tensor stores them, at even distances.
package struct StoredNumbers: NumberGrid {
    let encoding: NumberEncoding
    private let bytes: MappedBytes
    private let widen: @Sendable (UnsafeRawPointer, UnsafeMutablePointer<Float>) -> Void
    private let rowStride: Int
    private let columnStride: Int
    package let rows: Int
    package let columns: Int

    /// - Parameters:
    ///   - strides: the distances between rows and columns, in numbers; 0 where all share one
    /// - Returns: nil where the last number is beyond the bytes, or the type cannot be widened.
    package init?(
        _ bytes: MappedBytes, _ encoding: NumberEncoding, rows: Int, columns: Int,
        strides: (row: Int, column: Int)
    ) {
        guard let size = encoding.byteCount, rows > 0, columns > 0,
            ((rows - 1) * strides.row + (columns - 1) * strides.column + 1) * size <= bytes.count
        else { return nil }
        self.bytes = bytes
        self.encoding = encoding
        rowStride = strides.row * size
        columnStride = strides.column * size
        self.rows = rows
        self.columns = columns
        switch encoding {
        case .exponent: widen = { $1.pointee = powerOfTwo($0.load(as: UInt8.self)) }
        case .element(let type):
            guard let kernels = RowKernels(type) else { return nil }
            widen = { kernels.widen($0, 1, $1) }
        }
    }

    /// The first byte of a number.
    func byte(row: Int, column: Int) -> UInt8 {
        bytes.withUnsafeBytes { $0[row * rowStride + column * columnStride] }
    }

    /// Reads a row of numbers.
    package func read(row: Int, into numbers: UnsafeMutablePointer<Float>) {
        bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            for column in 0..<columns {
                widen(start + row * rowStride + column * columnStride, numbers + column)
            }
        }
    }
}

/// 2 to the exponent − 127; 255 is NaN.
private func powerOfTwo(_ exponent: UInt8) -> Float {
    switch exponent {
    case 255: .nan
    // Below the least exponent of a normal number.
    case 0: Float(bitPattern: 0x0040_0000)
    default: Float(bitPattern: UInt32(exponent) << 23)
    }
}

/// Whole numbers of a few bits in words of 32: the zero points of packed codes, one for each output and group of inputs.
package struct PackedNumbers: NumberGrid {
    /// In which order words hold them.
    package enum Order: Sendable {
        /// Words (outputs · bits / 32, groups): the outputs of a group one after the other, over the words' ends too.
        case down
        /// Words (groups, outputs · bits / 32), as GPTQ stores them.
        case along
        /// Words (groups, outputs / 8) of four bits in AWQ's order.
        case interleaved
    }

    private let bytes: MappedBytes
    private let order: Order
    private let bits: Int
    /// Added to each number.
    private let offset: Float
    package let rows: Int
    package let columns: Int

    /// - Parameters:
    ///   - rows: how many outputs there are
    ///   - columns: how many groups
    ///   - offset: added to each number
    /// - Returns: nil where the bytes are not those of so many numbers.
    package init?(
        _ bytes: MappedBytes, _ order: Order, bits: Int, offset: Float = 0, rows: Int, columns: Int
    ) {
        guard (1...8).contains(bits), rows > 0, columns > 0 else { return nil }
        if case .down = order {
        } else {
            guard 32 % bits == 0, rows * bits % 32 == 0 else { return nil }
        }
        if case .interleaved = order, bits != 4 { return nil }
        guard bytes.count == (rows * bits + 31) / 32 * columns * 4 else { return nil }
        self.bytes = bytes
        self.order = order
        self.bits = bits
        self.offset = offset
        self.rows = rows
        self.columns = columns
    }

    /// Reads a row of numbers.
    package func read(row: Int, into numbers: UnsafeMutablePointer<Float>) {
        let mask = UInt64(1 << bits - 1)
        bytes.withUnsafeBytes { bytes in
            func word(_ line: Int, _ place: Int, width: Int) -> UInt64 {
                let offset = (line * width + place) * 4
                guard offset + 4 <= bytes.count else { return 0 }
                return UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            }
            let words = rows * bits / 32
            for column in 0..<columns {
                let first = row * bits
                let code =
                    switch order {
                    case .down:
                        (word(first / 32, column, width: columns)
                            | word(first / 32 + 1, column, width: columns) << 32)
                            >> UInt64(first % 32)
                    case .along: word(column, first / 32, width: words) >> UInt64(first % 32)
                    case .interleaved:
                        word(column, row / 8, width: words)
                            >> UInt64(4 * OutputWordCodes.places[row % 8])
                    }
                numbers[column] = Float(code & mask) + offset
            }
        }
    }
}
