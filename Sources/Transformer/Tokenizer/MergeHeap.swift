/// A binary heap of possible merges, lowest rank first, then leftmost.
struct MergeHeap {
    /// The rank in the upper half, the symbol in the lower.
    private var keys: [UInt64] = []

    mutating func insert(rank: UInt32, symbol: Int) {
        let key = UInt64(rank) << 32 | UInt64(UInt32(truncatingIfNeeded: symbol))
        var place = keys.count
        keys.append(key)
        while place > 0 {
            let parent = (place - 1) / 2
            guard key < keys[parent] else { break }
            keys[place] = keys[parent]
            place = parent
        }
        keys[place] = key
    }

    mutating func popFirst() -> (rank: UInt32, symbol: Int)? {
        guard let first = keys.first, let key = keys.popLast() else { return nil }
        if !keys.isEmpty {
            var place = 0
            while true {
                var child = 2 * place + 1
                guard child < keys.count else { break }
                if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
                guard keys[child] < key else { break }
                keys[place] = keys[child]
                place = child
            }
            keys[place] = key
        }
        return (UInt32(truncatingIfNeeded: first >> 32), Int(first & 0xFFFF_FFFF))
    }
}
