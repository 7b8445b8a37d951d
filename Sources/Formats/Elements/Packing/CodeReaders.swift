package import Bytes

/// Codes that are elements of a type: whole numbers, floats of eight bits.
package struct ElementCodes: CodeReader {
    private let bytes: MappedBytes
    private let kernels: RowKernels
    private let rowBytes: Int
    package let rows: Int
    package let columns: Int

    /// - Returns: nil where the type cannot be widened, or the bytes are not those of so many elements.
    package init?(_ bytes: MappedBytes, type: ElementType, rows: Int, columns: Int) {
        guard let kernels = RowKernels(type), let rowBytes = type.byteCount(elements: columns),
            rowBytes.multipliedReportingOverflow(by: rows) == (bytes.count, false)
        else { return nil }
        self.bytes = bytes
        self.kernels = kernels
        self.rowBytes = rowBytes
        self.rows = rows
        self.columns = columns
    }

    /// Reads whole rows, one after the other.
    package func read(_ rows: Range<Int>, into numbers: UnsafeMutablePointer<Float>) {
        bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            kernels.widen(start + rows.lowerBound * rowBytes, rows.count * columns, numbers)
        }
    }
}

/// Codes of up to eight bits in a row of bits, the lowest bit of the lowest byte first.
package struct RowBitCodes: CodeReader {
    private let bytes: MappedBytes
    private let bits: Int
    private let rowBytes: Int
    /// How many codes a word of 32 bits holds, where none goes over its end.
    private let codesPerWord: Int?
    /// The number of each code.
    private let numbers: [Float]
    package let rows: Int
    package let columns: Int

    /// - Parameters:
    ///   - bits: of a code
    ///   - numbers: what each code stands for
    ///   - codesPerWord: how many codes a word of 32 bits holds where none goes over its end; nil where they go on
    /// - Returns: nil where a row needs more bits than it has, or codes have more than 8.
    package init?(
        _ bytes: MappedBytes, bits: Int, numbers: [Float], rows: Int, columns: Int,
        codesPerWord: Int? = nil
    ) {
        guard (1...8).contains(bits), numbers.count == 1 << bits, rows > 0,
            bytes.count % rows == 0
        else { return nil }
        rowBytes = bytes.count / rows
        let needed =
            if let codesPerWord { (columns + codesPerWord - 1) / codesPerWord * 32 } else {
                columns * bits
            }
        guard rowBytes * 8 >= needed else { return nil }
        self.bytes = bytes
        self.bits = bits
        self.numbers = numbers
        self.codesPerWord = codesPerWord
        self.rows = rows
        self.columns = columns
    }

    /// Whether the codes are floats of four bits, two in each byte.
    var isPlainFloat4: Bool {
        bits == 4 && codesPerWord == nil && columns % 2 == 0 && numbers == CodeNumbers.float4
    }

    /// A code of floats of four bits.
    func code(row: Int, column: Int) -> UInt8 {
        bytes.withUnsafeBytes { bytes in
            bytes[row * rowBytes + column / 2] >> UInt8(column % 2 * 4) & 15
        }
    }

    /// Reads whole rows, one after the other.
    package func read(_ rows: Range<Int>, into numbers: UnsafeMutablePointer<Float>) {
        bytes.withUnsafeBytes { bytes in
            self.numbers.withUnsafeBufferPointer { table in
                guard let start = bytes.baseAddress else { return }
                for (index, row) in rows.enumerated() {
                    read(start + row * rowBytes, table, into: numbers + index * columns)
                }
            }
        }
    }

    private func read(
        _ row: UnsafeRawPointer, _ table: UnsafeBufferPointer<Float>,
        into numbers: UnsafeMutablePointer<Float>
    ) {
        let mask = UInt16(1 << bits - 1)
        for column in 0..<columns {
            let place =
                if let codesPerWord {
                    column / codesPerWord * 32 + column % codesPerWord * bits
                } else {
                    column * bits
                }
            let shift = place & 7
            var code = UInt16(row.load(fromByteOffset: place >> 3, as: UInt8.self)) >> shift
            if shift + bits > 8 {
                code |=
                    UInt16(row.load(fromByteOffset: place >> 3 + 1, as: UInt8.self)) << (8 - shift)
            }
            numbers[column] = table[Int(code & mask)]
        }
    }
}

