/// The data of an experiment, drawn at random from a trait's sets, in the shares that topics and couples have there.
package struct ExperimentSample: Sendable {
    package let pairs: [ContrastPair]
    package let validation: [Probe]
    /// Held-out probes, by their indices, on which later steering and doses are measured.
    package let steered: [Int]
    private let trainStrata: [Stratum]
    private let options: ExperimentOptions

    package init(of trait: Trait, _ options: ExperimentOptions) {
        func drawn<Item>(
            _ items: [Item], _ count: Int, _ stratum: (Item) -> Stratum, stream: UInt64
        ) -> [Int] {
            StratifiedSample.indices(
                of: items.map(stratum), count: count, seed: options.seed &* 16 &+ stream)
        }
        pairs = drawn(trait.pairs, options.pairLimit, \.stratum, stream: 1)
            .map { trait.pairs[$0] }
        validation = drawn(trait.validation, options.validationProbes, \.stratum, stream: 2)
            .map { trait.validation[$0] }
        steered = drawn(trait.heldOut, options.steeredProbes, \.stratum, stream: 3)
        trainStrata = trait.train.map(\.stratum)
        self.options = options
    }

    /// The training examples of a run: every seed draws its own.
    package func training(seed: Int) -> [Int] {
        StratifiedSample.indices(
            of: trainStrata, count: options.exampleLimit,
            seed: options.seed &* 16 &+ 4 &+ UInt64(seed) &* 0x1_0000)
    }
}
