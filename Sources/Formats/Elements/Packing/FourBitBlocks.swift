import Bytes

/// Floats of four bits whose codes and scales are those of blocks of a GGUF type, so that they need no encoding anew: MXFP4,
/// and NVFP4 with a factor beside it.
package struct FourBitBlocks: Sendable {
    /// `mxfp4` or `nvfp4`.
    package let type: ElementType
    /// What the values of the blocks are multiplied by.
    package let factor: Float
    private let codes: RowBitCodes
    private let scales: StoredNumbers
    /// Elements that share a scale.
    private let groupSize: Int
    /// Which of the rows of codes and scales row 0 is, and how far one row is from the next.
    private var firstRow = 0
    private var step = 1

    /// - Parameters:
    ///   - codes: of four bits that stand for `CodeNumbers.float4`
    ///   - scales: (rows, columns / group size), in E4M3 for groups of 16 and exponents for groups of 32
    /// - Returns: nil where no type has such blocks, or rows are no whole number of them.
    init?(_ codes: RowBitCodes, scales: StoredNumbers, groupSize: Int, factor: Float) {
        let type: ElementType
        switch (scales.encoding, groupSize) {
        case (.element(.f8E4M3), 16): type = .nvfp4
        case (.exponent, 32) where factor == 1: type = .mxfp4
        default: return nil
        }
        guard codes.isPlainFloat4, factor.isFinite, factor != 0,
            codes.columns % type.elementsPerBlock == 0, scales.rows == codes.rows,
            scales.columns == codes.columns / groupSize
        else { return nil }
        self.type = type
        self.factor = factor
        self.codes = codes
        self.scales = scales
        self.groupSize = groupSize
    }

    /// Those of every so manyth row, from one on.
    package func rows(from first: Int, step: Int) -> FourBitBlocks {
        var blocks = self
        blocks.firstRow = firstRow + self.step * first
        blocks.step = self.step * step
        return blocks
    }

    /// Writes the blocks of a row. A negative scale gives its sign to the codes, since NVFP4's scales have none.
    ///
    /// - Parameter target: as many bytes as the row's blocks take.
    /// - Throws: `QuantizationError.notFinite` where a scale is NaN.
    package func write(
        row number: Int, to target: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) {
        let row = firstRow + step * number
        let groups = type.elementsPerBlock / groupSize
        let size = groups * (1 + groupSize / 2)
        for group in 0..<scales.columns {
            var scale = scales.byte(row: row, column: group)
            var sign: UInt8 = 0
            if type == .nvfp4 {
                sign = scale >> 4 & 8
                scale &= 0x7F
            }
            guard scale != (type == .nvfp4 ? 0x7F : 0xFF) else {
                throw .notFinite(type: type, index: group * groupSize)
            }
            let (block, place) = group.quotientAndRemainder(dividingBy: groups)
            target[block * size + place] = scale
            let first = block * size + groups + place * groupSize / 2
            for index in 0..<(groupSize / 2) {
                let column = group * groupSize + index
                let low = codes.code(row: row, column: column) ^ sign
                let high = codes.code(row: row, column: column + groupSize / 2) ^ sign
                target[first + index] = low | high << 4
            }
        }
    }
}
