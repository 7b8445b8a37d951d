package import Formats
import Transformer

/// What every tensor of an edited file is of its base's: the same values, their rounding to another type, or something else.
///
/// A text shows no more of a model than the tokens it has; this looks at every row.
package struct WeightComparison: Sendable {
    /// Tensors that were rounded to one type.
    package struct Rounding: Sendable {
        package let type: ElementType
        /// How many tensors there are, and in how many every row is what the type's encoder makes of the base's.
        package internal(set) var tensors = 0
        package internal(set) var exact = 0
    }

    /// A tensor that is neither the base's nor its rounding.
    package struct Change: Sendable {
        /// Whether the type that holds the edit rounds it: another one than the base's, or the same where the edit is
        /// computed anew.
        var isRounded: Bool {
            guard let role, let type, type != .f32, type != .f64 else { return false }
            return role.part == .weight ? isRetyped || reason == .expected : !isRetyped
        }

        /// Why it may differ.
        enum Reason: Sendable {
            /// An intervention changes it, and every row is what that makes of the base's.
            case expected
            /// Every token passes through it, so that the comparison of the streams judges it.
            case seen
            /// Only some tokens read the rows.
            case unseen
        }

        package let name: String
        let role: WeightRole?
        /// How the edited file stores it; nil where it has no such tensor.
        package let type: ElementType?
        /// Whether the base stores it in another type.
        let isRetyped: Bool
        /// The first rows that differ; none where the tensors cannot be compared row by row.
        package let rows: [Int]
        /// How many rows differ, of how many.
        package let rowCount: (changed: Int, all: Int)
        let reason: Reason
        /// What it has beyond the base's tensor; nil where it is not that tensor with more rows or columns.
        let growth: TensorGrowth?

        /// What became of it, where no rows are named.
        package var note: String {
            let growth = growth.map { "the base's, and \($0)" }
            return reason == .expected
                ? "what the edit makes of the base's rows"
                : growth ?? (reason == .seen ? "holds the edit, or differs" : "differs as a whole")
        }

        /// Whether no intervention explains it, and no text is sure to show it.
        package var isUnexplained: Bool { reason == .unseen }
    }

    /// How many tensors hold the base's very values.
    package private(set) var equal = 0
    /// In the order of their types' sizes, the coarsest last.
    package private(set) var roundings: [Rounding] = []
    /// In the order of the base's file.
    package private(set) var changes: [Change] = []
    /// Of the tensors that were rounded, the share that is told from its own rows in another order.
    package private(set) var rowsToldApart: (told: Int, all: Int) = (0, 0)
    /// Whether the edited file's tensors can stand in for the base's: some are rounded, and those that are not have their
    /// rows in the base's order.
    private(set) var canStandForBase = false

    /// The roles of tensors that are not the base's.
    var changedRoles: Set<WeightRole> { Set(changes.compactMap(\.role)) }
    /// The types of weights that hold the edit rounded.
    var roundedTypes: [WeightRole: ElementType] {
        var found: [WeightRole: ElementType] = [:]
        for change in changes where change.isRounded {
            if let role = change.role { found[role] = change.type }
        }
        return found
    }
    /// Whether a matrix that the base has too holds the edit, or biases of experts do, whose weighted sum rounds as a
    /// product does.
    var hasEditedMatrices: Bool {
        changes.contains { change in
            let isSum = change.role?.part == .weight || change.role?.slot.isOfExperts ?? false
            return isSum && change.reason != .unseen
        }
    }
    package var unexplained: [Change] { changes.filter(\.isUnexplained) }

    /// Rows that are named.
    private static let namedRows = 8
    /// Tensors whose rows are looked at side by side.
    private static let tensorsAtOnce = 16

    /// Compares all tensors, streaming.
    ///
    /// - Parameters:
    ///   - interventions: what the edited file is to hold besides
    ///   - progress: called with how many tensors are done, of how many
    /// - Throws: what matching and reading tensors throws.
    init(
        base: Checkpoint, edited: Checkpoint, interventions: [Intervention], crew: WorkCrew,
        progress: (Int, Int) -> Void
    ) throws {
        let compared = try TensorComparison(base, edited, crew: crew)
        let expected = try ExpectedRows(interventions, DecoderConfiguration(base))
        let differing = compared.tensors.filter(\.isDifference)
        equal = compared.tensors.count - differing.count
        var byType: [ElementType: Rounding] = [:]
        var isReordered = false
        for first in stride(from: 0, to: differing.count, by: Self.tensorsAtOnce) {
            let tensors = differing[first..<min(first + Self.tensorsAtOnce, differing.count)]
            let found = try crew.map(tensors.count) { index in
                try RowFindings(tensors[first + index], expected: expected)
            }
            for (tensor, rows) in zip(tensors, found) {
                guard let rows, rows.outside.count == 0, !rows.isExpected,
                    let type = tensor.b?.type
                else {
                    isReordered = isReordered || tensor.pair?.isReordered ?? false
                    changes.append(Self.change(tensor, rows, isSteered: !interventions.isEmpty))
                    continue
                }
                if tensor.a?.type == type {
                    // The last place of a norm.
                    equal += 1
                    continue
                }
                byType[type, default: Rounding(type: type)].tensors += 1
                if rows.isExact { byType[type]?.exact += 1 }
                rowsToldApart.all += rows.hasOthers ? 1 : 0
                rowsToldApart.told += rows.isToldFromOthers ? 1 : 0
            }
            progress(first + tensors.count, differing.count)
        }
        roundings = byType.values.sorted { a, b in
            let bits = (
                a.type.bitsPerBlock * b.type.elementsPerBlock,
                b.type.bitsPerBlock * a.type.elementsPerBlock
            )
            return bits.0 != bits.1 ? bits.0 > bits.1 : a.type.name < b.type.name
        }
        canStandForBase =
            !isReordered
            && (!roundings.isEmpty || changes.contains { $0.isRetyped || $0.isRounded })
    }

    private static func change(
        _ tensor: TensorDifference, _ rows: RowFindings?, isSteered: Bool
    ) -> Change {
        let all = rows?.outside.all ?? tensor.b?.shape.first ?? tensor.a?.shape.first ?? 0
        let isRead =
            switch tensor.role?.slot {
            case .tokenEmbedding, .positionEmbedding: false
            case .some(let slot): !slot.isOfExperts
            case nil: false
            }
        let reason: Change.Reason =
            rows?.isExpected ?? false ? .expected : isRead && isSteered ? .seen : .unseen
        return Change(
            name: tensor.name, role: tensor.role, type: tensor.b?.type,
            isRetyped: tensor.a != nil && tensor.b != nil && tensor.a?.type != tensor.b?.type,
            rows: Array((rows?.outside.first ?? []).prefix(namedRows)),
            rowCount: (rows.map { $0.isExpected ? all : $0.outside.count } ?? all, all),
            reason: reason,
            growth: tensor.growth.flatMap { $0.keepsFirst ? $0 : nil })
    }
}
