/// Codes in blocks that share a scale: (code − zero) · scale · factor / divisor · input scale + minimum, each operation
/// rounded to f32.
package final class ScaledCodes: PackedLayout {
    /// Numbers of rectangles of a matrix, or of each of several matrices whose rows stand one after the other.
    package struct Blocks: Sendable {
        let grid: any NumberGrid
        /// The rows and columns that share a number; the last ones of a matrix may be fewer.
        let rowsPerBlock: Int
        let columnsPerBlock: Int
        /// How many rows one matrix has, and its grid.
        let rowsPerMatrix: Int
        let gridRowsPerMatrix: Int

        /// - Parameters:
        ///   - block: rows and columns that share a number
        ///   - matrices: how many matrices the rows are of
        /// - Returns: nil where the grid has not a number for each block.
        package init?(
            _ grid: any NumberGrid, block: (rows: Int, columns: Int), rows: Int, columns: Int,
            matrices: Int = 1
        ) {
            guard block.rows > 0, block.columns > 0, matrices > 0, rows % matrices == 0 else {
                return nil
            }
            self.grid = grid
            rowsPerBlock = block.rows
            columnsPerBlock = block.columns
            rowsPerMatrix = rows / matrices
            gridRowsPerMatrix = (rowsPerMatrix + block.rows - 1) / block.rows
            guard grid.rows == gridRowsPerMatrix * matrices,
                grid.columns == (columns + block.columns - 1) / block.columns
            else { return nil }
        }

        /// The blocks of columns in the order of a list.
        ///
        /// - Returns: nil where the grid has not a row for each of so many rows.
        package init?(listed grid: any NumberGrid, rows: Int) {
            guard grid.rows == rows else { return nil }
            self.grid = grid
            (rowsPerBlock, columnsPerBlock) = (1, 1)
            (rowsPerMatrix, gridRowsPerMatrix) = (max(rows, 1), max(rows, 1))
        }

        /// The grid's row that a row of the matrix belongs to.
        func gridRow(of row: Int) -> Int {
            row / rowsPerMatrix * gridRowsPerMatrix + row % rowsPerMatrix / rowsPerBlock
        }
    }

    private let codes: any CodeReader
    private let scales: Blocks
    private let zeros: Blocks?
    private let minimums: Blocks?
    private let inputScales: Blocks?
    /// The block that each column belongs to, where they are in no order.
    private let groups: GroupList?
    private let factor: Float
    private let divisor: Float

    package var rows: Int { codes.rows }
    package var columns: Int { codes.columns }

    /// - Parameters:
    ///   - inputScales: what each column is multiplied by
    ///   - groups: the block of each column, where a list says so
    ///   - factor: what all values are multiplied by
    ///   - divisor: what they are divided by
    package init(
        _ codes: any CodeReader, scales: Blocks, zeros: Blocks? = nil, minimums: Blocks? = nil,
        inputScales: Blocks? = nil, groups: GroupList? = nil, factor: Float = 1, divisor: Float = 1
    ) {
        self.codes = codes
        self.scales = scales
        self.zeros = zeros
        self.minimums = minimums
        self.inputScales = inputScales
        self.groups = groups
        self.factor = factor
        self.divisor = divisor
    }

    /// Those of floats of four bits with a scale for each few of them and none of the other numbers.
    package var blocks: FourBitBlocks? {
        guard let codes = codes as? RowBitCodes, let grid = scales.grid as? StoredNumbers,
            scales.rowsPerBlock == 1, zeros == nil, minimums == nil, inputScales == nil,
            groups == nil
        else { return nil }
        return FourBitBlocks(
            codes, scales: grid, groupSize: scales.columnsPerBlock, factor: factor / divisor)
    }

    /// Widens whole rows to f32, one after the other.
    package func widen(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        codes.read(rows, into: values)
        var zero = zeros.map { GridRow($0, groups) }
        var scale = GridRow(scales, groups)
        var minimum = minimums.map { GridRow($0, groups) }
        var inputScale = inputScales.map { GridRow($0, nil) }
        for row in rows {
            let target = UnsafeMutableBufferPointer(
                start: values + (row - rows.lowerBound) * columns, count: columns)
            zero?.apply(row, to: target) { $0 - $1 }
            scale.apply(row, to: target) { $0 * $1 }
            if factor != 1 { for column in 0..<columns { target[column] *= factor } }
            if divisor != 1 { for column in 0..<columns { target[column] /= divisor } }
            inputScale?.apply(row, to: target) { $0 * $1 }
            minimum?.apply(row, to: target) { $0 + $1 }
        }
    }
}

/// The row of a grid that was read last.
private struct GridRow {
    private let blocks: ScaledCodes.Blocks
    private let groups: GroupList?
    private var row = -1
    private var numbers: [Float]

    init(_ blocks: ScaledCodes.Blocks, _ groups: GroupList?) {
        self.blocks = blocks
        self.groups = groups
        numbers = [Float](repeating: 0, count: blocks.grid.columns)
    }

    /// Works on each value of a row and the number of its block.
    @inline(__always)
    mutating func apply(
        _ row: Int, to values: UnsafeMutableBufferPointer<Float>,
        _ operation: (Float, Float) -> Float
    ) {
        let own = blocks.gridRow(of: row)
        if own != self.row {
            let grid = blocks.grid
            numbers.withUnsafeMutableBufferPointer { numbers in
                guard let start = numbers.baseAddress else { return }
                grid.read(row: own, into: start)
            }
            self.row = own
        }
        if let groups {
            return groups.forEach(values.indices) { column, group in
                values[column] = operation(values[column], numbers[group])
            }
        }
        for (block, number) in numbers.enumerated() {
            let first = block * blocks.columnsPerBlock
            for column in first..<min(first + blocks.columnsPerBlock, values.count) {
                values[column] = operation(values[column], number)
            }
        }
    }
}
