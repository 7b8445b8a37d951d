package import Bytes

/// Codes of four bits that a table gives numbers, in blocks of the flattened matrix that share a scale, the first element
/// of a byte in its upper half: bitsandbytes' NF4 and FP4.
package final class TableCodes: PackedLayout {
    /// The largest absolute value of each block.
    package enum Scales: Sendable {
        /// In f32.
        case plain(MappedBytes)
        /// As codes of a table, in blocks of so many that share a scale in f32 themselves, with an offset added.
        case nested(
            MappedBytes, table: [Float], scales: MappedBytes, blockSize: Int, offset: Float)

        /// Whether there is a scale for each of so many blocks.
        func holds(_ count: Int) -> Bool {
            switch self {
            case .plain(let bytes): bytes.count == count * 4
            case .nested(let codes, let table, let scales, let size, _):
                codes.count == count && table.count == 256 && size > 0
                    && scales.count == (count + size - 1) / size * 4
            }
        }

        func scale(_ block: Int) -> Float {
            func float(_ bytes: MappedBytes, _ index: Int) -> Float {
                bytes.withUnsafeBytes {
                    $0.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
                }
            }
            switch self {
            case .plain(let bytes): return float(bytes, block)
            case .nested(let codes, let table, let scales, let size, let offset):
                let code = codes.withUnsafeBytes { $0[block] }
                return table[Int(code)] * float(scales, block / size) + offset
            }
        }
    }

    private let codes: MappedBytes
    private let table: [Float]
    private let blockSize: Int
    private let scales: Scales
    package let rows: Int
    package let columns: Int

    /// - Parameter table: the numbers of the 16 codes
    /// - Returns: nil where there are not as many codes and scales as the elements take.
    package init?(
        _ codes: MappedBytes, table: [Float], scales: Scales, blockSize: Int, rows: Int,
        columns: Int
    ) {
        let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
        guard !overflow, table.count == 16, blockSize > 0, codes.count == (count + 1) / 2,
            scales.holds((count + blockSize - 1) / blockSize)
        else { return nil }
        self.codes = codes
        self.table = table
        self.blockSize = blockSize
        self.scales = scales
        self.rows = rows
        self.columns = columns
    }

    /// Widens whole rows to f32, one after the other.
    package func widen(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        let end = rows.upperBound * columns
        let start = rows.lowerBound * columns
        codes.withUnsafeBytes { codes in
            var element = start
            while element < end {
                let block = element / blockSize
                let scale = scales.scale(block)
                for index in element..<min((block + 1) * blockSize, end) {
                    let byte = codes[index / 2]
                    let code = index % 2 == 0 ? byte >> 4 : byte & 15
                    values[index - start] = table[Int(code)] * scale
                }
                element = min((block + 1) * blockSize, end)
            }
        }
    }
}
