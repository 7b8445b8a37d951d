import Formats

/// Merges the bytes of a piece of text into tokens: the pair of lowest rank first, of equal ranks the leftmost.
///
/// The symbols form a linked list and the possible merges a binary heap, so that a piece of n bytes takes
/// O(n log n) however hostile it is. The buffers are kept from piece to piece.
struct BytePairEncoder {
    private let merges: MergeTable
    /// The token of each byte; -1 where the vocabulary has none, and the byte is dropped as the references do.
    private let byteTokens: [Int32]

    private var tokens: [Int32] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// The rank of the pair that starts at each symbol; `noMerge` where it has none or the symbol is gone.
    private var pairRanks: [Int32] = []
    private var heap = MergeHeap()
    private static let noMerge = Int32.max

    init(merges: MergeTable, byteTokens: [Int32]) {
        self.merges = merges
        self.byteTokens = byteTokens
    }

    /// Appends the tokens of a piece.
    mutating func encode(_ piece: ArraySlice<UInt8>, into output: inout [Int]) {
        fill(piece)
        guard let lastSymbol = tokens.indices.last else { return }
        for symbol in 0..<lastSymbol { rate(symbol) }
        while let (rank, symbol) = heap.popFirst() {
            // Entries whose pair has changed since are stale.
            guard pairRanks[symbol] == rank else { continue }
            merge(symbol, rank: rank)
        }
        var symbol = 0
        while symbol >= 0 {
            output.append(Int(tokens[symbol]))
            symbol = Int(next[symbol])
        }
    }

    private mutating func fill(_ piece: ArraySlice<UInt8>) {
        tokens.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        pairRanks.removeAll(keepingCapacity: true)
        for byte in piece {
            let token = byteTokens[Int(byte)]
            guard token >= 0 else { continue }
            let symbol = Int32(truncatingIfNeeded: tokens.count)
            tokens.append(token)
            previous.append(symbol - 1)
            next.append(symbol + 1)
            pairRanks.append(Self.noMerge)
        }
        if !next.isEmpty { next[next.count - 1] = -1 }
    }

    /// Looks up the merge of the pair that starts at a symbol.
    private mutating func rate(_ symbol: Int) {
        let neighbour = Int(next[symbol])
        guard neighbour >= 0, let rank = merges.rank(tokens[symbol], tokens[neighbour]) else {
            pairRanks[symbol] = Self.noMerge
            return
        }
        pairRanks[symbol] = rank
        heap.insert(rank: rank, symbol: symbol)
    }

    private mutating func merge(_ symbol: Int, rank: Int32) {
        let gone = Int(next[symbol])
        tokens[symbol] = merges.result(rank: rank)
        next[symbol] = next[gone]
        pairRanks[gone] = Self.noMerge
        if next[gone] >= 0 { previous[Int(next[gone])] = Int32(truncatingIfNeeded: symbol) }
        rate(symbol)
        if previous[symbol] >= 0 { rate(Int(previous[symbol])) }
    }
}

/// A binary heap of possible merges, lowest rank first, then leftmost.
private struct MergeHeap {
    /// The rank in the upper half, the symbol in the lower.
    private var keys: [UInt64] = []

    mutating func insert(rank: Int32, symbol: Int) {
        let key =
            UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(UInt32(truncatingIfNeeded: symbol))
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

    mutating func popFirst() -> (rank: Int32, symbol: Int)? {
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
        return (Int32(truncatingIfNeeded: first >> 32), Int(first & 0xFFFF_FFFF))
    }
}
