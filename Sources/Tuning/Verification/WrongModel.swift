import Formats
import Transformer

/// What a verification must not take for the edited model: a negative control.
struct WrongModel {
    let name: String
    let interventions: [Intervention]

    /// The controls that fit some interventions.
    ///
    /// Vectors are moved one block on, the last block's to the first, where that makes another edit: not for one
    /// direction in all blocks, and not at `embed`, which has no other block. Always they are turned to other
    /// directions of the same length, and what is scaled is scaled the other way. Without interventions the base's stream is made longer after its middle block.
    static func all(
        _ interventions: [Intervention], sizes: Hyperparameters, tolerance: Double
    ) -> [WrongModel] {
        guard !interventions.isEmpty else {
            let growth = max(0.01, 2 * tolerance)
            let middle = sizes.blockCount / 2
            return [
                WrongModel(
                    name:
                        "the base with \(growth) more of its stream after block \(middle) must fail",
                    interventions: [
                        Intervention(
                            block: middle, operation: .scale, vector: [],
                            strength: Float(1 + growth))
                    ])
            ]
        }
        let scales = interventions.filter { $0.operation == .scaleOutput }.count
        let (turned, moved) =
            switch scales {
            case 0: ("other directions of the same length", "vectors")
            case interventions.count: ("the opposite scales", "scales")
            default: ("other directions and the opposite scales", "vectors and scales")
            }
        var controls = [
            WrongModel(
                name: "\(turned) must fail", interventions: interventions.map(Self.turned))
        ]
        if let other = movedOneBlock(interventions, blockCount: sizes.blockCount) {
            controls.append(
                WrongModel(name: "the \(moved) one block off must fail", interventions: other))
        }
        return controls
    }

    /// The same vectors, each on the next block; nil where that is no other edit.
    private static func movedOneBlock(
        _ interventions: [Intervention], blockCount: Int
    ) -> [Intervention]? {
        guard interventions.allSatisfy({ $0.site != .embed }) else { return nil }
        let moved = interventions.map { intervention in
            var copy = intervention
            copy.block = (copy.block + 1) % blockCount
            return copy
        }
        return Set(moved) == Set(interventions) ? nil : moved
    }

    /// The intervention with a direction at right angles to its own, or the opposite scale.
    private static func turned(_ intervention: Intervention) -> Intervention {
        var copy = intervention
        if copy.operation == .scaleOutput {
            copy.strength = -copy.strength
            return copy
        }
        let square = intervention.vector.dot(intervention.vector)
        guard square > 0, square.isFinite else { return copy }
        var random = Xoshiro256(seed: UInt64(truncatingIfNeeded: intervention.block) &+ 7)
        copy.vector = AdditionSamples.direction(
            as: intervention.vector, squaredLength: square, &random)
        return copy
    }
}
