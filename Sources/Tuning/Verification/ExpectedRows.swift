import Formats
import Transformer

/// What interventions may make of rows that a text need not read: those of the embeddings, which only their own tokens do.
struct ExpectedRows {
    /// One way of changing a row.
    struct Candidate {
        var added: [Float]?
        /// An orthonormal basis of what is taken out, and how much of it.
        var ablated: (basis: [[Float]], strength: Float)?

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
            if let added, added.count == row.count {
                for index in row.indices { row[index] += added[index] }
            }
            guard let ablated else { return }
            for direction in ablated.basis where direction.count == row.count {
                let overlap = zip(row, direction).reduce(0.0) {
                    $0 + Double($1.0) * Double($1.1)
                }
                let factor = ablated.strength * Float(overlap)
                for index in row.indices { row[index] -= factor * direction[index] }
            }
        }
    }

    private let all: [Candidate]

    /// - Parameter embeddingScale: what the model multiplies the rows by before they are the stream
    init(_ interventions: [Intervention], embeddingScale: Double) {
        var found: [Candidate] = []
        let atEmbedding = interventions.filter { $0.site == .embed && $0.operation == .add }
        if let width = atEmbedding.first?.vector.count {
            var sum = [Float](repeating: 0, count: width)
            for intervention in atEmbedding {
                for (index, value) in intervention.vector.enumerated() {
                    sum[index] += Float(Double(intervention.strength * value) / embeddingScale)
                }
            }
            found.append(Candidate(added: sum))
        }
        let ablations = interventions.filter { $0.operation == .ablate }
        let basis = LinearSamples.basis(
            of: Array(Set(ablations.map(\.vector))).sorted(by: Self.isBefore))
        if !basis.isEmpty {
            for strength in Set(ablations.map(\.strength)).sorted() {
                found.append(Candidate(ablated: (basis, strength)))
                if let added = found.first?.added {
                    found.append(Candidate(added: added, ablated: (basis, strength)))
                }
            }
        }
        all = found
    }

    private static func isBefore(_ a: [Float], _ b: [Float]) -> Bool {
        a.lexicographicallyPrecedes(b)
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
