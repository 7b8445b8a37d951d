import Formats

/// The merges by their two sides: which rank a pair of neighbouring tokens has, and what it becomes.
///
/// Open addressing, at most half full: one lookup for every pair of neighbours is what encoding spends its time on,
/// and `Dictionary` takes several times as long. The hash is seeded anew in every process, so that no file can be
/// made to collide.
struct MergeTable {
    private let merges: [TokenMerge]
    private var keys: [UInt64]
    /// The rank at each key's place, -1 where the place is free.
    private var ranks: [Int32]
    private let seed = UInt64.random(in: .min ... .max)

    /// - Parameter merges: most preferred first; of two merges of the same pair the last holds, as in the
    ///   `tokenizers` library.
    init(_ merges: [TokenMerge]) {
        self.merges = merges
        var capacity = 16
        while capacity < merges.count * 2 { capacity *= 2 }
        keys = [UInt64](repeating: 0, count: capacity)
        ranks = [Int32](repeating: -1, count: capacity)
        for (rank, merge) in merges.enumerated() {
            let key = Self.key(merge.left, merge.right)
            let place = place(of: key)
            keys[place] = key
            ranks[place] = Int32(truncatingIfNeeded: rank)
        }
    }

    /// The rank of a pair: the lower, the sooner it is merged.
    func rank(_ left: Int32, _ right: Int32) -> UInt32? {
        UInt32(exactly: ranks[place(of: Self.key(left, right))])
    }

    func result(rank: UInt32) -> Int32 { merges[Int(rank)].result }

    /// Where a key is, or the free place where it would go.
    private func place(of key: UInt64) -> Int {
        let mask = keys.count - 1
        let product = (key ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        var place = Int(truncatingIfNeeded: product.high ^ product.low) & mask
        while ranks[place] >= 0, keys[place] != key { place = (place + 1) & mask }
        return place
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}
