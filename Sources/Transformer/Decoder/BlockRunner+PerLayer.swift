import Formats

/// Inputs of each block beside the stream (Gemma 4): a row of a table for the token, and a projection of the stream before the
/// first block. At its end a block gates its input by the stream and adds what it makes of that; then it may scale the stream.
extension BlockRunner {
    // MARK: - Forward

    /// input of each block = (norm(projection(entry) / √D) + √P · embedding[token]) / √2
    ///
    /// - Parameters:
    ///   - tokens: of each row.
    ///   - entry: (R, D), the stream before the first block.
    func makeInputs(_ weights: PerLayerWeights, tokens: [Int], from entry: ActivationMatrix) {
        guard let perLayer else { return }
        let rows = tokens.count
        projectInputs(weights, rows: rows, from: entry)
        let (all, width) = (perLayer.projected.width, perLayer.gated.width)
        forEachPart(of: rows) { part in
            let projected = perLayer.projected.row(part.lowerBound)
            norm(
                part.count * perLayer.inputs.count, weights.norm, from: projected, into: projected,
                width: width)
            ScratchPool.shared.withFloats(all) { embedded in
                for row in part {
                    weights.embedding.widenRow(tokens[row], into: embedded)
                    scaleForward(embedded, by: Self.embeddingScale(width), count: all)
                    addForward(embedded, perLayer.projected.row(row), count: all)
                    scaleForward(embedded, by: Self.inputScale, count: all)
                    for (block, input) in perLayer.inputs.enumerated() {
                        input.row(row).update(from: embedded + block * width, count: width)
                    }
                }
            }
        }
    }

    /// The stream after a block's feed-forward part becomes that after the block: what the block makes of its own input is
    /// added, without what is removed from the feed-forward part's output, and the sum scaled.
    func end(
        _ block: BlockWeights, _ activations: BlockActivations, rows: Int,
        changed change: InterventionPlan.OutputChange
    ) {
        if let weights = block.perLayerInput, let perLayer {
            gateInput(block, activations, rows: rows)
            project(rows, weights.output, from: perLayer.gated, into: update)
            norm(rows, weights.norm, from: update, into: update)
            forEachPart(of: rows) { part in
                for row in part { change.remove(from: update.row(row), width: update.width) }
                let (first, count) = (part.lowerBound, part.count * update.width)
                let output = activations.output.row(first)
                if activations.ended !== activations.output {
                    output.update(from: activations.ended.row(first), count: count)
                }
                addForward(output, update.row(first), count: count)
            }
        }
        scale(activations.output, by: block.outputScale, rows: rows)
    }

    /// gated = activation(gate(stream)) · input
    func gateInput(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        guard let weights = block.perLayerInput, let perLayer else { return }
        project(rows, weights.gate, from: activations.ended, into: activations.perLayerGate)
        multiplyGate(perLayer, block.index, activations, rows: rows)
    }

