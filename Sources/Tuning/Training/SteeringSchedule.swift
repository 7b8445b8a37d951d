package import Transformer

/// What a model is steered with while it is tuned to bear it: in a share of the steps, one of some vectors at a random strength
/// (KL-then-steer, arXiv 2406.15518, whose figures are an eighth of the steps and strengths of 1.5 · U(−1, 1)).
package struct SteeringSchedule: Sendable, Hashable {
    /// One of them is taken in a step.
    package let vectors: [[Intervention]]
    /// The share of the steps that are steered.
    package let probability: Double
    /// The largest strength; each step's is uniform between its negative and it.
    package let strength: Double
    private let seed: UInt64

    /// - Parameter vectors: at least one, each as additions at some places.
    package init(
        _ vectors: [[Intervention]], probability: Double, strength: Double, seed: UInt64
    ) {
        precondition(!vectors.isEmpty)
        self.vectors = vectors
        self.probability = probability
        self.strength = strength
        self.seed = seed
    }

    /// The lowest place that is ever steered: a block, or −1 for the embedding.
    var lowestDepth: Int {
        vectors.flatMap { $0 }.map { $0.site == .embed ? -1 : $0.block }.min() ?? 0
    }

    /// What a step is steered with; nothing in most. A function of the seed and the step alone.
    package func steering(at step: Int) -> [Intervention] {
        draw(at: step, stream: BatchOrder.Stream.steering, probability)
    }

    /// What a validation batch is steered with: every second one is.
    func validation(at number: Int) -> [Intervention] {
        draw(at: number, stream: ~BatchOrder.Stream.steering, number.isMultiple(of: 2) ? 1 : 0)
    }

    private func draw(at step: Int, stream: UInt64, _ probability: Double) -> [Intervention] {
        var seeder = SplitMix64(seed: seed ^ (stream &* 0xD6E8_FEB8_6659_FD93))
        var random = Xoshiro256(seed: seeder.next() &+ UInt64(step))
        let (chance, choice, place) = (
            random.nextUnit(), random.nextUnit(), random.nextUnit()
        )
        guard chance < probability else { return [] }
        let vector = vectors[min(vectors.count - 1, Int(choice * Double(vectors.count)))]
        let factor = Float(strength * (2 * place - 1))
        return vector.map { intervention in
            var steered = intervention
            steered.strength *= factor
            return steered
        }
    }
}
