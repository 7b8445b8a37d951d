import Formats

/// The arithmetic of a block over packed rows, forward and backward. What differs between families is read off the
/// configuration and the weights that are there; the halves are in `BlockRunner+Attention.swift` and
/// `BlockRunner+FeedForward.swift`, each with its mirror.
///
/// Rows are shared out among the crew in parts of fixed size, so that results do not depend on the number of threads.
struct BlockRunner: Sendable {
    let configuration: DecoderConfiguration
    let crew: WorkCrew
    /// The rows' rotations by each rotary embedding of the configuration.
    let rotations: [Rotations]
    /// (R, 1): what rows' queries are multiplied by; nil where they do not grow with their position.
    let queryFactors: ActivationMatrix?
    /// (R, D): what a sub-layer adds to the stream.
    let update: ActivationMatrix
    /// (R, Q + 2K): queries, keys and values of one matrix, by the sizes of blocks.
    let fusedHeads: [ActivationMatrix]
    /// (R, 2Q): queries and the gate on attention's output of one matrix, by the sizes of blocks.
    let fusedQueryGate: [ActivationMatrix]
    /// (R, 2F): gate and up of one matrix, by the sizes of blocks.
    let fusedGateUp: [ActivationMatrix]

    /// Gated delta nets' projections in one matrix.
    let fusedDelta: FusedDeltaMemory
    /// The blocks' inputs beside the stream, where there are any.
    let perLayer: PerLayerMemory?
    /// Memory of the experts, where there are any.
    let mixture: MixtureMemory?
    /// Looks at what weights are multiplied with; nil where nobody asks.
    var inputSquares: InputSquares?

    /// Cosines and sines of rows: (R, P), P rotated pairs.
    struct Rotations: Sendable {
        let cosine: ActivationMatrix
        let sine: ActivationMatrix

        init(pairs: Int) {
            cosine = ActivationMatrix(width: pairs)
            sine = ActivationMatrix(width: pairs)
        }
    }

    /// Rows that one thread works on at a time: some microseconds of work.
    private static let rowsPerPart = 16

    init(_ configuration: DecoderConfiguration, crew: WorkCrew) {
        self.configuration = configuration
        self.crew = crew
        rotations = configuration.ropes.map { Rotations(pairs: $0.dimensions / 2) }
        queryFactors = configuration.sizes.queryGrowth.map { _ in ActivationMatrix(width: 1) }
        update = ActivationMatrix(width: configuration.sizes.hiddenSize)
        fusedHeads = configuration.blockSizes.map {
            ActivationMatrix(width: $0.queryWidth + 2 * $0.keyValueWidth)
        }
        fusedDelta = FusedDeltaMemory(configuration.deltaRule)
        fusedQueryGate = configuration.blockSizes.map {
            ActivationMatrix(width: 2 * $0.queryWidth)
        }
        perLayer = configuration.sizes.perLayerInputSize.map {
            PerLayerMemory(width: $0, configuration.sizes)
        }
        mixture = configuration.sizes.experts.map {
            MixtureMemory(
                $0, sizes: configuration.sizes, isFused: configuration.fusedExperts != nil)
        }
        fusedGateUp = configuration.blockSizes.map {
            ActivationMatrix(width: 2 * configuration.innerWidth($0))
        }
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        update.reserve(rows)
        queryFactors?.reserve(rows)
        perLayer?.reserve(rows: rows)
        fusedDelta.reserve(rows: rows)
        for matrix in rotations.flatMap({ [$0.cosine, $0.sine] }) { matrix.reserve(rows) }
        if configuration.slots.contains(.attentionQueryKeyValue) {
            for matrix in fusedHeads { matrix.reserve(rows) }
        }
        if configuration.slots.contains(.attentionQueryGate) {
            for matrix in fusedQueryGate { matrix.reserve(rows) }
        }
        if configuration.slots.contains(.feedForwardGateUp) {
            for matrix in fusedGateUp { matrix.reserve(rows) }
        }
    }

    // MARK: - Layers

    /// output = norm(input)
    ///
    /// - Returns: what the layer after it reads: the output, or the input where there is no norm.
    @discardableResult
    func norm(
        _ rows: Int, _ weights: NormWeights?, from input: ActivationMatrix,
        into output: ActivationMatrix
    ) -> ActivationMatrix {
        guard let weights else { return input }
        forEachPart(of: rows) { part in
            norm(
                part.count, weights, from: input.row(part.lowerBound),
                into: output.row(part.lowerBound), width: input.width)
        }
        return output
    }

    /// The same for rows that lie side by side in memory.
    func norm(
        _ rows: Int, _ weights: NormWeights, from input: UnsafePointer<Float>,
        into output: UnsafeMutablePointer<Float>, width: Int
    ) {
        let epsilon = configuration.sizes.normEpsilon
        switch configuration.norm {
        case .rms:
            rmsNormForward(
                output, input, weight: weights.weight.floats, epsilon: epsilon, rows: rows,
                width: width)
        case .layer:
            layerNormForward(
                output, input, weight: weights.weight.floats, bias: weights.bias?.floats,
                epsilon: epsilon, rows: rows, width: width)
        }
    }

    func project(
        _ rows: Int, _ projection: Projection, from input: ActivationMatrix,
        into output: ActivationMatrix
    ) {
        inputSquares?.add(rows, of: input, to: projection, crew: crew)
        projection.weight.multiply(input.row(0), tokens: rows, into: output.row(0), crew: crew)
        projection.adapter?.addForward(
            output.row(0), input: input.row(0), tokens: rows, crew: crew)
        guard let bias = projection.bias else { return }
        forEachPart(of: rows) { part in
            for row in part { addForward(output.row(row), bias.floats, count: bias.count) }
        }
    }

    /// logits = cap(scale · head(input))
    func projectLogits(
        _ rows: Int, _ head: Projection, from input: ActivationMatrix,
        into logits: ActivationMatrix
    ) {
        project(rows, head, from: input, into: logits)
        let scale = Float(configuration.sizes.logitScale)
        let cap = configuration.sizes.logitCap.map(Float.init)
        guard scale != 1 || cap != nil else { return }
        crew.run(rows) { row in
            if scale != 1 { scaleForward(logits.row(row), by: scale, count: logits.width) }
            if let cap { softCapForward(logits.row(row), cap: cap, count: logits.width) }
        }
    }

    /// output = stream + scale · change(norm(update)); the two streams may be one.
    func addUpdate(
        _ rows: Int, norm weights: NormWeights?, changed change: InterventionPlan.OutputChange,
        to stream: ActivationMatrix, into output: ActivationMatrix
    ) {
        norm(rows, weights, from: update, into: update)
        let scale = change.factor * Float(configuration.sizes.residualScale)
        forEachPart(of: rows) { part in
            for row in part { change.remove(from: update.row(row), width: update.width) }
            let (first, count) = (part.lowerBound, part.count * stream.width)
            if output !== stream {
                output.row(first).update(from: stream.row(first), count: count)
            }
            if scale == 1 {
                addForward(output.row(first), update.row(first), count: count)
            } else {
                addScaledForward(output.row(first), scale, update.row(first), count: count)
            }
        }
    }

    /// Runs the body on parts of the rows, which together are all of them.
    func forEachPart(of rows: Int, _ body: @Sendable (Range<Int>) -> Void) {
        crew.run((rows + Self.rowsPerPart - 1) / Self.rowsPerPart) { part in
            let first = part * Self.rowsPerPart
            body(first..<min(rows, first + Self.rowsPerPart))
        }
    }
}
