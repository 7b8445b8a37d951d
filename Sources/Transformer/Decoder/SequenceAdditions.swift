import Formats

/// Vectors that are added to the sequences of a gradient pass at one site of one block, to each its own at every token.
///
/// An `Intervention` is the same for all sequences of a pass; these need not be, so that vectors can be learned for many
/// sequences at once.
package struct SequenceAdditions: Sendable {
    package let site: Site
    /// 0-based; 0 for `embed`.
    package let block: Int
    /// (hidden size) for each sequence.
    package let vectors: [[Float]]

    package init(site: Site, block: Int, vectors: [[Float]]) {
        self.site = site
        self.block = block
        self.vectors = vectors
    }

    /// Changes the sequences' rows of the stream, where this is the place.
    ///
    /// - Precondition: there is a vector for every sequence.
    func apply(
        at site: Site, block: Int, to stream: ActivationMatrix, sequences: [Range<Int>]
    ) {
        guard site == self.site, block == self.block else { return }
        for (rows, vector) in zip(sequences, vectors) {
            for row in rows { addForward(stream.row(row), vector, count: stream.width) }
        }
    }

    /// The vectors' gradients from those of the stream after them: sums over each sequence's rows, in their order.
    func gradients(from stream: ActivationMatrix, sequences: [Range<Int>]) -> [[Float]] {
        sequences.map { rows in
            Array(filling: stream.width) { sum in
                sum.initialize(repeating: 0)
                guard let start = sum.baseAddress else { return }
                for row in rows { addForward(start, stream.row(row), count: stream.width) }
            }
        }
    }
}
