/// Tensors that belong together in a summary: those of a block, or of a kind.
package struct DifferenceGroup: Sendable {
    /// "block 12", "feedForwardDown".
    package let name: String
    package let tensors: [TensorDifference]

    /// √(Σ change² / Σ a²) over all values of the group.
    package let change: Double
    /// The tensor with the largest normalised change, or nil where none changed.
    package let largest: TensorDifference?

    init(name: String, tensors: [TensorDifference]) {
        self.name = name
        self.tensors = tensors
        var sums = DifferenceSums()
        for tensor in tensors { if let own = tensor.sums { sums.add(own) } }
        change = sums.normalized
        largest = tensors.filter(\.isDifference).max { $0.rank < $1.rank }
    }

    /// How many tensors make the model another one.
    package var changedCount: Int { tensors.count(where: \.isDifference) }

    /// The groups of a comparison by kind of weight, largest change first.
    package static func byKind(_ tensors: [TensorDifference]) -> [DifferenceGroup] {
        sorted(Dictionary(grouping: tensors, by: \.kind))
    }

    /// The groups of a comparison by block, largest change first.
    package static func byBlock(_ tensors: [TensorDifference]) -> [DifferenceGroup] {
        sorted(
            Dictionary(grouping: tensors) {
                $0.role?.block.map { "block \($0)" } ?? "outside blocks"
            })
    }

    private static func sorted(_ groups: [String: [TensorDifference]]) -> [DifferenceGroup] {
        groups.map { DifferenceGroup(name: $0.key, tensors: $0.value) }.sorted { left, right in
            if left.change != right.change { return left.change > right.change }
            if left.changedCount != right.changedCount {
                return left.changedCount > right.changedCount
            }
            return left.name.compared(to: right.name)
        }
    }
}

extension TensorDifference {
    /// What tensors are sorted by, largest first: the normalised change; what cannot be measured stands above.
    package var rank: Double {
        switch status {
        case .identicalBytes, .identicalValues: 0
        case .onlyInA, .onlyInB: isAbsentZero ? 0 : .infinity
        case .otherShape, .unreadable: .infinity
        case .changed: sums?.normalized ?? .infinity
        }
    }

    /// The tensors with the largest change first, equal ones in their order.
    package static func sorted(_ tensors: [TensorDifference]) -> [TensorDifference] {
        tensors.enumerated().sorted { left, right in
            let (a, b) = (left.element.rank, right.element.rank)
            return a != b ? a > b : left.offset < right.offset
        }.map(\.element)
    }
}

extension String {
    /// Whether the name stands before another, numbers in it by their value: "block 2" before "block 10".
    fileprivate func compared(to other: String) -> Bool {
        utf8.count != other.utf8.count
            ? utf8.count < other.utf8.count : utf8.lexicographicallyPrecedes(other.utf8)
    }
}
