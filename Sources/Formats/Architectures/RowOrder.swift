/// The order in which rows of heads are taken from others.
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
    /// After the first rows, heads of which each of `outer` runs has `inner` become `inner` runs of `outer`: the first head of
    /// every run, the second of every run and so on. The inverse is the same with the two numbers exchanged.
    case exchangingHeads(first: Int, outer: Int, inner: Int, headSize: Int)

    /// The row that is taken as row `row`.
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
        case .exchangingHeads(let first, let outer, let inner, let headSize):
            guard row >= first else { return row }
            let (index, place) = (row - first).quotientAndRemainder(dividingBy: headSize)
            let (member, run) = index.quotientAndRemainder(dividingBy: outer)
            return first + (run * inner + member) * headSize + place
        }
    }

    /// The order that takes the rows back to where they were.
    package var inverse: RowOrder {
        switch self {
        case .same: .same
        case .interleavingHeads(let headSize): .splittingHeads(headSize: headSize)
        case .splittingHeads(let headSize): .interleavingHeads(headSize: headSize)
        case .gatheringParts(let heads, let headSize):
            .spreadingParts(heads: heads, headSize: headSize)
        case .spreadingParts(let heads, let headSize):
            .gatheringParts(heads: heads, headSize: headSize)
        case .exchangingHeads(let first, let outer, let inner, let headSize):
            .exchangingHeads(first: first, outer: inner, inner: outer, headSize: headSize)
        }
    }

    /// This order, and another one after it.
    ///
    /// - Precondition: one of the two is the same order, or they are each other's inverse: the orders of one weight.
    func followed(by next: RowOrder) -> RowOrder {
        if next == .same { return self }
        if self == .same { return next }
        precondition(next == inverse, "two orders of rows that are not of one weight")
        return .same
    }

    /// Whether the order permutes so many rows without a rest.
    func isPermutation(ofRows rows: Int) -> Bool {
        switch self {
        case .same: true
        case .interleavingHeads(let headSize), .splittingHeads(let headSize):
            headSize > 0 && headSize % 2 == 0 && rows % headSize == 0
        case .gatheringParts(let heads, let headSize), .spreadingParts(let heads, let headSize):
            heads > 0 && headSize > 0 && rows % 3 == 0 && (rows / 3) % headSize == 0
                && rows / 3 / headSize == heads
        case .exchangingHeads(let first, let outer, let inner, let headSize):
            first >= 0 && outer > 0 && inner > 0 && headSize > 0 && rows >= first
                && (rows - first) % headSize == 0 && (rows - first) / headSize % outer == 0
                && (rows - first) / headSize / outer == inner
        }
    }

    /// A matrix with its rows in this order.
    package func reordered(_ values: [Float], columns: Int) -> [Float] {
        guard self != .same, columns > 0 else { return values }
        return (0..<values.count / columns).flatMap { row in
            let first = source(of: row) * columns
            return values[first..<(first + columns)]
        }
    }

    /// Brings the elements of a row into this order.
    ///
    /// - Parameter copy: memory for the row as it was
    func reorder(_ row: UnsafeMutableBufferPointer<Float>, from copy: inout [Float]) {
        copy = Array(row)
        for index in row.indices { row[index] = copy[source(of: index)] }
    }

    // MARK: - In a patch

    /// The order as a patch stores it: its kind and the sizes that kind has; the number of heads is 0 where it does not
    /// matter.
    var numbers: (kind: UInt8, sizes: [Int]) {
        switch self {
        case .same: (0, [0, 0])
        case .interleavingHeads(let headSize): (1, [0, headSize])
        case .splittingHeads(let headSize): (2, [0, headSize])
        case .gatheringParts(let heads, let headSize): (3, [heads, headSize])
        case .spreadingParts(let heads, let headSize): (4, [heads, headSize])
        case .exchangingHeads(let first, let outer, let inner, let headSize):
            (5, [first, outer, inner, headSize])
        }
    }

    /// How many sizes a patch has for an order of a kind; nil where there is no such kind.
    static func sizeCount(ofKind kind: UInt8) -> Int? {
        switch kind {
        case 0...4: 2
        case 5: 4
        default: nil
        }
    }

    /// The order with these numbers, or nil where there is none.
    init?(kind: UInt8, sizes: [Int]) {
        guard sizes.count == Self.sizeCount(ofKind: kind) else { return nil }
        switch kind {
        case 0: self = .same
        case 1: self = .interleavingHeads(headSize: sizes[1])
        case 2: self = .splittingHeads(headSize: sizes[1])
        case 3: self = .gatheringParts(heads: sizes[0], headSize: sizes[1])
        case 4: self = .spreadingParts(heads: sizes[0], headSize: sizes[1])
        default:
            self = .exchangingHeads(
                first: sizes[0], outer: sizes[1], inner: sizes[2], headSize: sizes[3])
        }
    }
}
