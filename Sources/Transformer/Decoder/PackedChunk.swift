/// Rows that run through the blocks together: parts of one or more slices, packed without padding.
struct PackedChunk {
    /// A run of one slice's tokens.
    struct Segment {
        /// The slice's index in the pass.
        let slice: Int
        /// Indices into the slice's tokens.
        let tokens: Range<Int>
        /// Where the segment starts in the chunk.
        let firstRow: Int
        /// Whether the slice ends here.
        let isLast: Bool

        var rows: Range<Int> { firstRow..<firstRow + tokens.count }

        /// The part of the segment in this scope: all of it, its end, or nothing.
        ///
        /// - Precondition: a scope with indices has one for every slice.
        func tokens(in scope: TokenScope) -> Range<Int> {
            switch scope {
            case .all: tokens
            case .last:
                isLast
                    ? tokens.upperBound - 1..<tokens.upperBound
                    : tokens.upperBound..<tokens.upperBound
            case .from(let starts):
                min(max(starts[slice], tokens.lowerBound), tokens.upperBound)..<tokens.upperBound
            }
        }

        /// The chunk's row of a token.
        func row(of token: Int) -> Int { firstRow + token - tokens.lowerBound }
    }

    private(set) var segments: [Segment] = []
    private(set) var rowCount = 0

    /// Cuts slices of these lengths into chunks of at most `limit` rows, in order, every chunk but the last full.
    static func pack(_ lengths: [Int], limit: Int) -> [PackedChunk] {
        var chunks: [PackedChunk] = []
        var chunk = PackedChunk()
        for (slice, length) in lengths.enumerated() {
            var start = 0
            while start < length {
                let end = min(length, start + limit - chunk.rowCount)
                chunk.segments.append(
                    Segment(
                        slice: slice, tokens: start..<end, firstRow: chunk.rowCount,
                        isLast: end == length))
                chunk.rowCount += end - start
                start = end
                if chunk.rowCount == limit {
                    chunks.append(chunk)
                    chunk = PackedChunk()
                }
            }
        }
        if chunk.rowCount > 0 { chunks.append(chunk) }
        return chunks
    }
}

extension Range<Int> {
    /// The range moved up by a distance.
    func offset(by distance: Int) -> Range<Int> {
        lowerBound + distance..<upperBound + distance
    }
}
