import Formats
import Transformer

/// What fits of single tensors to the removal of a direction have in common.
enum AblationSummary {
    struct Part {
        let tensor: TensorDifference
        let fit: AblationFit
    }

    /// Directions this near to each other are one direction; what rounding leaves of the vectors' accuracy is better.
    private static let oneDirection = 0.9

    /// - Parameter architecture: the model's family, as a hint in the vector's file.
    /// - Returns: nil where there are no parts.
    static func ablation(_ parts: [Part], architecture: String) -> Ablation? {
        guard let first = parts.first else { return nil }
        let common = mean(of: parts)
        let agreement = parts.map { abs($0.fit.direction.cosine(with: common)) }.min() ?? 0
        let isOne = agreement >= oneDirection
        // The stream itself has a direction in every block; what only the embedding lost stands for block 0's.
        let byBlock = Dictionary(grouping: parts) { $0.tensor.role?.block ?? 0 }
        let directions = byBlock.mapValues { isOne ? common : mean(of: $0) }
        let least = parts.map { part in
            abs(
                part.fit.direction.cosine(
                    with: directions[part.tensor.role?.block ?? 0] ?? common))
        }.min()
        let strengths = parts.map(\.fit.strength)
        return Ablation(
            tensors: parts.map(\.tensor),
            blocks: Set(parts.compactMap(\.tensor.role?.block)).sorted(),
            includesEmbedding: parts.contains { $0.tensor.role?.block == nil },
            isOneDirection: isOne, agreement: least ?? 0,
            strengths: (strengths.min() ?? 0)...(strengths.max() ?? first.fit.strength),
            residualShare: parts.map(\.fit.residualShare).max() ?? 0,
            vector: SteeringVector(
                site: .residPost, directions: directions,
                provenance: SteeringVector.Provenance(
                    modelHint: architecture, method: "recovered from an ablation",
                    normalization: Normalization.unit.rawValue)))
    }

    /// The unit vector nearest to all of them, whose signs mean nothing; the sign is that of the largest component.
    private static func mean(of parts: [Part]) -> [Float] {
        let reference = parts.first?.fit.direction ?? []
        var sum = [Double](repeating: 0, count: reference.count)
        for part in parts where part.fit.direction.count == sum.count {
            let sign = part.fit.direction.cosine(with: reference) < 0 ? -1.0 : 1.0
            for index in sum.indices { sum[index] += sign * Double(part.fit.direction[index]) }
        }
        let norm = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let largest = sum.max { abs($0) < abs($1) } ?? 1
        let scale = (largest < 0 ? -1 : 1) / max(norm, .leastNormalMagnitude)
        return sum.map { Float($0 * scale) }
    }
}
