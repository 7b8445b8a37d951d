/// A number for each weight of a model: one for all, or several that are spread over the blocks, from the first to the
/// last, and interpolated between; for weights of some names others than for the rest.
package struct BlendGradient: Sendable {
    private var filtered: [(filter: String, values: [Double])] = []
    private var rest: [Double] = []

    package init() {}

    /// The same with numbers for the weights of whose published name the filter is a part, or for the rest. Of filters that
    /// fit one name the first counts.
    ///
    /// - Precondition: there is a value.
    package mutating func add(_ values: [Double], filter: String? = nil) {
        precondition(!values.isEmpty)
        if let filter { filtered.append((filter, values)) } else { rest = values }
    }

    /// Whether each weight has a number.
    package var isComplete: Bool { !rest.isEmpty }

    /// Filters that fit none of the names.
    func unused(among names: [String]) -> [String] {
        filtered.map(\.filter).filter { filter in !names.contains { $0.contains(filter) } }
    }

    /// The number of a weight. Those outside the blocks have the first of several.
    ///
    /// - Parameters:
    ///   - block: which of the blocks it is in
    ///   - count: how many blocks there are
    func value(of name: String, block: Int?, count: Int) -> Double {
        let values = filtered.first { name.contains($0.filter) }?.values ?? rest
        let end = Double(values.count - 1)
        let place = block.map { count > 1 ? end * Double($0) / Double(count - 1) : end } ?? 0
        let first = min(Int(place), values.count - 1)
        let share = place - Double(first)
        return (1 - share) * values[first] + share * values[min(first + 1, values.count - 1)]
    }
}
