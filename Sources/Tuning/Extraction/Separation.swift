/// How well a block's direction tells pairs apart that it was not made from.
package struct Separation: Sendable, Hashable {
    /// Share of held-out pairs whose positive side lies further along the direction than the negative, by more than
    /// rounding.
    package let pairAccuracy: Double
    /// Area under the ROC curve over all held-out activations, positive against negative.
    package let areaUnderCurve: Double
    /// Difference of the mean projections over the pooled standard deviation (Cohen's d), which is taken to be no smaller
    /// than rounding.
    package let effectSize: Double

    /// - Parameters:
    ///   - positive: projections of the positive sides, by pair.
    ///   - negative: those of the negative sides.
    ///   - floor: differences up to this are rounding, and such pairs are not right; where it is 0, equal sides count half.
    init(positive: [Double], negative: [Double], floor: Double = 0) {
        let tie = floor > 0 ? 0 : 0.5
        let wins = zip(positive, negative).reduce(0.0) {
            $0 + ($1.0 - $1.1 > floor ? 1 : $1.0 == $1.1 ? tie : 0)
        }
        pairAccuracy = wins / Double(max(positive.count, 1))
        let ranked = (positive.map { ($0, true) } + negative.map { ($0, false) }).sorted {
            $0.0 < $1.0
        }
        var area = 0.0
        var below = 0.0
        var index = 0
        while index < ranked.count {
            // Equal projections count half.
            var end = index
            while end < ranked.count, ranked[end].0 == ranked[index].0 { end += 1 }
            let equal = ranked[index..<end]
            let positives = Double(equal.count { $0.1 })
            let negatives = Double(equal.count) - positives
            area += positives * (below + negatives / 2)
            below += negatives
            index = end
        }
        areaUnderCurve = area / max(Double(positive.count * negative.count), 1)
        let variances = Statistics.variance(positive) + Statistics.variance(negative)
        let deviation = max((variances / 2).squareRoot(), floor)
        let distance = Statistics.mean(positive) - Statistics.mean(negative)
        effectSize = deviation > 0 ? distance / deviation : 0
    }
}
