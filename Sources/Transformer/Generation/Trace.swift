import Formats

/// Everything a forward pass shows for one sequence: the residual stream at every site, and all logits.
///
/// The arrays bear the names that `rtedit trace` writes: `embed`, `resid_mid.N`, `resid_post.N`, `logits`.
package struct Trace: Sendable {
    /// One recorded array of shape (tokens, columns).
    package struct Entry: Sendable, Hashable {
        package let name: String
        package let columns: Int
        package let values: [Float]

        /// The number of tokens.
        package var rows: Int { values.count / columns }
    }

    package let tokens: [Int]
    /// In the order of computation.
    package let entries: [Entry]
    /// The stream as it was before the interventions, at the sites of blocks that have some, under the same names;
    /// empty where it was not asked for.
    package let unchanged: [String: Entry]

    /// Runs the tokens through the decoder and keeps all that a pass shows.
    ///
    /// It holds (2 · blocks + 1) · tokens · hidden size and tokens · vocabulary size numbers.
    /// - Parameters:
    ///   - cache: the text so far, which the tokens continue and are added to; nil where they are all of it.
    ///   - sequenceLength: see `DecoderSlice`.
    ///   - keepsUnchanged: whether to keep the stream before interventions too.
    ///   - reading: called with how many tokens were run, and of how many.
    /// - Throws: what `Decoder.forward` throws.
    package init(
        of tokens: [Int], in decoder: Decoder, interventions: [Intervention] = [],
        continuing cache: SequenceCache? = nil, sequenceLength: Int? = nil,
        keepsUnchanged: Bool = false, reading: ((Int, Int) -> Void)? = nil
    ) throws {
        let sizes = decoder.configuration.sizes
        var recorder = Recorder()
        var earlier = Recorder()
        let observer = StreamObserver(
            receiveUnchanged: keepsUnchanged
                ? { place, rows in
                    earlier.record(
                        Self.name(place), rows, columns: sizes.hiddenSize, tokens: tokens.count)
                } : nil
        ) { place, rows in
            if place.site == .residPost {
                reading?(place.tokensDone(blockCount: sizes.blockCount), tokens.count)
            }
            recorder.record(Self.name(place), rows, columns: sizes.hiddenSize, tokens: tokens.count)
        }
        let logits = LogitsReceiver(scope: .all) { _, _, rows in
            recorder.record("logits", rows, columns: sizes.vocabularySize, tokens: tokens.count)
        }
        try decoder.forward(
            [DecoderSlice(tokens, cache: cache, sequenceLength: sequenceLength)],
            interventions: interventions, observer: observer, logits: logits)
        self.tokens = tokens
        entries = recorder.entries
        unchanged = Dictionary(earlier.entries.map { ($0.name, $0) }) { first, _ in first }
    }

    package subscript(name: String) -> Entry? {
        entries.first { $0.name == name }
    }

    private static func name(_ place: StreamPlace) -> String {
        place.site == .embed ? "embed" : "\(place.site.rawValue).\(place.block)"
    }
}

/// Collects arrays that arrive a few rows at a time.
private struct Recorder {
    private var names: [String] = []
    private var recordings: [String: (columns: Int, values: [Float])] = [:]

    var entries: [Trace.Entry] {
        names.compactMap { name in
            recordings[name].map { Trace.Entry(name: name, columns: $0.columns, values: $0.values) }
        }
    }

    mutating func record(_ name: String, _ rows: Span<Float>, columns: Int, tokens: Int) {
        if recordings[name] == nil {
            names.append(name)
            var values: [Float] = []
            values.reserveCapacity(tokens * columns)
            recordings[name] = (columns, values)
        }
        rows.withUnsafeBufferPointer { recordings[name]?.values.append(contentsOf: $0) }
    }
}
