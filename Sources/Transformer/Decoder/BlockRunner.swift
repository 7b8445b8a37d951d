import Formats

/// The arithmetic of a block's forward half over packed rows. It reads as transformers' `LlamaDecoderLayer.forward`
/// does; `BlockRunner+Backward.swift` is its mirror.
///
/// Rows are shared out among the crew in parts of fixed size, so that results do not depend on the number of threads.
struct BlockRunner {
    let configuration: DecoderConfiguration
    let crew: WorkCrew
    /// (R, P): the rows' rotations, P rotated pairs.
    let cosine: ActivationMatrix
    /// (R, P)
    let sine: ActivationMatrix
    /// (R, D): what a sub-layer adds to the stream.
    let update: ActivationMatrix

    /// Rows that one thread works on at a time: some microseconds of work.
    private static let rowsPerPart = 16

    init(_ configuration: DecoderConfiguration, crew: WorkCrew) {
        self.configuration = configuration
        self.crew = crew
        cosine = ActivationMatrix(width: configuration.sizes.rope.dimensions / 2)
        sine = ActivationMatrix(width: configuration.sizes.rope.dimensions / 2)
        update = ActivationMatrix(width: configuration.sizes.hiddenSize)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [cosine, sine, update] { matrix.reserve(rows) }
    }

    // MARK: - Sub-layers

    /// query, key = rope(q(n)), rope(k(n)), value = v(n), n = norm(input)
    func projectHeads(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        norm(rows, block.attentionNorm, from: activations.input, into: activations.normed)
        project(rows, block.query, from: activations.normed, into: activations.query)
        project(rows, block.key, from: activations.normed, into: activations.key)
        project(rows, block.value, from: activations.normed, into: activations.value)
        forEachPart(of: rows) { part in
            rotate(part, activations.query, heads: configuration.sizes.headCount)
            rotate(part, activations.key, heads: configuration.sizes.keyValueHeadCount)
        }
    }

    /// middle = input + o(attention)
    func addAttention(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        project(rows, block.attentionOutput, from: activations.attention, into: update)
        addUpdate(rows, to: activations.input, into: activations.middle)
    }

    /// gate, up = gate(n), up(n), n = norm(middle)
    func projectFeedForward(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        norm(rows, block.feedForwardNorm, from: activations.middle, into: activations.normedMiddle)
        project(rows, block.gate, from: activations.normedMiddle, into: activations.gate)
        project(rows, block.up, from: activations.normedMiddle, into: activations.up)
    }

    /// output = middle + down(silu(gate) · up)
    func addFeedForward(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        activate(activations, rows: rows)
        project(rows, block.down, from: activations.gated, into: update)
        addUpdate(rows, to: activations.middle, into: activations.output)
    }

    // MARK: - Layers

    /// gated = silu(gate) · up
    func activate(_ activations: BlockActivations, rows: Int) {
        let width = activations.gate.width
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            swiGLUForward(
                activations.gated.row(first), gate: activations.gate.row(first),
                up: activations.up.row(first), count: part.count * width)
        }
    }

    func norm(
        _ rows: Int, _ weight: FloatBuffer, from input: ActivationMatrix,
        into output: ActivationMatrix
    ) {
        forEachPart(of: rows) { part in
            rmsNormForward(
                output.row(part.lowerBound), input.row(part.lowerBound), weight: weight.floats,
                epsilon: configuration.sizes.normEpsilon, rows: part.count, width: input.width)
        }
    }

    func project(
        _ rows: Int, _ projection: Projection, from input: ActivationMatrix,
        into output: ActivationMatrix
    ) {
        projection.weight.multiply(input.row(0), tokens: rows, into: output.row(0), crew: crew)
        projection.adapter?.addForward(
            output.row(0), input: input.row(0), tokens: rows, crew: crew)
        guard let bias = projection.bias else { return }
        forEachPart(of: rows) { part in
            for row in part { addForward(output.row(row), bias.floats, count: bias.count) }
        }
    }

    private func rotate(_ part: Range<Int>, _ values: ActivationMatrix, heads: Int) {
        rotaryForward(
            values.row(part.lowerBound), cosines: cosine.row(part.lowerBound),
            sines: sine.row(part.lowerBound), pairing: configuration.ropePairing,
            tokens: part.count, heads: heads, headSize: configuration.sizes.headSize,
            pairs: cosine.width)
    }

    /// output = stream + update; the two streams may be one.
    private func addUpdate(
        _ rows: Int, to stream: ActivationMatrix, into output: ActivationMatrix
    ) {
        forEachPart(of: rows) { part in
            let (first, count) = (part.lowerBound, part.count * stream.width)
            if output !== stream {
                output.row(first).update(from: stream.row(first), count: count)
            }
            addForward(output.row(first), update.row(first), count: count)
        }
    }

    /// Runs the body on parts of the rows, which together are all of them.
    func forEachPart(of rows: Int, _ body: (Range<Int>) -> Void) {
        crew.run((rows + Self.rowsPerPart - 1) / Self.rowsPerPart) { part in
            let first = part * Self.rowsPerPart
            body(first..<min(rows, first + Self.rowsPerPart))
        }
    }
}
