/// Quantiles: the one rule for every median and percentile that is printed.
package enum Quantile {
    /// The number below which a share of the others lies, interpolated between neighbours (type 7 of Hyndman and Fan
    /// 1996, NumPy's default); 0 for no numbers.
    package static func of(sorted values: [Double], _ share: Double) -> Double {
        guard let last = values.last else { return 0 }
        let place = share * Double(values.count - 1)
        let index = Int(place)
        guard index + 1 < values.count else { return last }
        let fraction = place - Double(index)
        // Without this, an infinite neighbour that does not count would give 0 · ∞.
        guard fraction > 0 else { return values[index] }
        return values[index] + fraction * (values[index + 1] - values[index])
    }

    /// The value in the middle, of two the larger: always one that occurs, as a rank or the time of a run is; nil for none.
    package static func middle<Value: Comparable>(of values: some Collection<Value>) -> Value? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }
}
