/// Where an output tensor's bytes come from: a source tensor or new values, with low-rank updates added or not, taken
/// row by row.
package struct TensorContent: Sendable {
    enum Origin: Sendable {
        case tensor(CheckpointTensor)
        case values([Float])
        /// Contents one after the other, each of so many rows: the experts of a mixture.
        case parts([TensorContent], rows: Int)
    }

    let origin: Origin
    let order: RowOrder
    /// Whether the output is the transpose of the origin.
    let isTransposed: Bool
    /// Added to each value of the origin.
    let shift: Float
    /// Added to the rows of the output; their own rows are in the source's order.
    let updates: [LowRankUpdate]
    /// What new values take the place of, in the same form; against it their change is measured.
    let former: Former?

    /// A tensor that new values replace, and how it comes into the output's form.
    struct Former: Sendable {
        let tensor: CheckpointTensor
        let isTransposed: Bool
        let shift: Float
    }

    init(
        origin: Origin, order: RowOrder = .same, isTransposed: Bool = false, shift: Float = 0,
        updates: [LowRankUpdate] = [], former: Former? = nil
    ) {
        self.origin = origin
        self.order = order
        self.isTransposed = isTransposed
        self.shift = shift
        self.updates = updates
        self.former = former
    }

    /// A source tensor's data.
    package static func tensor(
        _ tensor: CheckpointTensor, order: RowOrder = .same, adding updates: [LowRankUpdate] = []
    ) -> TensorContent {
        TensorContent(origin: .tensor(tensor), order: order, updates: updates)
    }

    /// Values in C order.
    package static func values(
        _ values: [Float], order: RowOrder = .same, adding updates: [LowRankUpdate] = []
    ) -> TensorContent {
        TensorContent(origin: .values(values), order: order, updates: updates)
    }

    /// Whether the bytes are the source's own, in its order and type.
    package func isCopy(as type: ElementType) -> Bool {
        order == .same && isKept(as: type)
    }

    /// Whether each row's bytes are the source's own.
    func isKept(as type: ElementType) -> Bool {
        guard updates.isEmpty, shift == 0, !isTransposed, case .tensor(let tensor) = origin else {
            return false
        }
        return tensor.type == type
    }

    /// Where the bytes come from, in a few words.
    package var summary: String {
        let place =
            switch origin {
            case .values: "new values"
            case .tensor(let tensor): "\(tensor.name) (\(tensor.type.name))"
            case .parts(let parts, _):
                "\(parts.count) experts, first \(parts.first?.summary ?? "none")"
            }
        let additions = updates.map { " + update of rank \($0.rank)" }.joined()
        let sum = shift == 0 ? "" : shift > 0 ? " + 1" : " - 1"
        return place + sum + additions + (order == .same ? "" : ", rows reordered")
            + (isTransposed ? ", transposed" : "")
    }

    /// The content that new values take the place of.
    var formerContent: TensorContent? {
        former.map {
            TensorContent(
                origin: .tensor($0.tensor), order: order, isTransposed: $0.isTransposed,
                shift: $0.shift)
        }
    }

    /// Gives the source's pages of some rows back to the system.
    func releaseSource(rows: Range<Int>, columns: Int) {
        formerContent?.releaseSource(rows: rows, columns: columns)
        switch origin {
        case .values: break
        case .parts(let parts, let count):
            for (part, own) in Self.split(rows, by: count) where parts.indices.contains(part) {
                parts[part].releaseSource(rows: own, columns: columns)
            }
        case .tensor(let tensor):
            // The rows of a transpose are all over the source.
            if isTransposed { return tensor.releasePages() }
            guard let bytes = tensor.type.byteCount(elements: columns),
                let range = tensor.bytes.slice(
                    (rows.lowerBound * bytes)..<(rows.upperBound * bytes))?.range
            else { return }
            tensor.bytes.file.release(range)
        }
    }
}