    private func multiplyGate(
        _ perLayer: PerLayerMemory, _ block: Int, _ activations: BlockActivations, rows: Int
    ) {
        let width = perLayer.gated.width
        let activation = configuration.sizes.activation
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            gatedUnitForward(
                perLayer.gated.row(first), gate: activations.perLayerGate.row(first),
                up: perLayer.inputs[block].row(first), activation: activation,
                count: part.count * width)
        }
    }

    private func scale(_ stream: ActivationMatrix, by factor: Float?, rows: Int) {
        guard let factor else { return }
        forEachPart(of: rows) { part in
            scaleForward(
                stream.row(part.lowerBound), by: factor, count: part.count * stream.width)
        }
    }

    /// projected = projection(entry) / √D
    private func projectInputs(
        _ weights: PerLayerWeights, rows: Int, from entry: ActivationMatrix
    ) {
        guard let perLayer else { return }
        project(rows, weights.projection, from: entry, into: perLayer.projected)
        scale(perLayer.projected, by: projectionScale, rows: rows)
    }

    private var projectionScale: Float { 1 / Float(configuration.sizes.hiddenSize).squareRoot() }
    private static let inputScale = 1 / Float(2).squareRoot()
    private static func embeddingScale(_ width: Int) -> Float { Float(width).squareRoot() }

    // MARK: - Backward

    /// Takes the gradient of a block's output, in `gradient`, back to that of the stream after its feed-forward part, in place,
    /// and to the block's own input.
    func endBackward(
        _ step: BackwardStep, _ gradient: ActivationMatrix, _ scratch: BackwardScratch
    ) {
        let (rows, block, activations) = (step.rows, step.weights, step.activations)
        scale(gradient, by: block.outputScale, rows: rows)
        guard let weights = block.perLayerInput, let perLayer else { return }
        multiplyGate(perLayer, block.index, activations, rows: rows)
        project(rows, weights.output, from: perLayer.gated, into: scratch.raw)
        let change = step.plan.output(at: .residPost, block: block.index)
        scratch.updateGradient.reserve(rows)
        forEachPart(of: rows) { part in
            let (first, count) = (part.lowerBound, part.count * gradient.width)
            scratch.updateGradient.row(first).update(from: gradient.row(first), count: count)
            for row in part {
                change.removeBackward(scratch.updateGradient.row(row), width: gradient.width)
            }
        }
        scratch.rawGradient.clear(rows)
        normBackward(
            rows, weights.norm, step.role(.perLayerNorm), input: scratch.raw,
            outputGradient: scratch.updateGradient, addedTo: scratch.rawGradient, step.sink)
        projectBackward(
            rows, weights.output, step.role(.perLayerOutput), input: perLayer.gated,
            outputGradient: scratch.rawGradient, into: perLayer.gatedGradient, accumulating: false,
            step.sink)
        let activation = configuration.sizes.activation
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            gatedUnitBackward(
                perLayer.gatedGradient.row(first),
                upGradient: perLayer.inputGradients[block.index].row(first),
                outputGradient: perLayer.gatedGradient.row(first),
                gate: activations.perLayerGate.row(first),
                up: perLayer.inputs[block.index].row(first), activation: activation,
                count: part.count * perLayer.gated.width)
        }
        projectBackward(
            rows, weights.gate, step.role(.perLayerGate), input: activations.ended,
            outputGradient: perLayer.gatedGradient, into: gradient, accumulating: true, step.sink)
    }

    /// Takes the gradients of the blocks' inputs back to the table, the projection, and the stream before the first block, where
    /// they are added.
    func inputsBackward(
        _ weights: PerLayerWeights, tokens: [Int], entry: ActivationMatrix,
        addedTo gradient: ActivationMatrix, _ sink: GradientSink
    ) {
        guard let perLayer else { return }
        let rows = tokens.count
        let (all, width) = (perLayer.projected.width, perLayer.gated.width)
        forEachPart(of: rows) { part in
            for row in part {
                let target = perLayer.normedGradient.row(row)
                for (block, input) in perLayer.inputGradients.enumerated() {
                    (target + block * width).update(from: input.row(row), count: width)
                }
                scaleForward(target, by: Self.inputScale, count: all)
            }
        }
        if let embedding = sink.weights[WeightRole(.perLayerEmbedding)] {
            for (row, token) in tokens.enumerated() {
                addScaledForward(
                    embedding.floats + token * all, Self.embeddingScale(width),
                    perLayer.normedGradient.row(row), count: all)
            }
        }
        projectInputs(weights, rows: rows, from: entry)
        perLayer.projectedGradient.clear(rows)
        normBackward(
            rows * perLayer.inputs.count, weights.norm, WeightRole(.perLayerProjectionNorm),
            input: perLayer.projected.row(0), outputGradient: perLayer.normedGradient.row(0),
            addedTo: perLayer.projectedGradient.row(0), width: width, sink)
        scale(perLayer.projectedGradient, by: projectionScale, rows: rows)
        projectBackward(
            rows, weights.projection, weights.projection.role, input: entry,
            outputGradient: perLayer.projectedGradient, into: gradient, accumulating: true, sink)
    }
}
