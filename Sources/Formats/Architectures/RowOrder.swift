extension TensorContent {
    /// The order in which an output takes the rows of its source.
    package enum RowOrder: Sendable, Hashable {
        case same
        /// Hugging Face's half-split rows become llama.cpp's interleaved ones, head by head.
        case interleavingHeads(headSize: Int)
        /// The inverse.
        case splittingHeads(headSize: Int)
        /// The query, key and value of each head become all queries, all keys, all values.
        case gatheringParts(heads: Int, headSize: Int)
        /// The inverse.
        case spreadingParts(heads: Int, headSize: Int)

        /// The source row that output row `row` is.
        package func source(of row: Int) -> Int {
            switch self {
            case .same: return row
            case .interleavingHeads(let headSize):
                let (head, place) = row.quotientAndRemainder(dividingBy: headSize)
                return head * headSize + (place % 2) * (headSize / 2) + place / 2
            case .splittingHeads(let headSize):
                let (head, place) = row.quotientAndRemainder(dividingBy: headSize)
                let half = headSize / 2
                return head * headSize + 2 * (place % half) + place / half
            case .gatheringParts(let heads, let headSize):
                let (index, place) = row.quotientAndRemainder(dividingBy: headSize)
                let (part, head) = index.quotientAndRemainder(dividingBy: heads)
                return (head * 3 + part) * headSize + place
            case .spreadingParts(let heads, let headSize):
                let (index, place) = row.quotientAndRemainder(dividingBy: headSize)
                let (head, part) = index.quotientAndRemainder(dividingBy: 3)
                return (part * heads + head) * headSize + place
            }
        }

        /// A matrix with its rows in this order, given with those of its source.
        func reordered(_ values: [Float], columns: Int) -> [Float] {
            guard self != .same, columns > 0 else { return values }
            return (0..<values.count / columns).flatMap { row in
                let first = source(of: row) * columns
                return values[first..<(first + columns)]
            }
        }
    }
}
