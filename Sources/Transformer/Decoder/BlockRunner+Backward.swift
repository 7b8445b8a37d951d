import Formats

extension BlockRunner {
    /// A block on the way back: what it computed, and where its weights' gradients go.
    struct BackwardStep {
        let index: Int
        let weights: BlockWeights
        let activations: BlockActivations
        /// The packed sequences' rows.
        let sequences: [Range<Int>]
        let rows: Int
        let sink: GradientSink
        /// Whether anything below the block wants its gradient.
        let continues: Bool
    }

    /// Takes the gradient of a block's output, in `gradient`, back to that of its middle, in place.
    func feedForwardBackward(
        _ step: BackwardStep, _ gradient: ActivationMatrix, _ scratch: BackwardScratch
    ) {
        let (rows, activations) = (step.rows, step.activations)
        let down = role(step, .feedForwardDown)
        if step.sink.wants(down) { activate(activations, rows: rows) }
        projectBackward(
            rows, step.weights.down, down, input: activations.gated, outputGradient: gradient,
            into: scratch.gateGradient, accumulating: false, step.sink)
        let width = activations.gate.width
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            swiGLUBackward(
                scratch.gateGradient.row(first), upGradient: scratch.upGradient.row(first),
                outputGradient: scratch.gateGradient.row(first), gate: activations.gate.row(first),
                up: activations.up.row(first), count: part.count * width)
        }
        let (gate, up) = (role(step, .feedForwardGate), role(step, .feedForwardUp))
        if step.sink.wants(gate) || step.sink.wants(up) {
            norm(
                rows, step.weights.feedForwardNorm, from: activations.middle, into: scratch.normed)
        }
        projectBackward(
            rows, step.weights.gate, gate, input: scratch.normed,
            outputGradient: scratch.gateGradient, into: scratch.normedGradient,
            accumulating: false, step.sink)
        projectBackward(
            rows, step.weights.up, up, input: scratch.normed, outputGradient: scratch.upGradient,
            into: scratch.normedGradient, accumulating: true, step.sink)
        normBackward(
            rows, step.weights.feedForwardNorm, role(step, .feedForwardNorm),
            input: activations.middle, outputGradient: scratch.normedGradient, addedTo: gradient,
            step.sink)
    }

    /// Takes the gradient of a block's middle, in `gradient`, back to that of its input, in place.
    func attentionBackward(
        _ step: BackwardStep, _ gradient: ActivationMatrix, _ scratch: BackwardScratch
    ) {
        let (rows, activations) = (step.rows, step.activations)
        projectBackward(
            rows, step.weights.attentionOutput, role(step, .attentionOutput),
            input: activations.attention, outputGradient: gradient,
            into: scratch.attentionGradient, accumulating: false, step.sink)
        let norm = role(step, .attentionNorm)
        let projections = [
            (step.weights.query, role(step, .attentionQuery), scratch.queryGradient),
            (step.weights.key, role(step, .attentionKey), scratch.keyGradient),
            (step.weights.value, role(step, .attentionValue), scratch.valueGradient),
        ]
        let wantsWeights = projections.contains { step.sink.wants($0.1) }
        let wantsInput = step.continues || step.sink.wants(norm)
        guard wantsWeights || wantsInput else { return }
        Transformer.attentionBackward(
            scratch.queryGradient.row(0), keyGradient: scratch.keyGradient.row(0),
            valueGradient: scratch.valueGradient.row(0),
            outputGradient: scratch.attentionGradient.row(0), query: activations.query.row(0),
            keys: activations.key.row(0), values: activations.value.row(0),
            output: activations.attention.row(0), shape: configuration.attention,
            sequences: step.sequences, crew: crew)
        forEachPart(of: rows) { part in
            rotateBack(part, scratch.queryGradient, heads: configuration.sizes.headCount)
            rotateBack(part, scratch.keyGradient, heads: configuration.sizes.keyValueHeadCount)
        }
        if wantsWeights {
            self.norm(
                rows, step.weights.attentionNorm, from: activations.input, into: scratch.normed)
        }
        for (index, (projection, role, outputGradient)) in projections.enumerated() {
            projectBackward(
                rows, projection, role, input: scratch.normed, outputGradient: outputGradient,
                into: wantsInput ? scratch.normedGradient : nil, accumulating: index > 0, step.sink)
        }
        guard wantsInput else { return }
        normBackward(
            rows, step.weights.attentionNorm, norm, input: activations.input,
            outputGradient: scratch.normedGradient, addedTo: gradient, step.sink)
    }

    private func role(_ step: BackwardStep, _ slot: BlockSlot) -> WeightRole {
        .block(step.index, slot)
    }

    // MARK: - Layers

    /// Takes a projection's gradient back to its input, where that is wanted, and to its weights.
    ///
    /// - Parameters:
    ///   - input: read only where a gradient of the weights is wanted.
    ///   - inputGradient: nil where only the weights' gradients are wanted.
    func projectBackward(
        _ rows: Int, _ projection: Projection, _ role: WeightRole, input: ActivationMatrix,
        outputGradient: ActivationMatrix, into inputGradient: ActivationMatrix?,
        accumulating: Bool, _ sink: GradientSink
    ) {
        if let inputGradient {
            projection.weight.multiplyBackward(
                inputGradient.row(0), outputGradient: outputGradient.row(0), tokens: rows,
                accumulating: accumulating, crew: crew)
        }
        projection.adapter?.addBackward(
            inputGradient?.row(0), outputGradient: outputGradient.row(0), input: input.row(0),
            tokens: rows, factors: sink.factors[role], crew: crew)
        if let gradient = sink.weights[role] {
            weightGradientBackward(
                gradient.floats, outputGradient: outputGradient.row(0), input: input.row(0),
                rows: projection.weight.rows, columns: projection.weight.columns, tokens: rows,
                crew: crew)
        }
        if let gradient = sink.weights[WeightRole(role.slot, .bias)] {
            biasGradientBackward(
                gradient.floats, outputGradient: outputGradient.row(0), rows: gradient.count,
                tokens: rows, crew: crew)
        }
    }

    func normBackward(
        _ rows: Int, _ weight: FloatBuffer, _ role: WeightRole, input: ActivationMatrix,
        outputGradient: ActivationMatrix, addedTo gradient: ActivationMatrix, _ sink: GradientSink
    ) {
        rmsNormBackward(
            gradient.row(0), weightGradient: sink.weights[role]?.floats,
            outputGradient: outputGradient.row(0), input: input.row(0), weight: weight.floats,
            epsilon: configuration.sizes.normEpsilon, rows: rows, width: input.width, crew: crew)
    }

    private func rotateBack(_ part: Range<Int>, _ values: ActivationMatrix, heads: Int) {
        rotaryBackward(
            values.row(part.lowerBound), cosines: cosine.row(part.lowerBound),
            sines: sine.row(part.lowerBound), pairing: configuration.ropePairing,
            tokens: part.count, heads: heads, headSize: configuration.sizes.headSize,
            pairs: cosine.width)
    }
}
