import Formats

/// What one block computes for the rows of a chunk. A pass that goes forward only lets several names share memory; one
/// that goes back keeps what the backward half reads.
///
/// Letters: R rows of the chunk, D hidden size, F feed-forward size.
struct BlockActivations {
    /// (R, D): the residual stream before the block.
    let input: ActivationMatrix
    /// (R, D): the input after the mixer's norm.
    let normed: ActivationMatrix
    /// What attention computes, where it is what mixes the block's tokens.
    let attention: AttentionActivations
    /// What a short convolution computes, where it does.
    let convolution: ConvolutionActivations
    /// What a gated delta net computes, where it does.
    let deltaNet: DeltaNetActivations
    /// (R, D): the stream between the mixer and the feed-forward part.
    let middle: ActivationMatrix
    /// (R, F): before its activation; the same as `up` where the family has no gate.
    let gate: ActivationMatrix
    /// (R, F)
    let up: ActivationMatrix
    /// (R, F): what the last projection of the feed-forward part reads.
    let gated: ActivationMatrix
    /// (R, D): the stream after the feed-forward part; the same as `output` where the block has no input of its own.
    let ended: ActivationMatrix
    /// (R, P): what the block multiplies its own input with, before the activation, P the input's width.
    let perLayerGate: ActivationMatrix
    /// (R, D): the stream after the block.
    let output: ActivationMatrix

    /// Activations of a pass that goes forward only.
    init(stream: ActivationMatrix, _ configuration: DecoderConfiguration, _ sizes: BlockSizes) {
        let widths = Widths(configuration, sizes)
        let up = ActivationMatrix(width: widths.inner)
        let gate = widths.hasGate ? ActivationMatrix(width: widths.inner) : up
        // A parallel block reads its input once more after attention.
        let isParallel = configuration.sizes.isParallel
        self.init(
            input: stream, middle: isParallel ? ActivationMatrix(width: stream.width) : stream,
            output: stream, normed: ActivationMatrix(width: stream.width),
            attention: AttentionActivations(configuration, sizes, isKept: false),
            convolution: ConvolutionActivations(configuration, isKept: false),
            deltaNet: DeltaNetActivations(configuration, isKept: false), gate: gate, up: up,
            gated: gate, ended: stream, perLayerGate: ActivationMatrix(width: widths.perLayerInput))
    }

    /// Activations that are kept for the way back, with streams of their own.
    ///
    /// - Parameter scratch: lends what is cheap to compute again.
    init(
        input: ActivationMatrix, output: ActivationMatrix, scratch: BackwardScratch,
        _ configuration: DecoderConfiguration, _ sizes: BlockSizes
    ) {
        let widths = Widths(configuration, sizes)
        let up = ActivationMatrix(width: widths.inner)
        self.init(
            input: input, middle: ActivationMatrix(width: input.width), output: output,
            normed: scratch.normed,
            attention: AttentionActivations(configuration, sizes, isKept: true),
            convolution: ConvolutionActivations(configuration, isKept: true),
            deltaNet: DeltaNetActivations(configuration, isKept: true),
            gate: widths.hasGate ? ActivationMatrix(width: widths.inner) : up, up: up,
            gated: scratch.gated,
            ended: widths.perLayerInput > 0 ? ActivationMatrix(width: input.width) : output,
            perLayerGate: ActivationMatrix(width: widths.perLayerInput))
    }

    private init(
        input: ActivationMatrix, middle: ActivationMatrix, output: ActivationMatrix,
        normed: ActivationMatrix, attention: AttentionActivations,
        convolution: ConvolutionActivations, deltaNet: DeltaNetActivations,
        gate: ActivationMatrix, up: ActivationMatrix, gated: ActivationMatrix,
        ended: ActivationMatrix, perLayerGate: ActivationMatrix
    ) {
        self.input = input
        self.middle = middle
        self.output = output
        self.normed = normed
        self.attention = attention
        self.convolution = convolution
        self.deltaNet = deltaNet
        self.gate = gate
        self.up = up
        self.gated = gated
        self.ended = ended
        self.perLayerGate = perLayerGate
    }

    /// The same memory for another block's streams, and for keys and values that other blocks read too.
    init(
        _ other: BlockActivations, input: ActivationMatrix, output: ActivationMatrix,
        shared: KeyValueRows? = nil
    ) {
        self.input = input
        self.output = output
        ended = other.ended === other.output ? output : other.ended
        perLayerGate = other.perLayerGate
        normed = other.normed
        attention = shared.map { AttentionActivations(other.attention, $0) } ?? other.attention
        convolution = other.convolution
        deltaNet = other.deltaNet
        middle = other.middle
        gate = other.gate
        up = other.up
        gated = other.gated
    }

    /// Bytes a row takes in what a block keeps for itself, in the largest of the blocks.
    static func keptBytesPerRow(_ configuration: DecoderConfiguration) -> Int {
        let floats = configuration.blockSizes.map { sizes in
            let widths = Widths(configuration, sizes)
            let mixers = configuration.mixers.map { keptFloatsPerRow($0, configuration, sizes) }
            return configuration.sizes.hiddenSize + (mixers.max() ?? 0)
                + widths.inner * (widths.hasGate ? 2 : 1)
                + (widths.perLayerInput > 0
                    ? configuration.sizes.hiddenSize + widths.perLayerInput : 0)
        }
        return (floats.max() ?? 0) * MemoryLayout<Float>.stride
    }

