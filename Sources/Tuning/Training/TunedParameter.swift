package import Formats
package import Transformer

/// One tensor that tuning changes.
package final class TunedParameter: Sendable {
    /// What the tensor is of its weight.
    package enum Factor: String, Sendable {
        /// The weight itself.
        case whole
        /// A of a low-rank update, (rank, inputs).
        case down = "lora_a"
        /// B of a low-rank update, (outputs, rank).
        case up = "lora_b"
    }

    /// Rows that are tuned alike: those of one projection.
    package struct Section: Sendable, Hashable {
        /// The projections that the rows belong to, and for a bias its own role too. There are several only for A of a
        /// low-rank update beside a fused matrix.
        package let roles: Set<WeightRole>
        /// Which rows, ascending; nil for all.
        package let rows: [Range<Int>]?

        package init(roles: Set<WeightRole>, rows: [Range<Int>]? = nil) {
            self.roles = roles
            self.rows = rows
        }
    }

    package let role: WeightRole
    package let factor: Factor
    package let shape: [Int]
    package let values: FloatBuffer
    /// As long as the values; what a backward pass adds to.
    package let gradient: FloatBuffer
    /// What is tuned of the tensor, each row at most once; other rows keep their values.
    package let sections: [Section]
    /// What weight decay draws the values to: 1 for a norm that its family stores as w and applies as 1 + w, else 0.
    package let origin: Float

    /// - Parameter sections: nil for the whole tensor.
    init(
        _ role: WeightRole, _ factor: Factor, shape: [Int], values: FloatBuffer,
        sections: [Section]? = nil, origin: Float = 0
    ) {
        self.role = role
        self.factor = factor
        self.shape = shape
        self.values = values
        // A bias goes where its projection goes.
        self.sections =
            sections ?? [Section(roles: [role, WeightRole(role.slot, expert: role.expert)])]
        self.origin = origin
        gradient = FloatBuffer(count: values.count)
    }

    /// Where a section's values lie.
    func ranges(of section: Section) -> [Range<Int>] {
        guard let rows = section.rows else { return [0..<values.count] }
        let columns = shape.dropFirst().reduce(1, *)
        return rows.map { $0.lowerBound * columns..<$0.upperBound * columns }
    }

    /// A name that stays the same from run to run: `block 10 attentionValue weight`, `… lora_a`.
    package var name: String {
        factor == .whole ? role.description : "\(role) \(factor.rawValue)"
    }
}
