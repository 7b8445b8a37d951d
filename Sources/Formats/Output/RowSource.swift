/// Where a weight's rows come from: an expression that is worked out row by row while an output is written. Each part
/// knows its own form, so that it is the same in every format.
package indirect enum RowSource: Sendable {
    /// What the weight has: its tensor in the source, or what the edits before this one make of it.
    case present
    /// A tensor as it lies in its file, of the source or of another checkpoint.
    case stored(WeightTensor)
    /// Values in C order, which lie in this form. Their shape is the weight's, or follows from what they stand beside
    /// or above.
    case values([Float], StorageForm)
    /// Rows that are made when they are written.
    case computed(ComputedRows)
    /// A low-rank update on top.
    case plus(RowSource, LowRankUpdate)
    /// The rows times a number. Blocks of a quantised part keep their codes where they are stored in their type: their
    /// scales alone are multiplied.
    case scaled(RowSource, by: Float)
    /// The matrices of all experts, in their order.
    case stack([RowSource])
    /// More columns after those of the first: more inputs. Blocks of a quantised first part keep their bytes.
    case beside(RowSource, RowSource)
    /// More rows after those of the first: more outputs, whole heads where rows of heads have an order.
    case above(RowSource, RowSource)
}

extension RowSource {
    /// Zeros, which are made when they are written.
    ///
    /// - Parameter shape: that of the canonical weight.
    package static func zeros(_ shape: [Int]) -> RowSource {
        .computed(ComputedRows(shape: shape) { _, rows in rows.update(repeating: 0) })
    }

    /// The expression's own parts.
    private var parts: [RowSource] {
        switch self {
        case .present, .stored, .values, .computed: []
        case .plus(let rows, _), .scaled(let rows, _): [rows]
        case .stack(let rows): rows
        case .beside(let first, let second), .above(let first, let second): [first, second]
        }
    }

    /// Whether the expression builds on what the weight has.
    var hasPresent: Bool {
        if case .present = self { true } else { parts.contains(where: \.hasPresent) }
    }

    /// Whether the expression is made of new values alone, and reads no tensor.
    var isNew: Bool {
        switch self {
        case .present, .stored, .plus: false
        default: parts.allSatisfy(\.isNew)
        }
    }

    /// Whether every value of a matrix is worked out anew.
    var isComputed: Bool {
        switch self {
        case .plus, .values, .computed: true
        default: false
        }
    }

    /// The expression on top of another one, which takes the place of what the weight has.
    func on(_ present: RowSource) -> RowSource {
        switch self {
        case .present: present
        case .stored, .values, .computed: self
        case .plus(let rows, let update): .plus(rows.on(present), update)
        case .scaled(let rows, let factor): .scaled(rows.on(present), by: factor)
        case .stack(let rows): .stack(rows.map { $0.on(present) })
        case .beside(let first, let second): .beside(first.on(present), second.on(present))
        case .above(let first, let second): .above(first.on(present), second.on(present))
        }
    }
}

extension RowSource: CustomStringConvertible {
    /// The expression in a few words, as a dry run prints it.
    package var description: String {
        switch self {
        case .present: "its rows"
        case .stored(let tensor): "tensor '\(tensor.name)'"
        case .values(let values, _): "\(values.count) values"
        case .computed(let rows): "\(rows.count) values"
        case .plus(let rows, let update): "\(rows) + an update of rank \(update.rank)"
        case .scaled(let rows, let factor): "\(rows) times \(factor)"
        case .stack(let rows): "\(rows.count) experts"
        case .beside(let first, let second): "\(first) beside \(second)"
        case .above(let first, let second): "\(first) above \(second)"
        }
    }
}
