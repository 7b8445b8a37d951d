import Formats

/// The merges by their two sides: which rank a pair of neighbouring tokens has, and what it becomes.
struct MergeTable {
    private let merges: [TokenMerge]
    private var ranks: [UInt64: Int32]

    /// - Parameter merges: most preferred first; of two merges of the same pair the last holds, as in the
    ///   `tokenizers` library.
    init(_ merges: [TokenMerge]) {
        self.merges = merges
        ranks = Dictionary(minimumCapacity: merges.count)
        for (rank, merge) in merges.enumerated() {
            ranks[Self.key(merge.left, merge.right)] = Int32(truncatingIfNeeded: rank)
        }
    }

    /// The rank of a pair: the lower, the sooner it is merged.
    func rank(_ left: Int32, _ right: Int32) -> Int32? { ranks[Self.key(left, right)] }

    func result(rank: Int32) -> Int32 { merges[Int(rank)].result }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}
