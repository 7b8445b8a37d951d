/// Rows of text under a header, laid out in columns.
///
/// ```swift
/// var table = Table([.left("tensor"), .right("size")])
/// table.add("token_embd.weight", "28.3 MB")
/// console.print(table)
/// ```
struct Table: Sendable {
    struct Column: Sendable {
        let title: String
        let alignsRight: Bool

        /// A column of words.
        static func left(_ title: String) -> Column { Column(title: title, alignsRight: false) }

        /// A column of numbers.
        static func right(_ title: String) -> Column { Column(title: title, alignsRight: true) }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row: a cell for each column, missing ones are empty. Control characters in a cell are escaped.
    mutating func add(_ cells: String...) { add(cells) }

    /// Adds a row: a cell for each column, missing ones are empty. Control characters in a cell are escaped.
    mutating func add(_ cells: [String]) {
        let missing = max(0, columns.count - cells.count)
        rows.append(
            cells.prefix(columns.count).map(PrintableText.line)
                + Array(repeating: "", count: missing))
    }

    /// The titles, laid out like the rows.
    var header: String { layOut(columns.map(\.title), widths) }

    /// The rows, without the header.
    var body: [String] {
        let widths = widths
        return rows.map { layOut($0, widths) }
    }

    private var widths: [Int] {
        var widths = columns.map(\.title.displayWidth)
        for row in rows {
            for (column, cell) in row.enumerated() {
                widths[column] = max(widths[column], cell.displayWidth)
            }
        }
        return widths
    }

    private func layOut(_ cells: [String], _ widths: [Int]) -> String {
        let padded = zip(cells, zip(widths, columns)).map { cell, place in
            cell.padded(to: place.0, alignRight: place.1.alignsRight)
        }
        let line = padded.joined(separator: "  ")
        return String(
            line.prefix(
                upTo: line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex))
    }
}
