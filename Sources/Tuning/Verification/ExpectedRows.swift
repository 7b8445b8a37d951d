import Formats
import Transformer

/// What interventions may make of rows that a text need not read: those of the embeddings, which only their own tokens do.
struct ExpectedRows {
    /// One way of changing a row.
    struct Candidate {
        /// In the order in which they act on the stream.
        let steps: [InterventionPlan.Step]
        /// What the model multiplies the rows by before they are the stream.
        let scale: Float

        /// What is left of values of this size where they are computed in another order.
        private static let rounding = 0x1p-20

        /// Whether a stored row is what the change makes of the base's, rounded to its type.
        func gives(
            _ stored: ArraySlice<Float>, of values: ArraySlice<Float>, as type: ElementType
        ) -> Bool {
            var row = Array(values)
            apply(to: &row)
            let encoded = ExpectedRows.rounded(row, as: type)
            var (error, own, size) = (0.0, 0.0, 0.0)
            for (index, found) in stored.enumerated() {
                let value = Double(row[index])
                error += (Double(found) - value) * (Double(found) - value)
                own += (Double(encoded[index]) - value) * (Double(encoded[index]) - value)
                size += value * value
            }
            return error.squareRoot() <= 2 * own.squareRoot() + Self.rounding * size.squareRoot()
        }

        private func apply(to row: inout [Float]) {
            for index in row.indices { row[index] *= scale }
            row.withUnsafeMutableBufferPointer { row in
                guard let start = row.baseAddress else { return }
                for step in steps where step.fits(row.count) {
                    step.apply(to: start, width: row.count)
                }
            }
            for index in row.indices { row[index] /= scale }
        }
    }

    private let all: [Candidate]

    /// - Throws: `ForwardError` for interventions that do not fit the model.
    init(
        _ interventions: [Intervention], _ configuration: DecoderConfiguration
    ) throws(ForwardError) {
        let scale = Float(configuration.sizes.embeddingScale)
        let own = try InterventionPlan(interventions, configuration).steps(at: .embed, block: 0)
        // An ablation that acts in the blocks is held by everything that writes to the stream.
        let ablations = interventions.filter { $0.operation == .ablate && $0.strength != 0 }
        let span = RemovedSpan(of: Array(Set(ablations.map(\.vector))))
        let everywhere = Set(ablations.map(\.strength)).sorted().map { strength in
            InterventionPlan.Step.ablate(span, strength: strength)
        }
        let additions = own.filter { if case .add = $0 { true } else { false } }
        all = ([own, additions] + everywhere.flatMap { [[$0], additions + [$0]] })
            .filter { !$0.isEmpty }
            .map { Candidate(steps: $0, scale: scale) }
    }

    /// What may have been done to the rows of a weight.
    func candidates(for role: WeightRole?) -> [Candidate] {
        guard let role, role.part == .weight else { return [] }
        return switch role.slot {
        case .tokenEmbedding, .positionEmbedding: all
        default: []
        }
    }

    /// The values as they are read back from a type; themselves where it cannot be written.
    static func rounded(_ row: [Float], as type: ElementType) -> [Float] {
        RowEncoder.roundTrip(row, as: type)?.values ?? row
    }
}

extension InterventionPlan.Step {
    /// Whether it can act on a row of this width.
    fileprivate func fits(_ width: Int) -> Bool {
        switch self {
        case .add(let vector): vector.count == width
        case .ablate(let span, _): span.directions.allSatisfy { $0.count == width }
        case .scale: true
        }
    }
}
