import Transformer

/// Which probes choose and which report, by their places in the file, ascending.
package struct ProbeSplit: Sendable, Hashable {
    /// A third of those that choose, for the first look.
    package let coarse: [Int]
    package let choice: [Int]
    package let heldOut: [Int]

    /// The fewest probes that can be divided.
    package static let fewest = 4

    /// All of them choose, and none reports.
    package init(all count: Int) {
        choice = Array(0..<count)
        coarse = []
        heldOut = []
    }

    /// Halves, by lot; of an odd number of probes the larger part chooses.
    ///
    /// - Parameters:
    ///   - file: for the message.
    ///   - seed: the same seed gives the same halves.
    /// - Throws: `SearchError.fewProbes`.
    package init(of count: Int, file: String, seed: UInt64) throws(SearchError) {
        guard count >= Self.fewest else {
            throw .fewProbes(file: file, count: count, needed: Self.fewest)
        }
        var numbers = Xoshiro256(seed: seed)
        var order = Array(0..<count)
        // Fisher and Yates, as in Bootstrap: to within 2⁻⁶⁴ · count.
        for last in stride(from: count - 1, to: 0, by: -1) {
            let other = Int(numbers.next().multipliedFullWidth(by: UInt64(last + 1)).high)
            order.swapAt(last, other)
        }
        let chosen = order.prefix((count + 1) / 2)
        choice = chosen.sorted()
        heldOut = order.dropFirst(chosen.count).sorted()
        coarse = chosen.prefix(max(2, (chosen.count + 2) / 3)).sorted()
    }
}
