import Formats

/// Merges the symbols of a piece of text into tokens: the pair of lowest rank first, of equal ranks the leftmost.
///
/// The symbols form a linked list and the possible merges a binary heap, so that a piece of n bytes takes
/// O(n log n) however hostile it is. The buffers are kept from piece to piece.
struct BytePairEncoder: PieceEncoder {
    private let merges: MergeTable
    private let symbols: PairSymbols

    private var tokens: [Int32] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// The rank of the pair that starts at each symbol; `noMerge` where it has none or the symbol is gone.
    private var pairRanks: [UInt32] = []
    private var heap = MergeHeap()
    private static let noMerge = UInt32.max

    init(merges: MergeTable, symbols: PairSymbols) {
        self.merges = merges
        self.symbols = symbols
    }

    mutating func encode(_ piece: ArraySlice<UInt8>, into output: inout [Int]) {
        if let id = symbols.wholePiece(piece) {
            output.append(id)
            return
        }
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
        symbols.append(piece, to: &tokens)
        for place in tokens.indices {
            let symbol = Int32(truncatingIfNeeded: place)
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

    private mutating func merge(_ symbol: Int, rank: UInt32) {
        let gone = Int(next[symbol])
        tokens[symbol] = merges.result(rank: rank)
        next[symbol] = next[gone]
        pairRanks[gone] = Self.noMerge
        if next[gone] >= 0 { previous[Int(next[gone])] = Int32(truncatingIfNeeded: symbol) }
        rate(symbol)
        if previous[symbol] >= 0 { rate(Int(previous[symbol])) }
    }
}
