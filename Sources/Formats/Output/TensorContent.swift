/// Where an output tensor's bytes come from: the rows of a source tensor or new values, with low-rank updates added or
/// not, taken row by row.
package struct TensorContent: Sendable {
    enum Origin: Sendable {
        case rows(WeightRows)
        /// Contents one after the other, each of so many rows: the experts of a mixture.
        case parts([TensorContent], rows: Int)
    }

    let origin: Origin
    /// Added to the rows, which are in the output's order in them too.
    let updates: [LowRankUpdate]
    /// What new values take the place of, in the same form; against it their change is measured.
    let former: WeightRows?

    init(_ origin: Origin, adding updates: [LowRankUpdate] = [], former: WeightRows? = nil) {
        self.origin = origin
        self.updates = updates
        self.former = former
    }

    /// A tensor's data as it is, or changed into another form.
    static func tensor(
        _ tensor: StoredTensor, _ change: StorageForm = .canonical
    ) -> TensorContent {
        TensorContent(.rows(WeightRows(tensor, change)))
    }

    /// The rows of one source; nil where there are several.
    var rows: WeightRows? { if case .rows(let rows) = origin { rows } else { nil } }

    /// The length of the rows in which a tensor of this shape is made.
    func columns(of shape: [Int]) -> Int {
        switch origin {
        case .rows(let rows): rows.change.columns(of: shape)
        case .parts(let parts, _):
            parts.map { $0.columns(of: shape) }.min() ?? StorageForm.canonical.columns(of: shape)
        }
    }

    /// Whether the bytes are the source's own, in its order and type.
    package func isCopy(as type: ElementType) -> Bool {
        isKept(as: type) && rows?.isReordered == false
    }

    /// Whether each row's bytes are the source's own.
    func isKept(as type: ElementType) -> Bool {
        guard updates.isEmpty, let rows, rows.change.shift == 0, !rows.change.isTransposed else {
            return false
        }
        return rows.tensor?.type == type
    }

    /// Where the bytes come from, in a few words.
    package var summary: String {
        let rows: WeightRows
        switch origin {
        case .parts(let parts, _):
            return "\(parts.count) experts, first \(parts.first?.summary ?? "none")"
        case .rows(let own): rows = own
        }
        let place = rows.tensor.map { "\($0.name) (\($0.type.name))" } ?? "new values"
        let additions = updates.map { " + update of rank \($0.rank)" }.joined()
        let shift = rows.change.shift
        let sum = shift == 0 ? "" : shift > 0 ? " + 1" : " - 1"
        return place + sum + additions + (rows.isReordered ? ", rows reordered" : "")
            + (rows.change.isTransposed ? ", transposed" : "")
    }

    /// Gives the source's pages of some rows back to the system.
    func releaseSource(rows range: Range<Int>, columns: Int) {
        former?.releasePages(rows: range, columns: columns)
        switch origin {
        case .rows(let rows): rows.releasePages(rows: range, columns: columns)
        case .parts(let parts, let count):
            for (part, own) in Self.split(range, by: count) where parts.indices.contains(part) {
                parts[part].releaseSource(rows: own, columns: columns)
            }
        }
    }

    /// The parts that rows fall into, and their rows in each.
    static func split(_ rows: Range<Int>, by count: Int) -> [(part: Int, rows: Range<Int>)] {
        guard count > 0, !rows.isEmpty else { return [] }
        return ((rows.lowerBound / count)...((rows.upperBound - 1) / count)).map { part in
            let own = rows.clamped(to: (part * count)..<((part + 1) * count))
            return (part, (own.lowerBound - part * count)..<(own.upperBound - part * count))
        }
    }
}
