package import Formats

/// What a run would tune, and the memory it takes for that.
package struct TuningPlan: Sendable {
    /// One kind of weight.
    package struct Row: Sendable {
        package let weight: TunedWeight
        /// Ascending; empty for a weight outside the blocks.
        package let blocks: [Int]
        /// How many numbers are tuned.
        package let numbers: Int
        /// The names of the terms whose gradients reach it.
        package let terms: [String]
        /// Whether a representation term is among them, which decides the learning rate.
        package let isRepresentation: Bool
    }

    package let rows: [Row]
    package let weightCount: Int
    /// For all numbers: values, gradients, moments and, where the run is validated, the best state.
    package let bytes: Int

    package var numbers: Int { rows.reduce(0) { $0 + $1.numbers } }

    package init(
        _ weights: [TunedWeight], of selection: WeightSelection, form: TuningForm,
        terms: [ObjectiveTerm], isValidated: Bool, base: Checkpoint
    ) {
        rows = weights.compactMap { weight in
            let roles = selection.roles.filter(weight.contains)
            let count = roles.reduce(0) { $0 + form.numbers(of: base.tensor($1)) }
            guard count > 0 else { return nil }
            let reaching = zip(terms.names, terms).filter { _, term in
                roles.contains { term.reach?.contains($0) ?? true }
            }
            return Row(
                weight: weight, blocks: Set(roles.compactMap(\.block)).sorted(), numbers: count,
                terms: reaching.map(\.0),
                isRepresentation: reaching.contains { $0.1.goal.kind.isRepresentation })
        }
        weightCount = selection.roles.count
        let copies = isValidated ? 5 : 4
        bytes = rows.reduce(0) { $0 + $1.numbers } * copies * MemoryLayout<Float>.stride
    }
}

extension TuningForm {
    /// How many numbers of a weight are tuned.
    fileprivate func numbers(of tensor: WeightTensor?) -> Int {
        guard let tensor else { return 0 }
        switch self {
        case .full: return tensor.description.elementCount ?? 0
        case .lowRank(let rank, _):
            return tensor.shape.count == 2 ? rank * (tensor.shape[0] + tensor.shape[1]) : 0
        }
    }
}