/// Codes in words of 32 bits of which each holds several inputs of one output, the first in its lowest bits: words (inputs
/// · bits / 32, outputs), as GPTQ stores them.
package struct InputWordCodes: CodeReader {
    private let bytes: MappedBytes
    private let bits: Int
    package let rows: Int
    package let columns: Int

    /// - Parameter bits: of a code; they divide 32
    /// - Returns: nil where the bytes are not those of so many words.
    package init?(_ bytes: MappedBytes, bits: Int, rows: Int, columns: Int) {
        guard [1, 2, 4, 8].contains(bits), columns % (32 / bits) == 0,
            (columns * bits / 8).multipliedReportingOverflow(by: rows) == (bytes.count, false)
        else { return nil }
        self.bytes = bytes
        self.bits = bits
        self.rows = rows
        self.columns = columns
    }

    /// Reads whole rows, one after the other.
    package func read(_ rows: Range<Int>, into numbers: UnsafeMutablePointer<Float>) {
        let perWord = 32 / bits
        let mask = UInt32(1 << bits - 1)
        bytes.withUnsafeBytes { bytes in
            for line in 0..<(columns / perWord) {
                for row in rows {
                    let word = bytes.loadUnaligned(
                        fromByteOffset: (line * self.rows + row) * 4, as: UInt32.self)
                    let target = numbers + (row - rows.lowerBound) * columns + line * perWord
                    for place in 0..<perWord {
                        target[place] = Float(word >> UInt32(place * bits) & mask)
                    }
                }
            }
        }
    }
}

/// Codes of four bits in words that each hold one input of eight outputs, in AWQ's order: words (inputs, outputs / 8).
package struct OutputWordCodes: CodeReader {
    private let bytes: MappedBytes
    package let rows: Int
    package let columns: Int

    /// Which four bits of a word, counted from the lowest, belong to each of its eight outputs.
    static let places: [UInt32] = [0, 4, 1, 5, 2, 6, 3, 7]

    /// - Returns: nil where the bytes are not those of so many words.
    package init?(_ bytes: MappedBytes, rows: Int, columns: Int) {
        guard rows % 8 == 0,
            (rows / 2).multipliedReportingOverflow(by: columns) == (bytes.count, false)
        else { return nil }
        self.bytes = bytes
        self.rows = rows
        self.columns = columns
    }

    /// Reads whole rows, one after the other.
    package func read(_ rows: Range<Int>, into numbers: UnsafeMutablePointer<Float>) {
        bytes.withUnsafeBytes { bytes in
            for column in 0..<columns {
                for row in rows {
                    let word = bytes.loadUnaligned(
                        fromByteOffset: (column * (self.rows / 8) + row / 8) * 4, as: UInt32.self)
                    numbers[(row - rows.lowerBound) * columns + column] =
                        Float(word >> (4 * Self.places[row % 8]) & 15)
                }
            }
        }
    }
}

/// Codes of four bits in bytes that each hold one input of two outputs, the first in the lower half: bytes (outputs / 2,
/// inputs), as ModelOpt stores whole numbers.
package struct RowPairCodes: CodeReader {
    private let bytes: MappedBytes
    private let numbers: [Float]
    package let rows: Int
    package let columns: Int

    /// - Parameter numbers: what each code stands for
    /// - Returns: nil where the bytes are not those of so many pairs.
    package init?(_ bytes: MappedBytes, numbers: [Float], rows: Int, columns: Int) {
        guard rows % 2 == 0, numbers.count == 16,
            (rows / 2).multipliedReportingOverflow(by: columns) == (bytes.count, false)
        else { return nil }
        self.bytes = bytes
        self.numbers = numbers
        self.rows = rows
        self.columns = columns
    }

    /// Reads whole rows, one after the other.
    package func read(_ rows: Range<Int>, into numbers: UnsafeMutablePointer<Float>) {
        bytes.withUnsafeBytes { bytes in
            for row in rows {
                let shift = UInt8(row % 2 * 4)
                for column in 0..<columns {
                    let byte = bytes[row / 2 * columns + column]
                    numbers[(row - rows.lowerBound) * columns + column] =
                        self.numbers[Int(byte >> shift & 15)]
                }
            }
        }
    }
}
