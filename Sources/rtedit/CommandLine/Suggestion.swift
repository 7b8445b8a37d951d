/// Finds the name that a mistyped word most likely stands for.
enum Suggestion {
    /// The nearest of the names, or nil when none is near.
    static func nearest(to word: String, among names: [String]) -> String? {
        let ranked = names.map { (name: $0, distance: distance(word, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        if best.distance <= max(1, min(3, best.name.count / 3)) { return best.name }
        let longer = names.filter { word.count > 1 && $0.hasPrefix(word) }
        return longer.count == 1 ? longer.first : nil
    }

    /// How many insertions, deletions, replacements and swaps of neighbours turn one word into the other
    /// (optimal string alignment).
    static func distance(_ first: String, _ second: String) -> Int {
        let first = Array(first.lowercased())
        let second = Array(second.lowercased())
        var beforeLast: [Int] = []
        var last = Array(0...second.count)
        for row in first.indices {
            var current = [row + 1]
            for column in second.indices {
                let replacement = last[column] + (first[row] == second[column] ? 0 : 1)
                var best = min(replacement, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, first[row] == second[column - 1],
                    first[row - 1] == second[column]
                {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[second.count]
    }
}
