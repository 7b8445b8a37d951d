import Formats

/// What one block computes for the rows of a chunk. A pass that goes forward only lets several names share memory; one
/// that goes back keeps what the backward half reads.
///
/// Letters: R rows of the chunk, D hidden size, Q width of all query heads, K width of all key heads,
/// F feed-forward size.
struct BlockActivations {
    /// (R, D): the residual stream before the block.
    let input: ActivationMatrix
    /// (R, D): the input after attention's norm.
    let normed: ActivationMatrix
    /// (R, Q): before the heads' norm, where the family has one; else the same as `query`, like `rawKey` and `key`.
    let rawQuery: ActivationMatrix
    /// (R, K)
    let rawKey: ActivationMatrix
    /// (R, Q), rotated
    let query: ActivationMatrix
    /// (R, K), rotated
    let key: ActivationMatrix
    /// (R, K)
    let value: ActivationMatrix
    /// (R, Q): the heads' outputs.
    let attention: ActivationMatrix
    /// (R, D): the stream between attention and the feed-forward part.
    let middle: ActivationMatrix
    /// (R, F): before its activation; the same as `up` where the family has no gate.
    let gate: ActivationMatrix
    /// (R, F)
    let up: ActivationMatrix
    /// (R, F): what the last projection of the feed-forward part reads.
    let gated: ActivationMatrix
    /// (R, D): the stream after the block.
    let output: ActivationMatrix

    /// Activations of a pass that goes forward only.
    init(stream: ActivationMatrix, _ configuration: DecoderConfiguration) {
        let widths = Widths(configuration)
        let up = ActivationMatrix(width: widths.inner)
        let gate = widths.hasGate ? ActivationMatrix(width: widths.inner) : up
        let query = ActivationMatrix(width: configuration.queryWidth)
        let key = ActivationMatrix(width: configuration.keyValueWidth)
        // A parallel block reads its input once more after attention.
        let isParallel = configuration.sizes.isParallel
        self.init(
            input: stream, middle: isParallel ? ActivationMatrix(width: stream.width) : stream,
            output: stream, normed: ActivationMatrix(width: stream.width), rawQuery: query,
            rawKey: key, query: query, key: key, gate: gate, up: up, gated: gate, configuration)
    }

    /// Activations that are kept for the way back, with streams of their own.
    ///
    /// - Parameter scratch: lends what is cheap to compute again.
    init(
        input: ActivationMatrix, output: ActivationMatrix, scratch: BackwardScratch,
        _ configuration: DecoderConfiguration
    ) {
        let widths = Widths(configuration)
        let up = ActivationMatrix(width: widths.inner)
        let query = ActivationMatrix(width: configuration.queryWidth)
        let key = ActivationMatrix(width: configuration.keyValueWidth)
        self.init(
            input: input, middle: ActivationMatrix(width: input.width), output: output,
            normed: scratch.normed,
            rawQuery: widths.normsQueries ? ActivationMatrix(width: query.width) : query,
            rawKey: widths.normsKeys ? ActivationMatrix(width: key.width) : key,
            query: query, key: key,
            gate: widths.hasGate ? ActivationMatrix(width: widths.inner) : up, up: up,
            gated: scratch.gated, configuration)
    }

    private init(
        input: ActivationMatrix, middle: ActivationMatrix, output: ActivationMatrix,
        normed: ActivationMatrix, rawQuery: ActivationMatrix, rawKey: ActivationMatrix,
        query: ActivationMatrix, key: ActivationMatrix, gate: ActivationMatrix,
        up: ActivationMatrix, gated: ActivationMatrix, _ configuration: DecoderConfiguration
    ) {
        self.input = input
        self.middle = middle
        self.output = output
        self.normed = normed
        self.rawQuery = rawQuery
        self.rawKey = rawKey
        self.query = query
        self.key = key
        value = ActivationMatrix(width: configuration.keyValueWidth)
        attention = ActivationMatrix(width: configuration.queryWidth)
        self.gate = gate
        self.up = up
        self.gated = gated
    }

