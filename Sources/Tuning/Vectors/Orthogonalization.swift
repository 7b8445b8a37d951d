import Transformer

/// A vector without what lies along others: in each block the span of theirs is taken out of its direction, as one, so that
/// nothing of any of them is left.
package struct Orthogonalization: Sendable {
    package let vector: SteeringVector
    /// Of each block of the vector.
    package let blocks: [Block]

    /// What taking out did to a block.
    package struct Block: Sendable, Equatable {
        package let block: Int
        /// Of the direction before.
        package let norm: Double
        /// The share of it that is left; 1 where the others have no direction.
        package let share: Double
        /// How many directions the others span.
        package let spanned: Int
        /// The largest cosine with one of the others before, by its size, and after.
        package let cosines: (before: Double, after: Double)

        package static func == (left: Block, right: Block) -> Bool {
            left.block == right.block && left.norm == right.norm && left.share == right.share
                && left.spanned == right.spanned && left.cosines == right.cosines
        }
    }

    /// What is shorter than this, beside what it was, is rounding.
    private static let shortest = 1e-6

    /// Takes the others out of a vector. The lengths of the others do not matter.
    ///
    /// - Throws: `VectorError.otherWidth`, `.otherSite`; `.noCommonBlock` where the others have directions of other blocks
    ///   only; `.noLength` for a direction of zeros; `.nothingLeft` where a direction lies in the span of the others.
    package init(_ term: VectorTerm, against others: [VectorTerm]) throws(VectorError) {
        try ([term] + others).checkTogether()
        let theirs = Set(others.flatMap(\.vector.blocks))
        guard !theirs.isDisjoint(with: term.vector.blocks) else {
            throw .noCommonBlock(
                file: term.name, blocks: term.vector.blocks, others: theirs.sorted())
        }
        var vector = term.vector
        var blocks: [Block] = []
        for (block, direction) in term.vector.directions.sorted(by: { $0.key < $1.key }) {
            let norm = direction.norm
            guard norm > 0 else { throw .noLength(file: term.name, block: block) }
            let directions = others.compactMap { $0.vector.directions[block] }
            for (other, values) in zip(others, others.map { $0.vector.directions[block] }) {
                if let values, values.norm == 0 {
                    throw .noLength(file: other.name, block: block)
                }
            }
            let span = RemovedSpan(of: directions)
            let rest = direction.without(span.directions)
            let share = directions.isEmpty ? 1 : rest.norm / norm
            guard share > Self.shortest else { throw .nothingLeft(block: block, share: share) }
            blocks.append(
                Block(
                    block: block, norm: norm, share: share, spanned: span.directions.count,
                    cosines: (
                        Self.largest(direction, directions), Self.largest(rest, directions)
                    )))
            vector.directions[block] = rest
        }
        vector.note(blocks, names: others.map(\.name), of: term.name)
        self.vector = vector
        self.blocks = blocks
    }

    private static func largest(_ direction: [Float], _ others: [[Float]]) -> Double {
        others.map { direction.cosine(with: $0) }.max { abs($0) < abs($1) } ?? 0
    }
}

extension SteeringVector {
    /// Keeps what was taken out, beside what had been.
    fileprivate mutating func note(
        _ blocks: [Orthogonalization.Block], names: [String], of name: String
    ) {
        for block in blocks {
            let before = 1 - Double(provenance.lengthLost[block.block] ?? 0)
            provenance.lengthLost[block.block] = Float(1 - before * block.share)
        }
        provenance.projectedOut += names.map { name in
            let file = name.split(separator: "/").last.map(String.init) ?? name
            return file.split(separator: "\n").joined(separator: " ")
        }
        provenance.signAgreement = [:]
        provenance.normalization = Normalization.none.rawValue
        record("orthogonalise \(name) against " + names.joined(separator: " "))
    }
}
