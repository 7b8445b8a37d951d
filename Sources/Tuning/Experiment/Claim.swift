/// A claim that an experiment's figures are judged by: two of arXiv 2409.06927, and one of ours about later steering.
package struct Claim: Sendable {
    /// What a difference is one of.
    package enum Measure: String, Sendable, CaseIterable {
        /// Mean log p(positive) − log p(negative), in nats.
        case logOdds = "log-odds"
        /// The share of probes that prefer the wanted choice.
        case share
    }

    /// Which sentence it is, whatever trait and side.
    package enum Question: String, Sendable, CaseIterable {
        case stronger = "stronger than online steering"
        case general = "generalises better than the token loss"
        case resistant = "resists later steering better than the untuned model"
        case moreResistant = "resists later steering better than token tuning"
    }

    package let question: Question
    /// The trait's side that is tuned toward, in the trait's word.
    package let side: String
    package let trait: String
    package let measure: Measure
    /// The smallest difference that matters.
    package let smallest: Double
    /// Differences that speak for the claim where they are positive: by seed, then by probe.
    package let rows: [[Double]]
    package let strata: [Stratum]

    /// What is claimed, in a sentence.
    package var text: String {
        let subject = "Tuning toward '\(side)' by representation and token loss"
        return switch question {
        case .stronger: "\(subject) is stronger than online steering on held-out probes"
        case .general: "\(subject) generalises better to an unseen form than the token loss alone"
        case .resistant:
            "\(subject) resists later steering to the other side better than the untuned model"
        case .moreResistant:
            "\(subject) resists later steering to the other side better than token tuning"
        }
    }

    /// All claims that an experiment's records can judge.
    package static func all(_ outcome: Experiment.Outcome) -> [Claim] {
        [true, false].flatMap { isPositive in
            Question.allCases.flatMap { question in
                Measure.allCases.compactMap { measure in
                    claim(question, isPositive: isPositive, measure, outcome)
                }
            }
        }
    }

    private static func claim(
        _ question: Question, isPositive: Bool, _ measure: Measure, _ outcome: Experiment.Outcome
    ) -> Claim? {
        let sign = isPositive ? 1.0 : -1.0
        /// What is measured of log-odds.
        func value(_ odds: Double) -> Double {
            measure == .logOdds ? sign * odds : sign * odds > 0 ? 1 : 0
        }
        func records(_ method: Condition.Method) -> [ExperimentRecord] {
            outcome.records.filter {
                $0.condition.method == method
                    && (method == .untuned || $0.condition.isPositive == isPositive)
            }
        }
        let opposite = isPositive ? \ExperimentRecord.steeredDown : \.steeredUp
        /// How far steering to the other side moves a model; less is more resistant.
        func shift(_ record: ExperimentRecord) -> [Double] {
            zip(outcome.sample.steered, record[keyPath: opposite]).map {
                value(record.heldOut[$0]) - value($1)
            }
        }
        let other: Condition.Method
        let figures: (ExperimentRecord) -> [Double]
        let probes: [Probe]
        switch question {
        case .stronger:
            (other, probes) = (.online, outcome.trait.heldOut)
            figures = { $0.heldOut.map(value) }
        case .general:
            (other, probes) = (.token, outcome.trait.unseenForm)
            figures = { $0.unseenForm.map(value) }
        case .resistant, .moreResistant:
            other = question == .resistant ? .untuned : .token
            probes = outcome.sample.steered.map { outcome.trait.heldOut[$0] }
            figures = { shift($0).map { -$0 } }
        }
        let (tuned, others) = (records(.both), records(other))
        guard let first = others.first else { return nil }
        // A tuned model is compared with the one of its seed, which learnt from the same examples in the same order.
        let rows: [[Double]] = tuned.compactMap { record in
            guard
                let beside = other == .token
                    ? others.first(where: { $0.seed == record.seed }) : first
            else { return nil }
            return zip(figures(record), figures(beside)).map { $0 - $1 }
        }
        guard !rows.isEmpty else { return nil }
        return Claim(
            question: question,
            side: isPositive ? outcome.trait.positive : outcome.trait.negative,
            trait: outcome.trait.name, measure: measure,
            smallest: measure == .logOdds
                ? outcome.options.smallestLogOdds : outcome.options.smallestShare,
            rows: rows, strata: probes.map(\.stratum))
    }
}

/// A claim with what came of it beside all others of its page.
package struct JudgedClaim: Sendable {
    package let claim: Claim
    /// In the unit of the claim's measure; positive speaks for the claim.
    package let difference: Double
    package let judgement: Judgement

    /// Judges the claims of a page together, in their order.
    package static func all(_ claims: [Claim]) -> [JudgedClaim] {
        let differences = claims.map { HierarchicalBootstrap($0.rows, strata: $0.strata) }
        let judgements = Judgement.all(
            zip(differences, claims).map { (difference: $0, delta: $1.smallest) })
        return zip(claims, judgements).map { claim, judgement in
            JudgedClaim(
                claim: claim, difference: Statistics.mean(claim.rows.flatMap { $0 }),
                judgement: judgement)
        }
    }
}
