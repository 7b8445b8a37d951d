/// A claim that an experiment's figures are judged by: two of arXiv 2409.06927, and one of ours about later steering.
package struct Claim: Sendable {
    /// What the numbers say of the claim.
    package enum Verdict: String, Sendable {
        case holds = "holds"
        case fails = "does not hold"
        case unclear = "is not decided: the interval contains 0"
    }

    /// What is claimed, for one direction.
    package let text: String
    /// The difference that decides it, in nats; positive speaks for the claim.
    package let difference: Double
    package let interval: Bootstrap.Interval?

    /// By the 95 % interval of the difference.
    package var verdict: Verdict {
        guard let interval else { return .unclear }
        if interval.lower > 0 { return .holds }
        return interval.upper < 0 ? .fails : .unclear
    }

    /// Mean difference of what two conditions make of the same probes, over pairs of seeds.
    private init(_ text: String, _ rows: [[Double]]) {
        self.text = text
        difference = Statistics.mean(rows.flatMap { $0 })
        interval = Statistics.interval(rows)
    }

    /// All claims that an experiment's records can judge.
    package static func all(_ outcome: Experiment.Outcome) -> [Claim] {
        [true, false].flatMap { isPositive in
            let side = isPositive ? outcome.trait.positive : outcome.trait.negative
            let sign = isPositive ? 1.0 : -1.0
            func rows(
                _ method: Condition.Method, _ values: (ExperimentRecord) -> [Double]
            ) -> [[Double]] {
                outcome.records.filter {
                    $0.condition.method == method
                        && (method == .untuned || $0.condition.isPositive == isPositive)
                }.map(values)
            }
            func differences(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
                a.indices.map { index in
                    zip(a[index], b[index % max(b.count, 1)]).map { sign * ($0 - $1) }
                }
            }
            let opposite = isPositive ? \ExperimentRecord.steeredDown : \.steeredUp
            // How far steering to the other side moves a model; less is more resistant.
            func shift(_ record: ExperimentRecord) -> [Double] {
                zip(record.heldOut, record[keyPath: opposite]).map { sign * ($0 - $1) }
            }
            let tuned = rows(.both, shift)
            let untuned = rows(.untuned, shift)
            return [
                Claim(
                    "Tuning by representation and token loss is stronger than online steering (\(side), held-out)",
                    differences(rows(.both, \.heldOut), rows(.online, \.heldOut))),
                Claim(
                    "It generalises better than the token loss alone (\(side), unseen form)",
                    differences(rows(.both, \.unseenForm), rows(.token, \.unseenForm))),
                Claim(
                    "It resists later online steering to the other side (\(side); against the untuned model)",
                    tuned.map { row in zip(untuned.first ?? [], row).map { $0 - $1 } }),
            ]
        }
    }
}