    /// The same memory for another block's streams.
    init(_ other: BlockActivations, input: ActivationMatrix, output: ActivationMatrix) {
        self.input = input
        self.output = output
        normed = other.normed
        rawQuery = other.rawQuery
        rawKey = other.rawKey
        query = other.query
        key = other.key
        value = other.value
        attention = other.attention
        middle = other.middle
        gate = other.gate
        up = other.up
        gated = other.gated
    }

    /// Bytes a row takes in what a block keeps for itself.
    static func keptBytesPerRow(_ configuration: DecoderConfiguration) -> Int {
        let widths = Widths(configuration)
        let floats =
            configuration.sizes.hiddenSize
            + configuration.queryWidth * (widths.normsQueries ? 3 : 2)
            + configuration.keyValueWidth * (widths.normsKeys ? 3 : 2)
            + widths.inner * (widths.hasGate ? 2 : 1)
        return floats * MemoryLayout<Float>.stride
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [
            input, normed, rawQuery, rawKey, query, key, value, attention, middle, gate, up, gated,
            output,
        ] {
            matrix.reserve(rows)
        }
    }

    /// What a family's blocks need room for.
    private struct Widths {
        /// Of the feed-forward part; 1 for mixtures, which keep nothing of their experts.
        let inner: Int
        let hasGate: Bool
        let normsQueries: Bool
        let normsKeys: Bool

        init(_ configuration: DecoderConfiguration) {
            let slots = configuration.slots
            inner = configuration.innerWidth
            hasGate = slots.contains(.feedForwardGate) || slots.contains(.feedForwardGateUp)
            normsQueries = slots.contains(.attentionQueryNorm)
            normsKeys = slots.contains(.attentionKeyNorm)
        }
    }
}

/// Memory of a backward pass that every block uses anew.
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
    /// (R, Q)
    let attentionGradient: ActivationMatrix
    /// (R, Q)
    let queryGradient: ActivationMatrix
    /// (R, K)
    let keyGradient: ActivationMatrix
    /// (R, K)
    let valueGradient: ActivationMatrix
    /// (R, Q): before the heads' norm.
    let rawQueryGradient: ActivationMatrix
    /// (R, K)
    let rawKeyGradient: ActivationMatrix
    /// (R, Q + 2K)
    let headsGradient: ActivationMatrix
    /// (R, F)
    let gateGradient: ActivationMatrix
    /// (R, F)
    let upGradient: ActivationMatrix
    /// (R, 2F)
    let gateUpGradient: ActivationMatrix
    private let used: [ActivationMatrix]

    init(_ configuration: DecoderConfiguration) {
        let (slots, hidden) = (configuration.slots, configuration.sizes.hiddenSize)
        let (query, key) = (configuration.queryWidth, configuration.keyValueWidth)
        let inner = configuration.innerWidth
        var used: [ActivationMatrix] = []
        /// A matrix that is given room where the family needs it.
        func matrix(_ width: Int, where isUsed: Bool = true) -> ActivationMatrix {
            let matrix = ActivationMatrix(width: width)
            if isUsed { used.append(matrix) }
            return matrix
        }
        let normsUpdates =
            slots.contains(.attentionPostNorm) || slots.contains(.feedForwardPostNorm)
        let isFused = slots.contains(.attentionQueryKeyValue)
        let normsHeads = slots.contains(.attentionQueryNorm)
        normed = matrix(hidden)
        gated = matrix(inner)
        raw = matrix(hidden, where: normsUpdates)
        normedGradient = matrix(hidden)
        updateGradient = matrix(hidden, where: configuration.sizes.residualScale != 1)
        rawGradient = matrix(hidden, where: normsUpdates)
        inputGradient = matrix(hidden, where: configuration.sizes.isParallel)
        attentionGradient = matrix(query)
        queryGradient = matrix(query)
        keyGradient = matrix(key)
        valueGradient = matrix(key)
        rawQueryGradient = matrix(query, where: normsHeads)
        rawKeyGradient = matrix(key, where: normsHeads)
        headsGradient = matrix(query + 2 * key, where: isFused)
        gateGradient = matrix(inner)
        upGradient = matrix(inner)
        gateUpGradient = matrix(2 * inner, where: slots.contains(.feedForwardGateUp))
        self.used = used
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in used { matrix.reserve(rows) }
    }
}
