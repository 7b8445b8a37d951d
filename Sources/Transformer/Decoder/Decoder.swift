package import Formats

/// A decoder-only transformer: tokens in, residual streams and logits out.
///
///     let decoder = try Decoder(checkpoint: Checkpoint.open(path), crew: WorkCrew(threads: 2))
///     let cache = SequenceCache(decoder.configuration)
///     let logits = LogitsReceiver(scope: .last) { _, _, row in print(row.count) }
///     try decoder.forward([DecoderSlice([1, 2, 3], cache: cache)], logits: logits)
///
/// Arithmetic is f32 on weights in the file's type. A pass gives the same bits for every number of threads;
/// packing or caching changes how rows are grouped into products, and with it the last bits.
/// One decoder serves one thread at a time.
package final class Decoder {
    package let configuration: DecoderConfiguration
    package let weights: DecoderWeights
    let crew: WorkCrew
    /// One for each rotary embedding of the configuration.
    let rotaries: [RotaryTable]
    /// Memory kept from the last pass. A pass takes it, so that one started from an observer gets its own.
    private var idleWorkspace: Workspace?

    /// Rows that run through the blocks together: enough to keep the products fast, and the bound on
    /// activation memory however long a prompt is.
    static let rowsPerChunk = 512

    /// Opens a checkpoint's model.
    ///
    /// - Throws: `DecoderError`, and what reading the hyperparameters and weights throws.
    package convenience init(checkpoint: Checkpoint, crew: WorkCrew) throws {
        let weights = CheckpointWeights(checkpoint)
        try self.init(DecoderConfiguration(checkpoint), weights: weights, crew: crew)
        try weights.refuseUnused()
    }

    /// Makes a decoder of weights from any source.
    ///
    /// - Throws: `DecoderError`, and what the source throws.
    package init(
        _ configuration: DecoderConfiguration, weights source: some WeightSource, crew: WorkCrew
    ) throws {
        weights = try DecoderWeights(source, configuration)
        self.configuration = configuration
        self.crew = crew
        rotaries = configuration.ropes.map(RotaryTable.init)
    }

    /// Writes what sequences' tokens are before the first block: embeddings, scaled, with learned positions added.
    ///
    /// - Parameter row: (hidden size)
    func embed(_ token: Int, at position: Int, into row: UnsafeMutablePointer<Float>) {
        let width = configuration.sizes.hiddenSize
        weights.embedding.widenRow(token, into: row)
        let scale = Float(configuration.sizes.embeddingScale)
        if scale != 1 { scaleForward(row, by: scale, count: width) }
        guard let positions = weights.positions else { return }
        ScratchPool.shared.withFloats(width) { learned in
            positions.widenRow(position, into: learned)
            addForward(row, learned, count: width)
        }
    }

    /// Writes the rotations of some positions for rows of a pass, and what queries there are multiplied by.
    ///
    /// - Parameter sequenceLength: how many positions the sequence has at the end of the pass.
    func writeRotations(
        _ positions: Range<Int>, sequenceLength: Int, to runner: BlockRunner, firstRow: Int
    ) {
        if let factors = runner.queryFactors {
            for (row, position) in positions.enumerated() {
                factors.row(firstRow + row)[0] = configuration.sizes.queryFactor(at: position)
            }
        }
        for (table, rows) in zip(rotaries, runner.rotations) {
            table.write(
                positions, sequenceLength: sequenceLength, cosine: rows.cosine.row(firstRow),
                sine: rows.sine.row(firstRow))
        }
    }

    /// Runs new tokens of one or more sequences, which share matrix products but do not see each other.
    ///
    /// Each slice continues its cache, and its keys and values are added to it: those of the blocks that are run, so
    /// that a sequence's passes must all start at the same block. A pass that throws, or that stops before the last
    /// block, leaves the caches as they were.
    ///
    /// - Parameters:
    ///   - slices: the sequences' new tokens.
    ///   - interventions: applied at every token, in order.
    ///   - blocks: the blocks to run; nil for all. Where the first is not 0, each slice brings its entry.
    ///   - observer: sees the residual stream.
    ///   - projections: sees the last projections of sub-layers.
    ///   - inputSquares: sums up what the weights are multiplied with.
    ///   - logits: takes logits; without it the head is not computed.
    /// - Throws: `ForwardError` before anything is computed, and what the observers and the receiver throw.
    package func forward(
        _ slices: [DecoderSlice], interventions: [Intervention] = [], blocks: Range<Int>? = nil,
        observer: StreamObserver? = nil, projections: ProjectionObserver? = nil,
        inputSquares: InputSquares? = nil, logits: LogitsReceiver? = nil
    ) throws {
        let all = 0..<configuration.sizes.blockCount
        let blocks = blocks ?? all
        try check(slices, blocks: blocks)
        for scope in [observer?.scope, logits?.scope] {
            guard case .from(let starts) = scope, starts.count != slices.count else { continue }
            throw ForwardError.scopeCount(expected: slices.count, found: starts.count)
        }
        let isWhole = blocks.upperBound == all.upperBound
        guard isWhole || logits == nil else {
            throw ForwardError.logitsAfterStop(block: blocks.upperBound - 1)
        }
        let workspace = idleWorkspace ?? Workspace(configuration, crew: crew)
        idleWorkspace = nil
        defer { idleWorkspace = workspace }
        let pass = ForwardPass(
            decoder: self, workspace: workspace, slices: slices,
            plan: try InterventionPlan(interventions, configuration),
            blocks: blocks, observer: observer, projections: projections,
            inputSquares: inputSquares, logits: logits)
        try pass.run(keepsCaches: isWhole)
    }

    func check(_ slices: [DecoderSlice], blocks: Range<Int>) throws(ForwardError) {
        let all = 0..<configuration.sizes.blockCount
        guard !blocks.isEmpty, blocks.clamped(to: all) == blocks,
            blocks.lowerBound <= configuration.lastStart
        else {
            throw .blocks(blocks, blockCount: all.count)
        }
        guard !slices.isEmpty else { throw .noSlices }
        var cacheOwners: [ObjectIdentifier: Int] = [:]
        for (index, slice) in slices.enumerated() {
            try check(slice, index)
            let expected =
                blocks.lowerBound > 0 ? slice.tokens.count * configuration.sizes.hiddenSize : 0
            guard slice.entry.count == expected else {
                throw .entryCount(slice: index, expected: expected, found: slice.entry.count)
            }
            guard let cache = slice.cache else { continue }
            if let owner = cacheOwners.updateValue(index, forKey: ObjectIdentifier(cache)) {
                throw .sharedCache(slices: [owner, index])
            }
        }
    }

    private func check(_ slice: DecoderSlice, _ index: Int) throws(ForwardError) {
        guard !slice.tokens.isEmpty else { throw .noTokens(slice: index) }
        let vocabularySize = configuration.sizes.vocabularySize
        for (position, token) in slice.tokens.enumerated()
        where token < 0 || token >= vocabularySize {
            throw .tokenOutOfRange(
                slice: index, index: position, token: token, vocabularySize: vocabularySize)
        }
        let positions = (slice.cache?.length ?? 0) + slice.tokens.count
        guard positions <= configuration.positionLimit else {
            throw .contextOverflow(
                slice: index, positions: positions, limit: configuration.positionLimit)
        }
        guard let cache = slice.cache, !cache.fits(configuration) else { return }
        let own = SequenceCache(configuration)
        throw .foreignCache(
            slice: index, expected: [own.blockCount, own.bytesPerPosition],
            found: [cache.blockCount, cache.bytesPerPosition])
    }
}
