/// How the outputs of projections that share one matrix lie in its output row.
package enum FusedLayout: Sendable, Hashable {
    /// All of the first part, all of the second, …: Phi-3, GPT-2, and GPT-NeoX in GGUF.
    case stacked
    /// The first head of every part, the second head of every part, …: GPT-NeoX in Hugging Face's layout.
    case headwise(heads: Int)

    /// A row is this many times one piece of every part.
    fileprivate var pieces: Int {
        switch self {
        case .stacked: 1
        case .headwise(let heads): heads
        }
    }

    /// Which outputs belong to a part.
    ///
    /// - Parameters:
    ///   - part: its place among the parts
    ///   - widths: how many outputs every part has, in the fused matrix's order
    /// - Precondition: a headwise layout's heads are positive and divide every width.
    package func rows(ofPart part: Int, widths: [Int]) -> [Range<Int>] {
        var rows: [Range<Int>] = []
        forEachPiece(widths: widths, self, tokens: 1) { piece in
            guard piece.part == part else { return }
            let range = piece.fusedOffset..<piece.fusedOffset + piece.width
            if let last = rows.last, last.upperBound == range.lowerBound {
                rows[rows.count - 1] = last.lowerBound..<range.upperBound
            } else {
                rows.append(range)
            }
        }
        return rows
    }
}

/// Copies a fused projection's output into its parts, such as query, key and value, or gate and up.
///
/// - Parameters:
///   - parts: in the fused matrix's order, each (tokens, width); no memory of `fused`
///   - fused: (tokens, the sum of the widths)
///   - layout: where a row has its parts
///   - tokens: how many rows there are
/// - Precondition: a headwise layout's heads are positive and divide every width.
package func splitRows(
    _ parts: [(values: UnsafeMutablePointer<Float>, width: Int)],
    fused: UnsafePointer<Float>, layout: FusedLayout, tokens: Int
) {
    forEachPiece(widths: parts.map(\.width), layout, tokens: tokens) { piece in
        (parts[piece.part].values + piece.partOffset).update(
            from: fused + piece.fusedOffset, count: piece.width)
    }
}

/// The inverse of `splitRows`: copies the parts, such as their gradients, into a fused projection's rows.
///
/// - Parameters:
///   - fused: (tokens, the sum of the widths), overwritten
///   - parts: in the fused matrix's order, each (tokens, width); no memory of `fused`
///   - layout: where a row has its parts
///   - tokens: how many rows there are
/// - Precondition: a headwise layout's heads are positive and divide every width.
package func joinRows(
    _ fused: UnsafeMutablePointer<Float>,
    parts: [(values: UnsafePointer<Float>, width: Int)], layout: FusedLayout, tokens: Int
) {
    forEachPiece(widths: parts.map(\.width), layout, tokens: tokens) { piece in
        (fused + piece.fusedOffset).update(
            from: parts[piece.part].values + piece.partOffset, count: piece.width)
    }
}

/// Neighbouring values of one part in one row.
private struct FusedPiece {
    let part: Int
    let width: Int
    /// Where it begins in the part's memory.
    let partOffset: Int
    /// Where it begins in the fused memory.
    let fusedOffset: Int
}

private func forEachPiece(
    widths: [Int], _ layout: FusedLayout, tokens: Int, _ body: (FusedPiece) -> Void
) {
    let pieces = layout.pieces
    precondition(pieces > 0 && widths.allSatisfy { $0 >= 0 && $0 % pieces == 0 })
    var fusedOffset = 0
    for token in 0..<tokens {
        for index in 0..<pieces {
            for (part, width) in widths.enumerated() {
                let pieceWidth = width / pieces
                body(
                    FusedPiece(
                        part: part, width: pieceWidth,
                        partOffset: token * width + index * pieceWidth, fusedOffset: fusedOffset))
                fusedOffset += pieceWidth
            }
        }
    }
}
