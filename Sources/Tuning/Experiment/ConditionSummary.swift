import Glibc

/// A condition's figures over its seeds.
package struct ConditionSummary: Sendable {
    /// A figure with its 95 % interval, where there are enough data for one.
    package struct Figure: Sendable {
        package let value: Double
        package let interval: HierarchicalBootstrap.Interval?
    }

    package let condition: Condition
    package let seeds: Int
    /// The mean strength, and how many of the models could not be brought to the wanted perplexity.
    package let strength: Double
    package let unmatched: Int
    /// Mean log-odds, in nats.
    package let heldOut: Figure
    /// Share of probes where the positive choice is the likelier.
    package let heldOutShare: Figure
    package let unseenForm: Figure
    package let unseenFormShare: Figure
    package let perplexity: Double
    /// Perplexity over the untuned model's, on the same windows.
    package let ratio: Figure
    /// The same on the windows that strengths were matched on.
    package let matchedRatio: Double
    /// KL(untuned ‖ this), in nats.
    package let divergence: Double
    package let freeTextScore: Double?
    /// Mean log-odds on the steered probes: as it is, steered up, steered down. The first seed's where that alone was
    /// steered.
    package let plain: Double
    package let steeredUp: Double
    package let steeredDown: Double
    /// By block.
    package let cosines: [Int: Double]
    /// Perplexity over the untuned model's, and mean log-odds of the steered probes, of the first seed at each strength.
    package let doses: [(ratio: Double, logOdds: Double)]
    /// The first seed's answers to the free prompts.
    package let freeTexts: [String]

    init(
        _ condition: Condition, _ records: [ExperimentRecord], of outcome: Experiment.Outcome,
        untuned: ExperimentRecord
    ) {
        self.condition = condition
        seeds = records.count
        strength = Statistics.mean(records.map(\.strength))
        unmatched = records.count { !$0.isMatched }
        let (held, unseen) = (
            outcome.trait.heldOut.map(\.stratum), outcome.trait.unseenForm.map(\.stratum)
        )
        func shares(_ odds: [Double]) -> [Double] { odds.map { $0 > 0 ? 1 : 0 } }
        heldOut = Self.figure(records.map(\.heldOut), held)
        heldOutShare = Self.figure(records.map { shares($0.heldOut) }, held)
        unseenForm = Self.figure(records.map(\.unseenForm), unseen)
        unseenFormShare = Self.figure(records.map { shares($0.unseenForm) }, unseen)
        perplexity = exp(Statistics.mean(records.flatMap(\.textLosses)))
        // The windows of a condition's seeds are others, and each is compared with the untuned model on the same.
        let before = Dictionary(
            zip(untuned.textWindows, untuned.textLosses), uniquingKeysWith: { first, _ in first })
        let costs = records.flatMap { record in
            zip(record.textWindows, record.textLosses).compactMap { window, loss in
                before[window].map { loss - $0 }
            }
        }
        let cost = Self.figure([costs], costs.map { _ in Stratum(topic: nil, couple: nil) })
        ratio = Figure(
            value: exp(cost.value),
            interval: cost.interval.map { .init(lower: exp($0.lower), upper: exp($0.upper)) })
        matchedRatio = exp(Statistics.mean(records.map(\.cost)))
        divergence = Statistics.mean(records.map(\.divergence))
        let scores = records.compactMap(\.freeTextScore)
        freeTextScore = scores.isEmpty ? nil : Statistics.mean(scores)
        let steered = outcome.sample.steered
        func plain(_ record: ExperimentRecord) -> [Double] { steered.map { record.heldOut[$0] } }
        self.plain = Statistics.mean(records.flatMap(plain))
        steeredUp = Statistics.mean(records.flatMap(\.steeredUp))
        steeredDown = Statistics.mean(records.flatMap(\.steeredDown))
        var cosines: [Int: Double] = [:]
        for record in records {
            for (block, cosine) in record.cosines {
                cosines[block, default: 0] += cosine / Double(records.count)
            }
        }
        self.cosines = cosines
        let first = records.first { !$0.doses.isEmpty }
        let matched = first.map { ($0.cost, Statistics.mean(plain($0))) }
        let points =
            (first?.doses.map { ($0.cost, $0.logOdds) } ?? []) + (matched.map { [$0] } ?? [])
        doses =
            points.isEmpty
            ? []
            : ([(0, Statistics.mean(plain(untuned)))] + points).sorted { $0.0 < $1.0 }
                .map { (exp($0.0), $0.1) }
        freeTexts = records.first { !$0.freeTexts.isEmpty }?.freeTexts ?? []
    }

    private static func figure(_ rows: [[Double]], _ strata: [Stratum]) -> Figure {
        Figure(
            value: Statistics.mean(rows.flatMap { $0 }),
            interval: HierarchicalBootstrap(rows, strata: strata)?.interval(0.05))
    }
}

extension Experiment.Outcome {
    /// The conditions' figures, in the order of the report.
    package var summaries: [ConditionSummary] {
        guard let untuned = records.first(where: { $0.condition.method == .untuned }) else {
            return []
        }
        return Condition.all.compactMap { condition in
            let own = records.filter { $0.condition == condition }
            return own.isEmpty
                ? nil : ConditionSummary(condition, own, of: self, untuned: untuned)
        }
    }
}
