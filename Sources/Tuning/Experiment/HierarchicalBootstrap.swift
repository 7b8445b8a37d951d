import Glibc

/// How sure a mean paired difference is over other seeds and other probes: a bootstrap of seeds and of topics, couples and
/// probes, in the limit of infinitely many resamples, which for a mean has a closed form. So no number is drawn, and the
/// same data always give the same figures.
///
/// `VarianceComponents` says which variances are added, and why the levels within topics are not drawn again. Percentiles
/// of resamples cover too little with 3 to 8 seeds and 8 to 13 topics (Hesterberg 2015); so an interval of level 1 - α is
///
///     estimate ± √(t²(seeds) · variance(seeds) + t²(topics) · variance(topics))
///
/// with Student's quantiles of α / 2 on either side for the degrees of freedom of each part: for a sum of independent
/// parts it covers at least 1 - α, however they share the variance (Banerjee 1960). Satterthwaite's one quantile for the
/// sum is a little shorter, but covers less where 3 seeds carry most of the variance, and much less at the small α of
/// corrected claims.
///
/// With one seed the figures are for that seed alone. With fewer topics than `ProbeClusters.fewestTopics` they are for these
/// topics alone; what is drawn is then couples, and probes without one, within each topic. Probes without any topic or
/// couple are drawn one by one. Topics are taken to share no couples.
///
/// Differences that are all alike give an interval without width: no variation was seen. For shares that none of n probes
/// has changed, the chance may still be up to 3 / n.
package struct HierarchicalBootstrap: Sendable, Hashable {
    /// The mean of all differences, in their unit.
    package let estimate: Double
    package let seedCount: Int
    package let topicCount: Int
    /// Whether the figures are for these topics alone.
    package let topicsAreFixed: Bool
    private let parts: [VarianceComponents.Part]

    /// An interval around the estimate.
    package struct Interval: Sendable, Hashable {
        package let lower: Double
        package let upper: Double
    }

    /// - Parameters:
    ///   - rows: by seed, a difference for each probe.
    ///   - strata: by probe.
    /// - Returns: nil where nothing can be said: for rows of other lengths than `strata`, values that are not finite, or
    ///   fewer than two units at every level.
    package init?(_ rows: [[Double]], strata: [Stratum]) {
        guard !rows.isEmpty, !strata.isEmpty, rows.allSatisfy({ $0.count == strata.count }),
            rows.allSatisfy({ $0.allSatisfy(\.isFinite) })
        else { return nil }
        let clusters = ProbeClusters(strata)
        let components = VarianceComponents(rows, clusters)
        parts = components.summands
        guard !parts.isEmpty, components.mean.isFinite,
            parts.allSatisfy({ $0.variance.isFinite && $0.degreesOfFreedom > 0 })
        else { return nil }
        estimate = components.mean
        seedCount = rows.count
        topicCount = clusters.topicCount
        topicsAreFixed = clusters.topicsAreFixed
    }

    /// Of the estimate, in its unit.
    package var standardError: Double {
        parts.reduce(0) { $0 + $1.variance }.squareRoot()
    }

    /// The interval that misses the truth with a probability of at most `level`, from 0 to 1; a larger level's interval lies
    /// within it.
    package func interval(_ level: Double) -> Interval {
        let width = halfWidth(level)
        return Interval(lower: estimate - width, upper: estimate + width)
    }

    private func halfWidth(_ level: Double) -> Double {
        parts.reduce(0) { sum, part in
            guard part.variance > 0 else { return sum }
            let quantile = StudentT.quantile(
                tail: level, degreesOfFreedom: part.degreesOfFreedom)
            return sum + quantile * quantile * part.variance
        }.squareRoot()
    }

    /// The smallest level whose interval ends less than `reach` from the estimate: of one part its tail, of two by
    /// bisection, 0 below 10⁻³⁰; 1 where none does.
    func smallestLevel(within reach: Double) -> Double {
        guard reach > 0 else { return 1 }
        let varying = parts.filter { $0.variance > 0 }
        if varying.count == 1 {
            return StudentT.tail(
                beyond: reach / varying[0].variance.squareRoot(),
                degreesOfFreedom: varying[0].degreesOfFreedom)
        }
        var (low, high) = (log(1e-30), 0.0)
        guard halfWidth(exp(low)) >= reach else { return 0 }
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if halfWidth(exp(middle)) < reach { high = middle } else { low = middle }
        }
        return exp(high)
    }
}
