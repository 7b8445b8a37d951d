/// The verdict on one claim of a page, corrected for the page's other claims.
package struct Judgement: Sendable, Hashable {
    package let verdict: Verdict
    /// The smallest α of the page for which some verdict is given on this claim.
    package let adjustedLevel: Double
    /// The interval at the level that the correction left for this claim: within -δ and δ, or on one side of 0, as the
    /// verdict says. Nil where nothing can be said of the claim.
    package let interval: HierarchicalBootstrap.Interval?

    /// A claim's difference, nil where nothing can be said of it, and the smallest one that would matter, in the same unit.
    package typealias Question = (difference: HierarchicalBootstrap?, delta: Double)

    /// Judges the claims of a page, in their order.
    ///
    /// Holm's step-down is done twice, for differences (against: it is 0) and for equivalences (against: it is δ or more
    /// either way). The chance that any `holds` or `fails` of the page is wrong is at most α (of signs: Shaffer 1980), and the
    /// chance that any `equivalent` is wrong at most α / 2, since only one end of an interval can miss. One step-down over
    /// each claim's smaller level would not do: a claim without effect that is rightly found equivalent would leave its part
    /// of α to others without effect, and of twelve such claims one would "hold" in up to a third of all pages.
    ///
    /// - Parameter alpha: the chance of a wrong verdict on a page.
    package static func all(_ questions: [Question], alpha: Double = 0.05) -> [Judgement] {
        let differences = Holm(
            questions.map { question in
                question.difference.map { $0.smallestLevel(within: abs($0.estimate)) } ?? 1
            }, alpha: alpha)
        let equivalences = Holm(
            questions.map { question in
                question.difference.map {
                    $0.smallestLevel(within: question.delta - abs($0.estimate))
                } ?? 1
            }, alpha: alpha)
        return questions.indices.map {
            Judgement(
                questions[$0].difference, differences.results[$0], equivalences.results[$0])
        }
    }

    private init(
        _ difference: HierarchicalBootstrap?, _ ofDifference: Holm.Result,
        _ ofEquivalence: Holm.Result
    ) {
        let decisive = ofEquivalence.isRejected ? ofEquivalence : ofDifference
        if ofEquivalence.isRejected {
            verdict = .equivalent
        } else if ofDifference.isRejected, let difference {
            verdict = difference.estimate > 0 ? .holds : .fails
        } else {
            verdict = .undecided
        }
        adjustedLevel =
            verdict == .undecided
            ? min(ofDifference.adjusted, ofEquivalence.adjusted) : decisive.adjusted
        interval = difference?.interval(decisive.level)
    }
}
