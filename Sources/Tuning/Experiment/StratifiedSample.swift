import Transformer

/// A random part of a set that has the set's shares of topics and couples.
///
/// Of N items n are drawn. Every item starts with the share n / N and keeps it in expectation through each step, so that
/// all have the same chance:
///
/// 1. Couples of two within one topic are played off against each other as wholes, by the pivotal method (Deville and
///    Tillé 1998): one of two takes of the other's share what fits, by a lot that leaves both expectations as they were.
/// 2. What is left undecided within a topic and couple is played off item by item, until one item at most is open.
/// 3. The open items are a table of topics and couples, which is rounded without bias so that every row, every column and
///    the whole go to a neighbouring integer (Cox 1987).
///
/// So each topic has its proportional number, rounded up or down, and so has each couple that is larger than two or
/// occurs in several topics. A couple of two within a topic comes whole or not at all, but for one at most in each topic.
/// Shares are integers, in units of 1 / N: nothing is lost to rounding.
package struct StratifiedSample {
    private let strata: [Stratum]
    private let columns: [String?]
    /// By item, from 0 (out) to the number of all items (in).
    private var shares: [Int]
    private var random: Xoshiro256

    /// The indices of `count` items, ascending; all of them where there are no more.
    package static func indices(of strata: [Stratum], count: Int, seed: UInt64) -> [Int] {
        guard count < strata.count else { return Array(strata.indices) }
        guard count > 0 else { return [] }
        var sample = StratifiedSample(strata, count: count, seed: seed)
        sample.draw()
        return strata.indices.filter { sample.shares[$0] == strata.count }
    }

    private init(_ strata: [Stratum], count: Int, seed: UInt64) {
        self.strata = strata
        shares = [Int](repeating: count, count: strata.count)
        random = Xoshiro256(seed: seed)
        var topics: [String: Set<String?>] = [:]
        var sizes: [String: Int] = [:]
        for stratum in strata {
            guard let couple = stratum.couple else { continue }
            topics[couple, default: []].insert(stratum.topic)
            sizes[couple, default: 0] += 1
        }
        columns = strata.map { stratum in
            guard let couple = stratum.couple else { return nil }
            let isWithinTopic = topics[couple]?.count == 1
            return isWithinTopic && (sizes[couple] ?? 0) <= 2 ? nil : couple
        }
    }

    private mutating func draw() {
        let order = shuffled()
        let twins = Self.groups(order.filter { strata[$0].couple != nil && columns[$0] == nil }) {
            strata[$0]
        }.filter { $0.count == 2 }
        for topic in Self.groups(twins, by: { strata[$0[0]].topic }) { settle(topic) }
        let isTwin = Set(twins.joined())
        // Single items first, so that no more couples are parted than must be.
        let items = order.filter { !isTwin.contains($0) } + twins.joined()
        let cells = Self.groups(items) { Stratum(topic: strata[$0].topic, couple: columns[$0]) }
        let open = cells.compactMap { cell in settle(cell.map { [$0] })?.first }
        round(open)
    }

    /// Fisher and Yates.
    private mutating func shuffled() -> [Int] {
        var order = Array(strata.indices)
        for last in stride(from: order.count - 1, to: 0, by: -1) {
            order.swapAt(last, random.next(below: last + 1))
        }
        return order
    }

    /// Plays units off until one at most is neither in nor out, which is returned.
    @discardableResult
    private mutating func settle(_ units: [[Int]]) -> [Int]? {
        guard var open = units.first else { return nil }
        for rival in units.dropFirst() { open = play(open, rival) }
        return isOpen(open) ? open : nil
    }

    private func isOpen(_ unit: [Int]) -> Bool { share(unit) > 0 && share(unit) < strata.count }

    /// Of all items of a unit.
    private func share(_ unit: [Int]) -> Int { unit.first.map { shares[$0] } ?? 0 }

    /// Moves as much of one unit's share to the other as fits, and returns the unit that may still be open.
    private mutating func play(_ first: [Int], _ second: [Int]) -> [Int] {
        guard isOpen(first) else { return second }
        guard isOpen(second) else { return first }
        let whole = strata.count
        let sum = share(first) + share(second)
        let fits = sum <= whole
        // What each stands to lose, or lacks, decides how often the other has it.
        let firstWins =
            fits
            ? random.next(below: sum) < share(first)
            : random.next(below: 2 * whole - sum) < whole - share(second)
        let (winner, loser) = firstWins ? (first, second) : (second, first)
        for item in winner { shares[item] = min(sum, whole) }
        for item in loser { shares[item] = max(0, sum - whole) }
        return fits ? winner : loser
    }

    /// Rounds the table of the open items, one at most for each topic and column.
    private mutating func round(_ open: [Int]) {
        var table = ControlledRounding(
            open.map { (row: strata[$0].topic, column: columns[$0], share: shares[$0]) },
            whole: strata.count)
        let isChosen = table.rounded(&random)
        for (item, isChosen) in zip(open, isChosen) { shares[item] = isChosen ? strata.count : 0 }
    }

    /// Elements with one key, in the order in which the keys occur.
    private static func groups<Element, Key: Hashable>(
        _ elements: [Element], by key: (Element) -> Key
    ) -> [[Element]] {
        var places: [Key: Int] = [:]
        var groups: [[Element]] = []
        for element in elements {
            let place = places[key(element), default: groups.count]
            if place == groups.count { groups.append([]) }
            places[key(element)] = place
            groups[place].append(element)
        }
        return groups
    }
}

extension Xoshiro256 {
    /// A number from 0 up to, but not including, `bound`, even to within 2⁻⁶⁴ · bound.
    mutating func next(below bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}
