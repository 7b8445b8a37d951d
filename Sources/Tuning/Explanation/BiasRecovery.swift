import Formats
import Transformer

/// What changed biases add to the residual stream: the inverse of `BiasRoute`.
struct BiasRecovery {
    let change: BiasChange

    /// The sites and the projections whose biases act there.
    private static let sites: [(site: Site, slot: BlockSlot)] = [Site.residPost, .residMid]
        .compactMap { site in BiasRoute.slot(for: site).map { (site, $0) } }

    /// - Parameter biases: those that changed, as the comparison found them.
    /// - Throws: `CheckpointError` where the base's numbers are unusable or values cannot be read.
    init(_ biases: [TensorDifference], base: Checkpoint) throws {
        var places: [BiasChange.Place] = []
        var vectors: [SteeringVector] = []
        var others = biases
        for (site, slot) in Self.sites {
            let own = biases.filter { bias in
                guard case .block(_, let found) = bias.role?.slot else { return false }
                return found == slot && bias.role?.part == .bias
            }
            guard !own.isEmpty else { continue }
            others.removeAll { other in own.contains { $0.name == other.name } }
            // Bare weights say nothing of a scale; most families have none.
            let scale =
                base.architecture == nil ? 1 : Float(try base.hyperparameters().residualScale)
            var directions: [Int: [Float]] = [:]
            for bias in own {
                guard let block = bias.role?.block, let pair = bias.pair else { continue }
                directions[block] = try Self.change(pair).map { $0 * scale }
            }
            places.append(
                BiasChange.Place(
                    slot: slot, blocks: directions.keys.sorted(),
                    addedCount: own.count { $0.a == nil }))
            vectors.append(
                SteeringVector(
                    site: site, directions: directions,
                    provenance: SteeringVector.Provenance(
                        modelHint: base.architectureName ?? "",
                        method: "recovered from biases", normalization: "none")))
        }
        change = BiasChange(places: places, others: others.map(\.name), vectors: vectors)
    }

    /// B − A; what is not finite counts as unchanged.
    private static func change(_ pair: TensorPair) throws -> [Float] {
        var a = [Float](repeating: 0, count: pair.elementCount)
        var b = a
        try pair.read(rows: 0..<pair.rows, a: &a, b: &b)
        return zip(a, b).map { ($1 - $0).isFinite ? $1 - $0 : 0 }
    }
}
