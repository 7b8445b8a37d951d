/// How vectors lie to one another, block by block: lengths and cosines, and how alike the blocks of each are.
package struct VectorComparison: Sendable {
    package let terms: [VectorTerm]
    /// Every block that one of them has, ascending.
    package let blocks: [Int]

    /// Two of the vectors, by their places.
    package struct Pair: Sendable, Hashable {
        package let first: Int
        package let second: Int

        package init(first: Int, second: Int) {
            self.first = first
            self.second = second
        }
    }

    /// - Throws: `VectorError.otherWidth`.
    package init(_ terms: [VectorTerm]) throws(VectorError) {
        try terms.checkWidths()
        self.terms = terms
        blocks = Set(terms.flatMap(\.vector.blocks)).sorted()
    }

    /// Every two of them.
    package var pairs: [Pair] {
        terms.indices.flatMap { first in
            terms.indices.filter { $0 > first }.map { Pair(first: first, second: $0) }
        }
    }

    /// The length of a vector's direction, as the file has it; nil where it has none of the block.
    package func norm(_ place: Int, block: Int) -> Double? {
        terms[place].vector.directions[block]?.norm
    }

    /// The cosine of two vectors in a block; nil where one has none, or none of any length.
    ///
    /// - Parameter shift: how many blocks later the second's is taken
    package func cosine(_ pair: Pair, block: Int, shift: Int = 0) -> Double? {
        cosine(
            terms[pair.first].vector.directions[block],
            terms[pair.second].vector.directions[block + shift])
    }

    /// The cosine of a vector's direction with that of the block after it.
    package func cosineWithNext(_ place: Int, block: Int) -> Double? {
        let directions = terms[place].vector.directions
        return cosine(directions[block], directions[block + 1])
    }

    private func cosine(_ left: [Float]?, _ right: [Float]?) -> Double? {
        guard let left, let right, left.norm > 0, right.norm > 0 else { return nil }
        return left.cosine(with: right)
    }

    /// The mean cosine over the blocks that both have; nil where there are none.
    ///
    /// - Parameter shift: how many blocks later the second's is taken
    package func meanCosine(_ pair: Pair, shift: Int = 0) -> Double? {
        let cosines = blocks.compactMap { cosine(pair, block: $0, shift: shift) }
        return cosines.isEmpty ? nil : cosines.reduce(0, +) / Double(cosines.count)
    }

    /// How many blocks later the second of two must be read to be most like the first, −1, 0 or 1: where it is not 0, one
    /// of the two may be of llama.cpp's generator, which numbers blocks by one more.
    package func bestShift(_ pair: Pair) -> Int {
        func likeness(_ shift: Int) -> Double { abs(meanCosine(pair, shift: shift) ?? 0) }
        let best = [0, 1, -1].max { likeness($0) < likeness($1) } ?? 0
        // Neighbouring blocks are alike; the right ones are alike to rounding or nearly.
        return likeness(best) > likeness(0) + Self.clearly ? best : 0
    }

    private static let clearly = 0.05
}