    private static func keptFloatsPerRow(
        _ mixer: BlockKind.Mixer, _ configuration: DecoderConfiguration, _ sizes: BlockSizes
    ) -> Int {
        switch mixer {
        case .attention: AttentionActivations.floatsPerRow(configuration, sizes)
        case .shortConvolution: ConvolutionActivations.floatsPerRow(configuration)
        case .deltaNet: DeltaNetActivations.floatsPerRow(configuration)
        }
    }

    /// Makes room for this many rows, in blocks whose tokens are mixed so.
    func reserve(rows: Int, for mixers: Set<BlockKind.Mixer>) {
        for matrix in [input, normed, middle, gate, up, gated, ended, perLayerGate, output] {
            matrix.reserve(rows)
        }
        for mixer in mixers {
            switch mixer {
            case .attention: attention.reserve(rows: rows)
            case .shortConvolution: convolution.reserve(rows: rows)
            case .deltaNet: deltaNet.reserve(rows: rows)
            }
        }
    }

    /// What blocks of these sizes need room for.
    private struct Widths {
        /// Of the feed-forward part; 1 for mixtures, which keep nothing of their experts.
        let inner: Int
        let hasGate: Bool
        /// 0 where blocks have no input of their own.
        let perLayerInput: Int

        init(_ configuration: DecoderConfiguration, _ sizes: BlockSizes) {
            let slots = configuration.slots
            inner = configuration.innerWidth(sizes)
            perLayerInput = configuration.sizes.perLayerInputSize ?? 0
            hasGate = slots.contains(.feedForwardGate) || slots.contains(.feedForwardGateUp)
        }
    }
}

/// Memory of a backward pass that every block of the same sizes uses anew.
///
/// Letters as in `BlockActivations`.
final class BackwardScratch: Sendable {
    /// (R, D): a norm's output, computed again.
    let normed: ActivationMatrix
    /// (R, F): the gated activation, computed again.
    let gated: ActivationMatrix
    /// (R, D): a sub-layer's output before its norm, computed again.
    let raw: ActivationMatrix
    /// (R, D): the gradient of a norm's output.
    let normedGradient: ActivationMatrix
    /// (R, D): the gradient of what a sub-layer adds to the stream.
    let updateGradient: ActivationMatrix
    /// (R, D): the same before the sub-layer's norm.
    let rawGradient: ActivationMatrix
    /// (R, D): what a parallel block's feed-forward part adds to the gradient of the block's input.
    let inputGradient: ActivationMatrix
    /// What attention needs, where it mixes the tokens of a block.
    let attention: AttentionGradients
    /// The same of a short convolution.
    let convolution: ConvolutionGradients
    /// The same of a gated delta net.
    let deltaNet: DeltaNetGradients
    /// (R, F)
    let gateGradient: ActivationMatrix
    /// (R, F)
    let upGradient: ActivationMatrix
    /// (R, 2F)
    let gateUpGradient: ActivationMatrix
    private let used: [ActivationMatrix]
    private let mixers: Set<BlockKind.Mixer>

    init(_ configuration: DecoderConfiguration, _ sizes: BlockSizes) {
        let (slots, hidden) = (configuration.slots, configuration.sizes.hiddenSize)
        let inner = configuration.innerWidth(sizes)
        var used: [ActivationMatrix] = []
        /// A matrix that is given room where the family needs it.
        func matrix(_ width: Int, where isUsed: Bool = true) -> ActivationMatrix {
            let matrix = ActivationMatrix(width: width)
            if isUsed { used.append(matrix) }
            return matrix
        }
        let normsUpdates =
            slots.contains(.attentionPostNorm) || slots.contains(.feedForwardPostNorm)
        normed = matrix(hidden)
        gated = matrix(inner)
        raw = matrix(hidden, where: normsUpdates)
        normedGradient = matrix(hidden)
        updateGradient = matrix(hidden, where: configuration.sizes.residualScale != 1)
        rawGradient = matrix(hidden, where: normsUpdates)
        inputGradient = matrix(hidden, where: configuration.sizes.isParallel)
        attention = AttentionGradients(configuration, sizes)
        convolution = ConvolutionGradients(configuration)
        deltaNet = DeltaNetGradients(configuration)
        gateGradient = matrix(inner)
        upGradient = matrix(inner)
        gateUpGradient = matrix(2 * inner, where: slots.contains(.feedForwardGateUp))
        self.used = used
        mixers = configuration.mixers
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in used { matrix.reserve(rows) }
        for mixer in mixers {
            switch mixer {
            case .attention: attention.reserve(rows: rows)
            case .shortConvolution: convolution.reserve(rows: rows)
            case .deltaNet: deltaNet.reserve(rows: rows)
            }
        }
    }
}
