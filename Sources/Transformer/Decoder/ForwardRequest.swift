package import Formats

/// One sequence's new tokens in a forward pass.
package struct DecoderSlice {
    package var tokens: [Int]
    /// The sequence so far, which the tokens continue and are added to; nil for a sequence that ends with the pass.
    package var cache: SequenceCache?
    /// (tokens, hidden size): the stream at the input of the first block that is run, where that is not block 0.
    package var entry: [Float]
    /// How many positions the sequence will have, where more slices follow that belong to the same text: rotary scalings
    /// that depend on the length then take the whole one from the start. Nil where this slice is the last so far.
    package var sequenceLength: Int?

    package init(
        _ tokens: [Int], cache: SequenceCache? = nil, entry: [Float] = [],
        sequenceLength: Int? = nil
    ) {
        self.tokens = tokens
        self.cache = cache
        self.entry = entry
        self.sequenceLength = sequenceLength
    }
}

/// Which tokens of each slice something is wanted for.
package enum TokenScope: Sendable, Hashable {
    case all
    /// The slice's last token.
    case last
    /// From a token of its own for each slice to its end: one index a slice; the slice's length asks for none.
    case from([Int])
}

/// Where in a pass some rows of the residual stream were seen.
package struct StreamPlace: Sendable, Hashable {
    package let site: Site
    /// 0-based; 0 for `embed`.
    package let block: Int
    /// The slice's index in the pass.
    package let slice: Int
    /// The rows' indices in the slice's tokens.
    package let tokens: Range<Int>
}

extension StreamPlace {
    /// How many of the slice's tokens the work is worth that is done when the output of the place's block is seen.
    func tokensDone(blockCount: Int) -> Int {
        tokens.lowerBound + tokens.count * (block + 1) / max(blockCount, 1)
    }
}

/// Sees the residual stream at the sites as it flows by, after the interventions.
///
/// A long slice arrives in several parts, in order. The rows (tokens, hidden size) are the decoder's own
/// memory: copy what is to be kept. An error that `receive` throws ends the pass.
package struct StreamObserver {
    package var sites: Set<Site>
    package var scope: TokenScope
    /// Sees the stream before the interventions too, where there are any; nil where it need not.
    package var receiveUnchanged: ((StreamPlace, Span<Float>) throws -> Void)?
    package var receive: (StreamPlace, Span<Float>) throws -> Void

    package init(
        sites: Set<Site> = Set(Site.allCases), scope: TokenScope = .all,
        receiveUnchanged: ((StreamPlace, Span<Float>) throws -> Void)? = nil,
        receive: @escaping (StreamPlace, Span<Float>) throws -> Void
    ) {
        self.sites = sites
        self.scope = scope
        self.receiveUnchanged = receiveUnchanged
        self.receive = receive
    }
}

extension StreamObserver {
    /// Sees no values, only how far a pass over a slice of so many tokens has got.
    ///
    /// - Parameter advance: called with how many tokens were run, and of how many.
    static func progress(
        in decoder: Decoder, count: Int, _ advance: @escaping (Int, Int) -> Void
    ) -> StreamObserver {
        let blockCount = decoder.configuration.sizes.blockCount
        return StreamObserver(sites: [.residPost]) { place, _ in
            advance(place.tokensDone(blockCount: blockCount), count)
        }
    }
}

/// Takes the logits of a pass, a few tokens at a time: those of a long text never lie in memory together.
package struct LogitsReceiver {
    package var scope: TokenScope
    /// Called with the slice's index, indices of its tokens, and their logits (tokens, vocabulary).
    package var receive: (_ slice: Int, _ tokens: Range<Int>, _ logits: Span<Float>) throws -> Void

    package init(
        scope: TokenScope,
        receive:
            @escaping (_ slice: Int, _ tokens: Range<Int>, _ logits: Span<Float>) throws -> Void
    ) {
        self.scope = scope
        self.receive = receive
    }
}

/// Sees what the last projection of a sub-layer reads and puts out, before the norm that may follow it.
///
/// A long slice arrives in several parts, in order. The rows are the decoder's own memory: copy what is to be kept. An
/// error that `receive` throws ends the pass.
package struct ProjectionObserver {
    /// `attentionOutput`, `feedForwardDown`; a mixture's experts are not seen.
    package var slots: Set<BlockSlot>
    /// Called with the place that the sub-layer's output acts at, the rows that the projection reads, (tokens, its
    /// columns), and those it puts out, its bias included, (tokens, hidden size).
    package var receive: (StreamPlace, Span<Float>, Span<Float>) throws -> Void

    package init(
        slots: Set<BlockSlot>,
        receive: @escaping (StreamPlace, Span<Float>, Span<Float>) throws -> Void
    ) {
        self.slots = slots
        self.receive = receive
    }
}
