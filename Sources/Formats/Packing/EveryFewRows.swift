/// Every so manyth row of a layout: one of the matrices whose rows lie in it by turns.
final class EveryFewRows: PackedLayout {
    private let layout: any PackedLayout
    private let firstRow: Int
    private let step: Int
    let rows: Int

    /// - Precondition: the layout has so many rows, counted from the first one in steps.
    init(_ layout: any PackedLayout, firstRow: Int, step: Int, count: Int) {
        precondition(step > 0 && firstRow >= 0 && firstRow + step * (count - 1) < layout.rows)
        self.layout = layout
        self.firstRow = firstRow
        self.step = step
        rows = count
    }

    var columns: Int { layout.columns }

    func widen(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        for (index, row) in rows.enumerated() {
            let source = firstRow + step * row
            layout.widen(source..<source + 1, into: values + index * columns)
        }
    }

    var blocks: FourBitBlocks? { layout.blocks?.rows(from: firstRow, step: step) }
}
