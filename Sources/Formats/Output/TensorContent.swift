/// Where an output tensor's bytes come from: the rows of a source tensor or new values, with low-rank updates added or
/// not, taken row by row.
package struct TensorContent: Sendable {
    indirect enum Origin: Sendable {
        case rows(WeightRows)
        /// Contents one after the other, each of so many rows: the experts of a mixture.
        case parts([TensorContent], rows: Int)
        /// The first content's rows, of which there are so many, and then those of the second.
        case above(TensorContent, TensorContent, rows: Int)
        /// In each row the first content's columns, of which there are so many, and then those of the second.
        case beside(TensorContent, TensorContent, columns: Int)
        /// In each row the columns of the two by turns, of which there are as many in each.
        case turns(TensorContent, TensorContent)
    }

    let origin: Origin
    /// What the rows of one source are multiplied by; nil where they are taken as they are.
    let multiplier: Multiplier?
    /// Added to the rows, which are in the output's order in them too.
    let updates: [LowRankUpdate]
    /// What new values take the place of, in the same form; against it their change is measured.
    let former: WeightRows?

    /// What becomes of a value: factor · value + offset.
    struct Multiplier: Sendable {
        let factor: Float
        /// Of a weight that is stored less its shift; 0 for all others.
        let offset: Float

        /// This one and then another.
        func followed(by other: Multiplier) -> Multiplier {
            Multiplier(
                factor: other.factor * factor, offset: other.factor * offset + other.offset)
        }

        func apply(to row: UnsafeMutableBufferPointer<Float>) {
            for index in row.indices { row[index] = factor * row[index] + offset }
        }
    }

    init(
        _ origin: Origin, times multiplier: Multiplier? = nil,
        adding updates: [LowRankUpdate] = [], former: WeightRows? = nil
    ) {
        self.origin = origin
        self.multiplier = multiplier
        self.updates = updates
        self.former = former
    }

    /// The same with an update on top.
    func adding(_ update: LowRankUpdate) -> TensorContent {
        TensorContent(origin, times: multiplier, adding: updates + [update], former: former)
    }

    /// The weight times a number, updates and all.
    ///
    /// - Parameter shift: what is added to the stored values to give the weight's
    func multiplied(by factor: Float, shift: Float) -> TensorContent {
        func parts(_ content: TensorContent) -> TensorContent {
            content.multiplied(by: factor, shift: shift)
        }
        let updates = updates.map { $0.with(scale: factor * $0.scale) }
        switch origin {
        case .rows:
            let own = Multiplier(factor: factor, offset: (factor - 1) * shift)
            return TensorContent(
                origin, times: multiplier?.followed(by: own) ?? own, adding: updates,
                former: former)
        case .parts(let all, let rows):
            return TensorContent(.parts(all.map(parts), rows: rows), adding: updates)
        case .above(let first, let second, let rows):
            return TensorContent(.above(parts(first), parts(second), rows: rows), adding: updates)
        case .beside(let first, let second, let columns):
            return TensorContent(
                .beside(parts(first), parts(second), columns: columns), adding: updates)
        case .turns(let first, let second):
            return TensorContent(.turns(parts(first), parts(second)), adding: updates)
        }
    }

    /// A tensor's data as it is, or changed into another form.
    static func tensor(
        _ tensor: StoredTensor, _ change: StorageForm = .canonical
    ) -> TensorContent {
        TensorContent(.rows(WeightRows(tensor, change)))
    }

    /// A weight's values, changed into another form.
    static func weight(_ weight: WeightTensor, _ change: StorageForm) -> TensorContent {
        TensorContent(.rows(WeightRows(weight, change)))
    }

    /// The same, taking the place of what is given.
    func replacing(_ former: WeightRows?) -> TensorContent {
        TensorContent(origin, times: multiplier, adding: updates, former: former)
    }

    /// The rows of one source; nil where there are several.
    var rows: WeightRows? { if case .rows(let rows) = origin { rows } else { nil } }

    /// The length of the rows in which a tensor of this shape is made.
    func columns(of shape: [Int]) -> Int {
        switch origin {
        case .rows(let rows): rows.change.columns(of: shape)
        case .parts(let parts, _):
            parts.map { $0.columns(of: shape) }.min() ?? StorageForm.canonical.columns(of: shape)
        case .above: shape.count == 1 ? 1 : StorageForm.canonical.columns(of: shape)
        case .beside, .turns: StorageForm.canonical.columns(of: shape)
        }
    }

    /// Whether the bytes are the source's own, in its order and type.
    package func isCopy(as type: ElementType) -> Bool {
        isKept(as: type) && rows?.isReordered == false && rows?.tensor != nil
    }

    /// Whether each row's bytes are the source's own.
    func isKept(as type: ElementType) -> Bool {
        multiplier == nil && hasSourceBlocks(of: type)
    }

    /// Whether each row's bytes are the source's own, but for a number that its values are multiplied by.
    func hasSourceBlocks(of type: ElementType) -> Bool {
        guard updates.isEmpty, let rows, rows.change.keepsValues, !rows.change.isTransposed,
            !rows.hasReorderedColumns
        else { return false }
        return rows.blockType == type
    }

    /// What multiplies the scales of the source's blocks, and by how much, where that makes the rows in this type.
    func blockScaling(as type: ElementType) -> (scaling: BlockScaling, factor: Float)? {
        guard let multiplier, multiplier.offset == 0, hasSourceBlocks(of: type),
            let scaling = BlockScaling(type)
        else { return nil }
        return (scaling, multiplier.factor)
    }

    /// Whether every value is stored in this type without rounding.
    func isExact(as type: ElementType) -> Bool {
        guard updates.isEmpty, multiplier == nil else { return false }
        return switch origin {
        case .rows(let rows):
            type.holdsExactly(rows.weight?.type ?? .f32) && rows.change.keepsValues
        case .parts(let parts, _): parts.allSatisfy { $0.isExact(as: type) }
        case .above(let first, let second, _), .beside(let first, let second, _):
            first.isExact(as: type) && second.isExact(as: type)
        case .turns(let first, let second): first.isExact(as: type) && second.isExact(as: type)
        }
    }

    /// The first quantised tensor whose values it takes; nil where there is none.
    var quantizedSource: StoredTensor? {
        switch origin {
        case .rows(let rows): rows.tensor.flatMap { $0.type.isQuantized ? $0 : nil }
        case .parts(let parts, _): parts.lazy.compactMap(\.quantizedSource).first
        case .above(let first, let second, _), .beside(let first, let second, _):
            first.quantizedSource ?? second.quantizedSource
        case .turns(let first, let second): first.quantizedSource ?? second.quantizedSource
        }
    }

    /// The first packed weight whose values it takes; nil where there is none.
    var packedSource: PackedTensor? {
        switch origin {
        case .rows(let rows): rows.weight?.packed.flatMap { $0.isQuantized ? $0 : nil }
        case .parts(let parts, _): parts.lazy.compactMap(\.packedSource).first
        case .above(let first, let second, _), .beside(let first, let second, _):
            first.packedSource ?? second.packedSource
        case .turns(let first, let second): first.packedSource ?? second.packedSource
        }
    }

    /// Where columns end that no whole blocks of this type hold, so that what stands beside them cannot be stored without
    /// encoding them anew; nil where there are none.
    func splitBlock(of type: ElementType) -> Int? {
        switch origin {
        case .rows: nil
        case .parts(let parts, _): parts.lazy.compactMap { $0.splitBlock(of: type) }.first
        case .above(let first, let second, _):
            first.splitBlock(of: type) ?? second.splitBlock(of: type)
        case .beside(let first, let second, let columns):
            columns % type.elementsPerBlock == 0
                ? first.splitBlock(of: type) ?? second.splitBlock(of: type) : columns
        case .turns(let first, let second):
            first.splitBlock(of: type) ?? second.splitBlock(of: type)
        }
    }

    /// Where the bytes come from, in a few words.
    package var summary: String {
        let rows: WeightRows
        let additions = updates.map { " + update of rank \($0.rank)" }.joined()
        switch origin {
        case .parts(let parts, _):
            return "\(parts.count) experts, first \(parts.first?.summary ?? "none")"
        case .above(let first, let second, _):
            return "\(first.summary) above \(second.summary)\(additions)"
        case .beside(let first, let second, _):
            return "\(first.summary) beside \(second.summary)\(additions)"
        case .turns(let first, let second):
            return "\(first.summary) and \(second.summary) by turns\(additions)"
        case .rows(let own): rows = own
        }
        let place = rows.weight.map { "\($0.name) (\($0.storageName))" } ?? "new values"
        let shift = rows.change.shift
        let sum = shift == 0 ? "" : shift > 0 ? " + 1" : " - 1"
        let product = multiplier.map { " x \($0.factor)" } ?? ""
        let scale = rows.change.factor == 1 ? "" : " x \(rows.change.factor)"
        return place + scale + sum + product + additions
            + (rows.change.rows != .same ? ", rows reordered" : "")
            + (rows.hasReorderedColumns ? ", columns reordered" : "")
            + (rows.change.curve == .none ? "" : ", \(rows.change.curve.label)")
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
        case .above(let first, let second, let count):
            let (upper, lower) = Self.split(range, at: count)
            if !upper.isEmpty { first.releaseSource(rows: upper, columns: columns) }
            if !lower.isEmpty { second.releaseSource(rows: lower, columns: columns) }
        case .beside(let first, let second, let own):
            first.releaseSource(rows: range, columns: own)
            second.releaseSource(rows: range, columns: columns - own)
        case .turns(let first, let second):
            for part in [first, second] { part.releaseSource(rows: range, columns: columns / 2) }
        }
    }

    /// The rows of a range that are among the first so many, and those after them, counted from there.
    static func split(
        _ rows: Range<Int>, at count: Int
    ) -> (first: Range<Int>, second: Range<Int>) {
        let second = rows.clamped(to: count..<max(count, rows.upperBound))
        return (
            rows.clamped(to: 0..<count),
            (second.lowerBound - count)..<(second.upperBound - count)
        )
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
