import Formats

/// One run of a decoder over packed slices.
///
/// The blocks' arithmetic is `BlockRunner`'s; between its sub-layers lie the sites, where the stream is changed and
/// seen.
struct ForwardPass {
    private let decoder: Decoder
    private let workspace: Workspace
    private let runner: BlockRunner
    private let slices: [Slice]
    private let chunks: [PackedChunk]
    private let plan: InterventionPlan
    private let blocks: Range<Int>
    private let observer: StreamObserver?
    private let projections: ProjectionObserver?
    private let logits: LogitsReceiver?

    /// A slice in this pass.
    private struct Slice {
        let tokens: [Int]
        let entry: [Float]
        /// nil where the whole slice lies in one chunk and nobody continues it.
        let cache: SequenceCache?
        /// The position of the first token.
        let start: Int
        /// How long the whole text is that the slice is a part of.
        let sequenceLength: Int

        /// How many positions the sequence has at the end of the pass.
        var end: Int { start + tokens.count }
    }

    /// The most logits computed at a time: 16 MB.
    private static let logitsPerPiece = 1 << 22

    /// - Precondition: the slices and the blocks have been checked.
    init(
        decoder: Decoder, workspace: Workspace, slices: [DecoderSlice], plan: InterventionPlan,
        blocks: Range<Int>, observer: StreamObserver?, projections: ProjectionObserver?,
        inputSquares: InputSquares?, logits: LogitsReceiver?
    ) {
        self.decoder = decoder
        self.workspace = workspace
        var runner = workspace.runner
        runner.inputSquares = inputSquares
        self.runner = runner
        self.plan = plan
        self.blocks = blocks
        self.observer = observer
        self.projections = projections
        self.logits = logits
        chunks = PackedChunk.pack(slices.map(\.tokens.count), limit: Decoder.rowsPerChunk)
        var segmentCounts = [Int](repeating: 0, count: slices.count)
        for segment in chunks.flatMap(\.segments) { segmentCounts[segment.slice] += 1 }
        self.slices = zip(slices, segmentCounts).map { slice, segments in
            let ownCache = segments > 1 ? SequenceCache(decoder.configuration) : nil
            return Slice(
                tokens: slice.tokens, entry: slice.entry, cache: slice.cache ?? ownCache,
                start: slice.cache?.length ?? 0,
                sequenceLength: max(
                    slice.sequenceLength ?? 0, (slice.cache?.length ?? 0) + slice.tokens.count))
        }
    }

    /// Runs every chunk; puts the caches back where a chunk fails or they are not to be kept.
    func run(keepsCaches: Bool) throws {
        var isKept = false
        defer {
            if !isKept {
                for slice in slices { slice.cache?.truncate(to: slice.start) }
            }
        }
        for slice in slices { slice.cache?.reserve(slice.end) }
        workspace.reserve(rows: chunks.map(\.rowCount).max() ?? 0)
        for chunk in chunks {
            try run(chunk)
            for segment in chunk.segments {
                slices[segment.slice].cache?.advance(by: segment.tokens.count)
            }
        }
        isKept = keepsCaches
    }

    private func run(_ chunk: PackedChunk) throws {
        enter(chunk)
        if blocks.lowerBound == 0 { try visit(.embed, block: 0, workspace.stream, chunk) }
        makeInputs(chunk)
        for block in blocks {
            try mix(block, chunk)
            try visit(.residMid, block: block, workspace.activations(of: block).middle, chunk)
            try feedForward(block, chunk)
            try visit(.residPost, block: block, workspace.stream, chunk)
        }
        if let logits { try computeLogits(chunk, for: logits) }
    }

    // MARK: - Blocks

    /// The stream before the first block, which is the tokens' embeddings or what the slices bring, and the rotations
    /// of their positions.
    private func enter(_ chunk: PackedChunk) {
        let width = workspace.stream.width
        for segment in chunk.segments {
            let slice = slices[segment.slice]
            for token in segment.tokens {
                let row = workspace.stream.row(segment.row(of: token))
                if blocks.lowerBound == 0 {
                    decoder.embed(slice.tokens[token], at: slice.start + token, into: row)
                } else {
                    let entry = slice.entry.span.extracting(token * width..<(token + 1) * width)
                    entry.withUnsafeBufferPointer { numbers in
                        guard let start = numbers.baseAddress else { return }
                        row.update(from: start, count: width)
                    }
                }
            }
            decoder.writeRotations(
                segment.tokens.offset(by: slice.start), sequenceLength: slice.sequenceLength,
                to: runner,
                firstRow: segment.firstRow)
        }
    }

    /// What blocks get beside the stream, which follows from the tokens and the stream before the first block.
    private func makeInputs(_ chunk: PackedChunk) {
        guard let weights = decoder.weights.perLayer, let perLayer = runner.perLayer else { return }
        let tokens = chunk.segments.flatMap { slices[$0.slice].tokens[$0.tokens] }
        guard blocks.lowerBound > 0 else {
            return runner.makeInputs(weights, tokens: tokens, from: workspace.stream)
        }
        for (row, token) in tokens.enumerated() {
            decoder.embed(token, at: 0, into: perLayer.entry.row(row))
        }
        plan.apply(
            at: .embed, block: 0, to: perLayer.entry, rows: tokens.count, runner: runner)
        runner.makeInputs(weights, tokens: tokens, from: perLayer.entry)
    }

