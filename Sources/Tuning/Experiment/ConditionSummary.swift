import Glibc

/// A condition's figures over its seeds.
package struct ConditionSummary: Sendable {
    /// A figure with its 95 % interval, where there are enough data for one.
    package struct Figure: Sendable {
        package let value: Double
        package let interval: Bootstrap.Interval?
    }

    package let condition: Condition
    /// Mean log-odds, in nats.
    package let heldOut: Figure
    /// Share of probes where the positive choice is the likelier.
    package let heldOutShare: Figure
    package let unseenForm: Figure
    package let unseenFormShare: Figure
    package let perplexity: Figure
    /// KL(untuned ‖ this), in nats.
    package let divergence: Double
    package let freeTextScore: Double?
    /// Mean log-odds on the steered probes: as it is, steered up, steered down.
    package let plain: Double
    package let steeredUp: Double
    package let steeredDown: Double
    /// By block.
    package let cosines: [Int: Double]
    package let sample: String

    init(_ condition: Condition, _ records: [ExperimentRecord]) {
        self.condition = condition
        heldOut = Self.figure(records.map(\.heldOut))
        heldOutShare = Self.figure(records.map { $0.heldOut.map { $0 > 0 ? 1 : 0 } })
        unseenForm = Self.figure(records.map(\.unseenForm))
        unseenFormShare = Self.figure(records.map { $0.unseenForm.map { $0 > 0 ? 1 : 0 } })
        let losses = records.flatMap(\.textLosses)
        let bootstrap = Bootstrap(resamples: 2000)
        perplexity = Figure(
            value: exp(Statistics.mean(losses)),
            interval: bootstrap.interval(units: losses.count) { chosen in
                exp(chosen.reduce(0) { $0 + losses[$1] } / Double(chosen.count))
            })
        divergence = Statistics.mean(records.map(\.divergence))
        let scores = records.compactMap(\.freeTextScore)
        freeTextScore = scores.isEmpty ? nil : Statistics.mean(scores)
        plain = Statistics.mean(
            records.flatMap { $0.heldOut.prefix($0.steeredUp.count) })
        steeredUp = Statistics.mean(records.flatMap(\.steeredUp))
        steeredDown = Statistics.mean(records.flatMap(\.steeredDown))
        var cosines: [Int: Double] = [:]
        for record in records {
            for (block, cosine) in record.cosines {
                cosines[block, default: 0] += cosine / Double(records.count)
            }
        }
        self.cosines = cosines
        sample = records.first?.sample ?? ""
    }

    private static func figure(_ rows: [[Double]]) -> Figure {
        Figure(value: Statistics.mean(rows.flatMap { $0 }), interval: Statistics.interval(rows))
    }
}

extension Experiment.Outcome {
    /// The conditions' figures, in the order of the report.
    package var summaries: [ConditionSummary] {
        Condition.all.compactMap { condition in
            let own = records.filter { $0.condition == condition }
            return own.isEmpty ? nil : ConditionSummary(condition, own)
        }
    }
}
