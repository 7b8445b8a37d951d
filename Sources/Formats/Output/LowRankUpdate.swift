/// One low-rank update of a weight: W + scale · B · A (LoRA, arXiv 2106.09685).
package struct LowRankUpdate: Sendable, Hashable {
    package let role: WeightRole
    package let rank: Int
    /// (rank, inputs)
    package let a: [Float]
    /// (outputs, rank), rows in the order of the checkpoint the update belongs to
    package let b: [Float]
    /// alpha / rank
    package let scale: Float

    package init(role: WeightRole, rank: Int, a: [Float], b: [Float], scale: Float) {
        self.role = role
        self.rank = rank
        self.a = a
        self.b = b
        self.scale = scale
    }

    /// How many inputs the weight has, that is, how long its rows are.
    package var inputs: Int { rank > 0 ? a.count / rank : 0 }

    /// How many outputs the weight has, that is, how many rows.
    package var outputs: Int { rank > 0 ? b.count / rank : 0 }

    /// Whether the update belongs to a weight of this shape (outputs, inputs).
    package func fits(_ shape: [Int]) -> Bool {
        guard rank > 0, shape.count == 2 else { return false }
        let sizes = shape.map { $0.multipliedReportingOverflow(by: rank) }
        return sizes.allSatisfy { !$0.overflow } && b.count == sizes[0].partialValue
            && a.count == sizes[1].partialValue
    }
}
