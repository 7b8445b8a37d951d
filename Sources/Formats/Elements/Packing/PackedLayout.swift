/// How tensors that lie beside each other make the values of one matrix: codes, and what scales, zero points, tables or
/// an order of columns make of them.
///
/// A layout is made only where the tensors are as long as it reads them, so that reading cannot fail.
package protocol PackedLayout: AnyObject, Sendable {
    /// How many rows there are; those of several matrices count one after the other.
    var rows: Int { get }
    /// The length of a row.
    var columns: Int { get }

    /// Widens whole rows to f32, one after the other.
    ///
    /// - Parameters:
    ///   - rows: inside 0 ..< `rows`
    ///   - values: (rows, columns)
    func widen(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>)

    /// The blocks of a GGUF type that the codes and scales are as they stand; nil where they are none.
    var blocks: FourBitBlocks? { get }
}

extension PackedLayout {
    package var blocks: FourBitBlocks? { nil }
}

/// The codes of a matrix, each as the number that it stands for before it is scaled.
package protocol CodeReader: Sendable {
    /// How many rows there are.
    var rows: Int { get }
    /// The length of a row.
    var columns: Int { get }

    /// Reads whole rows, one after the other.
    func read(_ rows: Range<Int>, into numbers: UnsafeMutablePointer<Float>)
}

/// The numbers that blocks of a matrix share, in rows of one for each block of columns.
package protocol NumberGrid: Sendable {
    /// How many rows of numbers there are.
    var rows: Int { get }
    /// How many numbers a row has.
    var columns: Int { get }

    /// Reads a row of numbers.
    func read(row: Int, into numbers: UnsafeMutablePointer<Float>)
}
