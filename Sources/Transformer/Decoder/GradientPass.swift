import Formats

/// A forward pass over whole sequences that can be taken back: gradients of weights from gradients of the residual
/// stream and from losses on logits.
///
///     let pass = GradientPass(decoder)
///     try pass.forward([.init([1, 2, 3])])
///     let gradients = StreamGradients(pass)
///     let losses = try pass.lossesOnLogits([target], gradients: gradients, into: sink)
///     pass.backward(gradients, into: sink)
///
/// The sequences are packed without padding. Every block's input is kept; the rest of what the backward half reads is
/// kept for as many of the upper blocks as `keptBytes` allows, and computed again for the others: the same numbers
/// either way. The work starts at the block it is asked to start from, and goes back no further than the lowest block
/// that has a weight in the sink.
package final class GradientPass {
    let decoder: Decoder
    private let keptBytes: Int
    private let runner: BlockRunner
    /// By the sizes of blocks.
    private let scratches: [BackwardScratch]
    private let head: HeadPass
    /// Inputs of the blocks from the first one run, and after them the last block's output.
    private var streams: [ActivationMatrix] = []
    /// The memory of blocks that keep their activations, by their sizes; it outlives the pass.
    private var pools: [[BlockActivations]]
    /// That of each of the kept blocks.
    private var kept: [BlockActivations] = []
    /// The memory of all others, by their sizes.
    private var shared: [BlockActivations]
    /// Keys and values that later blocks read, by the block that makes them, and their gradients.
    private let keysAndValues: [Int: KeyValueRows]
    private let keyValueGradients: [Int: KeyValueRows]
    private var keptBlocks: Range<Int> = 0..<0
    /// The block whose first half the shared memory holds.
    private var restored: Int?
    private var plan: InterventionPlan
    private var additions: SequenceAdditions?

    /// The blocks the last forward pass ran.
    package private(set) var blocks: Range<Int> = 0..<0
    /// The tokens of each row of the last forward pass.
    package private(set) var tokens: [Int] = []
    /// The rows of each sequence.
    package private(set) var sequences: [Range<Int>] = []

    /// - Parameter keptBytes: how much memory the activations may take that can be computed again.
    package init(_ decoder: Decoder, keptBytes: Int = 512 << 20) throws {
        let configuration = decoder.configuration
        self.decoder = decoder
        self.keptBytes = keptBytes
        runner = BlockRunner(configuration, crew: decoder.crew)
        let scratches = configuration.blockSizes.map { BackwardScratch(configuration, $0) }
        self.scratches = scratches
        head = HeadPass(decoder, runner: runner)
        let stream = ActivationMatrix(width: configuration.sizes.hiddenSize)
        shared = zip(configuration.blockSizes, scratches).map { sizes, scratch in
            BlockActivations(
                input: stream, output: stream, scratch: scratch, configuration, sizes)
        }
        pools = shared.map { _ in [] }
        keysAndValues = KeyValueRows.ofSources(configuration)
        keyValueGradients = KeyValueRows.ofSources(configuration)
        plan = try InterventionPlan([], configuration)
    }

    /// How many rows the last forward pass had.
    package var rowCount: Int { tokens.count }

    // MARK: - Forward

    /// Runs the sequences, each whole and without a cache, through some blocks.
    ///
    /// - Parameters:
    ///   - blocks: the blocks to run; nil for all. Where the first is not 0, each sequence brings its entry.
    ///   - interventions: applied at every token, in order.
    ///   - additions: added to each sequence after the interventions of the site; `gradientsOfAdditions` takes gradients
    ///     back to them.
    /// - Precondition: the additions' block is run, and they are of the model's width and as many as the sequences.
    /// - Throws: `ForwardError` for tokens, blocks and interventions that do not fit the model.
    package func forward(
        _ sequences: [DecoderSlice], blocks: Range<Int>? = nil, interventions: [Intervention] = [],
        additions: SequenceAdditions? = nil
    ) throws {
        let configuration = decoder.configuration
        let blocks = blocks ?? 0..<configuration.sizes.blockCount
        precondition(sequences.allSatisfy { $0.cache == nil })
        try decoder.check(sequences, blocks: blocks)
        if let additions {
            precondition(
                blocks.contains(additions.block) && additions.vectors.count == sequences.count
                    && additions.vectors.allSatisfy { $0.count == configuration.sizes.hiddenSize })
        }
        plan = try InterventionPlan(interventions, configuration)
        self.additions = additions
        self.blocks = blocks
        tokens = sequences.flatMap(\.tokens)
        restored = nil
        reserve()
        enter(sequences)
        for block in blocks {
            let activations = activations(of: block)
            mix(block, activations)
            runner.projectFeedForward(decoder.weights.blocks[block], activations, rows: rowCount)
            runner.projectDown(
                decoder.weights.blocks[block], activations, rows: rowCount, into: runner.update)
            runner.addFeedForward(
                decoder.weights.blocks[block], activations, rows: rowCount,
                changed: plan.output(at: .residPost, block: block))
            runner.end(
                decoder.weights.blocks[block], activations, rows: rowCount,
                changed: plan.output(at: .residPost, block: block))
            act(at: .residPost, block: block, on: activations.output)
        }
    }

    /// What is done to the stream at a site.
    private func act(at site: Site, block: Int, on stream: ActivationMatrix) {
        plan.apply(at: site, block: block, to: stream, rows: rowCount, runner: runner)
        additions?.apply(at: site, block: block, to: stream, sequences: sequences)
    }

    /// Makes room, and decides which blocks keep their activations: the upper ones, whose turn comes first.
    private func reserve() {
        let rowBytes = BlockActivations.keptBytesPerRow(decoder.configuration)
        let affordable = max(1, min(blocks.count, keptBytes / (rowBytes * rowCount)))
        keptBlocks = blocks.upperBound - affordable..<blocks.upperBound
        while streams.count <= blocks.count {
            streams.append(ActivationMatrix(width: decoder.configuration.sizes.hiddenSize))
        }
        for stream in streams[...blocks.count] { stream.reserve(rowCount) }
        kept = keptMemory()
        runner.reserve(rows: rowCount)
        for scratch in scratches { scratch.reserve(rows: rowCount) }
        for block in blocks {
            activations(of: block).reserve(
                rows: rowCount, for: [decoder.configuration.sizes.kind(ofBlock: block).mixer])
        }
    }

    /// Memory for each of the kept blocks.
    private func keptMemory() -> [BlockActivations] {
        let configuration = decoder.configuration
        var used = pools.map { _ in 0 }
        return keptBlocks.map { block in
            let index = configuration.sizeIndices[block]
            if used[index] == pools[index].count {
                pools[index].append(
                    BlockActivations(
                        input: streams[0], output: streams[0], scratch: scratches[index],
                        configuration, configuration.blockSizes[index]))
            }
            used[index] += 1
            return pools[index][used[index] - 1]
        }
    }

    /// The stream before the first block, and the rows' rotations.
    private func enter(_ sequences: [DecoderSlice]) {
        self.sequences = []
        let stream = streams[0]
        var first = 0
        for sequence in sequences {
            let count = sequence.tokens.count
            decoder.writeRotations(
                0..<count, sequenceLength: count, to: runner, firstRow: first)
            if blocks.lowerBound > 0 {
                sequence.entry.withUnsafeBufferPointer { entry in
                    guard let start = entry.baseAddress else { return }
                    stream.row(first).update(from: start, count: entry.count)
                }
            }
            self.sequences.append(first..<first + count)
            first += count
        }
        guard blocks.lowerBound == 0 else { return enterBehindFirst() }
        for rows in self.sequences {
            for (position, row) in rows.enumerated() {
                decoder.embed(tokens[row], at: position, into: stream.row(row))
            }
        }
        act(at: .embed, block: 0, on: stream)
        if let weights = decoder.weights.perLayer {
            runner.makeInputs(weights, tokens: tokens, from: stream)
        }
    }

    /// What blocks get beside the stream in a pass that starts behind the first: the stream there is that of the tokens.
    private func enterBehindFirst() {
        guard let weights = decoder.weights.perLayer, let perLayer = runner.perLayer else { return }
        for (row, token) in tokens.enumerated() {
            decoder.embed(token, at: 0, into: perLayer.entry.row(row))
        }
        plan.apply(at: .embed, block: 0, to: perLayer.entry, rows: rowCount, runner: runner)
        runner.makeInputs(weights, tokens: tokens, from: perLayer.entry)
    }

    /// A block's first half, and the site between the halves.
    private func mix(_ block: Int, _ activations: BlockActivations) {
        if !keptBlocks.contains(block) { restored = block }
        let weights = decoder.weights.blocks[block]
        runner.mix(weights, activations, sequences.map { MixedRows($0) })
        runner.projectMixed(weights, activations, rows: rowCount, into: runner.update)
        runner.addMixed(
            weights, activations, rows: rowCount,
            changed: plan.output(at: .residMid, block: block))
        act(at: .residMid, block: block, on: activations.middle)
    }

    private func scratch(of block: Int) -> BackwardScratch {
        scratches[decoder.configuration.sizeIndices[block]]
    }

    /// The memory of a block, over the streams on its two sides.
    private func activations(of block: Int) -> BlockActivations {
        let index = block - blocks.lowerBound
        let memory =
            keptBlocks.contains(block)
            ? kept[block - keptBlocks.lowerBound]
            : shared[decoder.configuration.sizeIndices[block]]
        return BlockActivations(
            memory, input: streams[index], output: streams[index + 1],
            shared: keysAndValues[decoder.configuration.keySource(ofBlock: block)])
    }

    // MARK: - What was computed

    /// Calls the body with one row of the residual stream, after the interventions of the site.
    ///
    /// The stream between a block's halves is computed again where the block did not keep it.
    ///
    /// - Precondition: the block was run.
    package func withStream<Result>(
        _ site: Site, block: Int, row: Int, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        precondition(blocks.contains(block))
        let stream: ActivationMatrix
        switch site {
        case .embed: stream = streams[0]
        case .residPost: stream = streams[block - blocks.lowerBound + 1]
        case .residMid:
            let activations = activations(of: block)
            if !keptBlocks.contains(block), restored != block { mix(block, activations) }
            stream = activations.middle
        }
        return try stream.withRows(row..<row + 1, body)
    }

    /// Losses on the logits of some rows, their gradients taken back through the head and the last norm.
    ///
    /// - Parameters:
    ///   - targets: the rows and what their logits are to be; the last block must have been run.
    ///   - reference: the decoder whose head gives the logits of a `LogitTarget.Kind` with a stream.
    ///   - gradients: where the gradient of the last block's output is added; nil where only the losses are wanted.
    ///   - sink: where the gradients of the last norm and the head are added.
    /// - Returns: the loss of each target, without its weight.
    package func lossesOnLogits(
        _ targets: [LogitTarget], reference: Decoder? = nil, gradients: StreamGradients? = nil,
        into sink: GradientSink = GradientSink()
    ) -> [Double] {
        precondition(blocks.upperBound == decoder.configuration.sizes.blockCount)
        return head.losses(
            targets, stream: streams[blocks.count], reference: reference,
            gradient: gradients?.rows(at: .residPost, block: blocks.upperBound - 1), sink: sink)
    }

    // MARK: - Backward

    /// Takes gradients of the residual stream back, and adds the gradients of the weights that have a place in the
    /// sink.
    package func backward(_ gradients: StreamGradients, into sink: GradientSink) {
        guard let lowest = sink.lowestBlock, let highest = gradients.highestBlock else { return }
        let gradient = gradients.scratch
        gradient.row(0).update(repeating: 0, count: rowCount * gradient.width)
        clearGradientsBetweenBlocks()
        for block in blocks.reversed() where block <= highest && block >= lowest {
            backward(block, gradient, gradients, sink, continues: block > lowest)
        }
        guard lowest < 0, blocks.lowerBound == 0 else { return }
        gradients.add(at: .embed, block: 0, to: gradient)
        addInputGradients(to: gradient, sink)
        plan.backward(at: .embed, block: 0, gradient, rows: rowCount, runner: runner)
        let scale = Float(decoder.configuration.sizes.embeddingScale)
        let width = gradient.width
        for rows in sequences {
            for (position, row) in rows.enumerated() {
                if let embedding = sink.weights[WeightRole(.tokenEmbedding)] {
                    addScaledForward(
                        embedding.floats + tokens[row] * width, scale, gradient.row(row),
                        count: width)
                }
                if let learned = sink.weights[WeightRole(.positionEmbedding)] {
                    addForward(
                        learned.floats + position * width, gradient.row(row), count: width)
                }
            }
        }
    }

    /// What goes from block to block beside the stream.
    private func clearGradientsBetweenBlocks() {
        for rows in keyValueGradients.values {
            for matrix in [rows.key, rows.value] {
                matrix.reserve(rowCount)
                matrix.clear(rowCount)
            }
        }
        runner.perLayer?.reserveBackward(rows: rowCount)
    }

    /// Takes the gradients of the blocks' own inputs back to the stream before the first block.
    private func addInputGradients(to gradient: ActivationMatrix, _ sink: GradientSink) {
        guard let weights = decoder.weights.perLayer else { return }
        runner.inputsBackward(
            weights, tokens: tokens, entry: streams[0], addedTo: gradient, sink)
    }

    /// Takes gradients of the residual stream back to what was added to the sequences.
    ///
    /// - Returns: for each sequence (hidden size): the sum of its rows' gradients where its addition acts.
    /// - Precondition: the last forward pass had additions, and no gradient is of a block below them.
    package func gradientsOfAdditions(_ gradients: StreamGradients) -> [[Float]] {
        guard let additions, let highest = gradients.highestBlock else { return [] }
        let gradient = gradients.scratch
        gradient.clear(rowCount)
        clearGradientsBetweenBlocks()
        let sink = GradientSink()
        let lowest = additions.site == .embed ? 0 : additions.block + 1
        for block in blocks.reversed() where block <= highest && block >= lowest {
            backward(block, gradient, gradients, sink, continues: true)
        }
        if additions.site == .residMid {
            backwardFeedForward(
                step(additions.block, sink, continues: true), gradient, gradients)
        }
        gradients.add(at: additions.site, block: additions.block, to: gradient)
        if additions.site == .embed { addInputGradients(to: gradient, sink) }
        return additions.gradients(from: gradient, sequences: sequences)
    }

    private func backward(
        _ block: Int, _ gradient: ActivationMatrix, _ gradients: StreamGradients,
        _ sink: GradientSink, continues: Bool
    ) {
        let step = step(block, sink, continues: continues)
        backwardFeedForward(step, gradient, gradients)
        gradients.add(at: .residMid, block: block, to: gradient)
        plan.backward(at: .residMid, block: block, gradient, rows: rowCount, runner: runner)
        let scratch = scratch(of: block)
        runner.mixBackward(step, gradient, scratch)
        if decoder.configuration.sizes.isParallel {
            runner.forEachPart(of: rowCount) { [gradient, scratch] part in
                addForward(
                    gradient.row(part.lowerBound), scratch.inputGradient.row(part.lowerBound),
                    count: part.count * gradient.width)
            }
        }
    }

    /// A block with all that its backward half reads, computed again where it was not kept.
    private func step(
        _ block: Int, _ sink: GradientSink, continues: Bool
    ) -> BlockRunner.BackwardStep {
        let weights = decoder.weights.blocks[block]
        let activations = activations(of: block)
        if !keptBlocks.contains(block) {
            if restored != block { mix(block, activations) }
            runner.projectFeedForward(weights, activations, rows: rowCount)
            if weights.perLayerInput != nil {
                runner.projectDown(weights, activations, rows: rowCount, into: runner.update)
                runner.addFeedForward(
                    weights, activations, rows: rowCount,
                    changed: plan.output(at: .residPost, block: block))
                runner.gateInput(weights, activations, rows: rowCount)
            }
        }
        return BlockRunner.BackwardStep(
            weights: weights, activations: activations, sequences: sequences, rows: rowCount,
            sharedGradients:
                keyValueGradients[decoder.configuration.keySource(ofBlock: block)], plan: plan,
            sink: sink, continues: continues)
    }

    /// The way back through a block's second half, from the stream after it to that between the halves.
    private func backwardFeedForward(
        _ step: BlockRunner.BackwardStep, _ gradient: ActivationMatrix,
        _ gradients: StreamGradients
    ) {
        let block = step.weights.index
        gradients.add(at: .residPost, block: block, to: gradient)
        plan.backward(at: .residPost, block: block, gradient, rows: rowCount, runner: runner)
        let scratch = scratch(of: block)
        runner.endBackward(step, gradient, scratch)
        runner.feedForwardBackward(step, gradient, scratch)
    }
}