    /// A block's first half, each segment seeing its own sequence: what is cached of it and the segment itself.
    private func mix(_ block: Int, _ chunk: PackedChunk) throws {
        let weights = decoder.weights.blocks[block]
        let texts = chunk.segments.map { segment in
            let slice = slices[segment.slice]
            return MixedRows(
                segment.rows, position: slice.start + segment.tokens.lowerBound,
                memory: slice.cache)
        }
        let activations = workspace.activations(of: block)
        runner.mix(weights, activations, texts)
        runner.projectMixed(weights, activations, rows: chunk.rowCount, into: runner.update)
        let mixed = runner.mixed(weights, activations)
        let slot = decoder.configuration.sizes.kind(ofBlock: block).mixer.output
        try show(slot, .residMid, block: block, mixed, chunk)
        runner.addMixed(
            weights, activations, rows: chunk.rowCount,
            changed: plan.output(at: .residMid, block: block))
    }

    /// A block's second half.
    private func feedForward(_ block: Int, _ chunk: PackedChunk) throws {
        let weights = decoder.weights.blocks[block]
        let activations = workspace.activations(of: block)
        runner.projectFeedForward(weights, activations, rows: chunk.rowCount)
        runner.projectDown(weights, activations, rows: chunk.rowCount, into: runner.update)
        if decoder.configuration.sizes.experts(ofBlock: block) == nil {
            try show(.feedForwardDown, .residPost, block: block, activations.gated, chunk)
        }
        runner.addFeedForward(
            weights, activations, rows: chunk.rowCount,
            changed: plan.output(at: .residPost, block: block))
        runner.end(
            weights, activations, rows: chunk.rowCount,
            changed: plan.output(at: .residPost, block: block))
    }

    /// Computes the wanted tokens' logits, a bounded number at a time.
    private func computeLogits(_ chunk: PackedChunk, for receiver: LogitsReceiver) throws {
        let runs = chunk.segments.map { ($0, $0.tokens(in: receiver.scope)) }
        let limit = max(1, Self.logitsPerPiece / decoder.configuration.sizes.vocabularySize)
        // Packed once more: a part's slice is the index of its run.
        for piece in PackedChunk.pack(runs.map(\.1.count), limit: limit) {
            workspace.logits.reserve(piece.rowCount)
            workspace.normed.reserve(piece.rowCount)
            for part in piece.segments {
                let (segment, wanted) = runs[part.slice]
                let first = segment.row(of: wanted.lowerBound + part.tokens.lowerBound)
                runner.norm(
                    part.tokens.count, decoder.weights.outputNorm,
                    from: workspace.stream.row(first), into: workspace.normed.row(part.firstRow),
                    width: workspace.stream.width)
            }
            runner.projectLogits(
                piece.rowCount, decoder.weights.head, from: workspace.normed,
                into: workspace.logits)
            for part in piece.segments {
                let (segment, wanted) = runs[part.slice]
                let tokens = part.tokens.offset(by: wanted.lowerBound)
                try workspace.logits.withRows(part.rows) { rows in
                    try receiver.receive(segment.slice, tokens, rows)
                }
            }
        }
    }

    // MARK: - Sites

    /// Changes the stream by the interventions of a site, and shows it to the observer.
    private func visit(
        _ site: Site, block: Int, _ stream: ActivationMatrix, _ chunk: PackedChunk
    ) throws {
        if let receive = observer?.receiveUnchanged, plan.hasSteps(at: site, block: block) {
            try show(site, block: block, stream, chunk, to: receive)
        }
        plan.apply(
            at: site, block: block, to: stream, rows: chunk.rowCount, runner: runner)
        if let receive = observer?.receive {
            try show(site, block: block, stream, chunk, to: receive)
        }
    }

    /// Shows the observer the stream at one of its sites.
    private func show(
        _ site: Site, block: Int, _ stream: ActivationMatrix, _ chunk: PackedChunk,
        to receive: (StreamPlace, Span<Float>) throws -> Void
    ) throws {
        guard let observer, observer.sites.contains(site) else { return }
        for segment in chunk.segments {
            let tokens = segment.tokens(in: observer.scope)
            guard !tokens.isEmpty else { continue }
            let place = StreamPlace(site: site, block: block, slice: segment.slice, tokens: tokens)
            let first = segment.row(of: tokens.lowerBound)
            try stream.withRows(first..<first + tokens.count) { rows in
                try receive(place, rows)
            }
        }
    }

    /// Shows what a projection reads and puts out.
    private func show(
        _ slot: BlockSlot, _ site: Site, block: Int, _ input: ActivationMatrix,
        _ chunk: PackedChunk
    ) throws {
        guard let projections, projections.slots.contains(slot) else { return }
        for segment in chunk.segments {
            let place = StreamPlace(
                site: site, block: block, slice: segment.slice, tokens: segment.tokens)
            let rows = segment.firstRow..<segment.firstRow + segment.tokens.count
            try input.withRows(rows) { inputs in
                try runner.update.withRows(rows) { outputs in
                    try projections.receive(place, inputs, outputs)
                }
            }
        }
    }
}
