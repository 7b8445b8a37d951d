import Formats

/// A block's first half.
extension BlockRunner {
    // MARK: - Forward

    /// query, key = rope(norm(q(n))), rope(norm(k(n))), value = v(n), n = norm(input)
    func projectHeads(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        let input = norm(
            rows, block.attentionNorm, from: activations.input, into: activations.normed)
        switch block.heads {
        case .separate(let query, let key, let value):
            project(rows, query, from: input, into: activations.rawQuery)
            project(rows, key, from: input, into: activations.rawKey)
            project(rows, value, from: input, into: activations.value)
        case .fused(let projection):
            project(rows, projection, from: input, into: fusedHeads)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                let parts = [activations.rawQuery, activations.rawKey, activations.value]
                splitRows(
                    parts.map { ($0.row(first), $0.width) }, fused: fusedHeads.row(first),
                    layout: configuration.headLayout, tokens: part.count)
            }
        }
        forEachPart(of: rows) { part in
            normHeads(part, block.queryNorm, from: activations.rawQuery, into: activations.query)
            normHeads(part, block.keyNorm, from: activations.rawKey, into: activations.key)
            rotate(part, activations.query, block, heads: configuration.sizes.headCount)
            growQueries(part, activations.query)
            rotate(part, activations.key, block, heads: configuration.sizes.keyValueHeadCount)
        }
    }

    /// update = o(attention)
    func projectAttention(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        project(rows, block.attentionOutput, from: activations.attention, into: update)
    }

    /// middle = input + scale · change(norm(update))
    func addAttention(
        _ block: BlockWeights, _ activations: BlockActivations, rows: Int,
        changed change: InterventionPlan.OutputChange
    ) {
        addUpdate(
            rows, norm: block.attentionPostNorm, changed: change, to: activations.input,
            into: activations.middle)
    }

    /// The norm of each head, or of all heads together; the weights' length tells which.
    private func normHeads(
        _ part: Range<Int>, _ weights: NormWeights?, from input: ActivationMatrix,
        into output: ActivationMatrix
    ) {
        guard let weights else { return }
        let width = weights.weight.count
        rmsNormForward(
            output.row(part.lowerBound), input.row(part.lowerBound), weight: weights.weight.floats,
            epsilon: configuration.sizes.normEpsilon, rows: part.count * (input.width / width),
            width: width)
    }

    private func rotate(
        _ part: Range<Int>, _ values: ActivationMatrix, _ block: BlockWeights, heads: Int
    ) {
        guard let rotations = rotations(of: block) else { return }
        rotaryForward(
            values.row(part.lowerBound), cosines: rotations.cosine.row(part.lowerBound),
            sines: rotations.sine.row(part.lowerBound), pairing: configuration.ropePairing,
            tokens: part.count, heads: heads, headSize: configuration.sizes.headSize,
            pairs: rotations.cosine.width)
    }

    /// Multiplies queries, or their gradients, by what their positions say.
    private func growQueries(_ part: Range<Int>, _ values: ActivationMatrix) {
        guard let queryFactors else { return }
        for row in part {
            scaleForward(values.row(row), by: queryFactors.row(row)[0], count: values.width)
        }
    }

    /// Nil where the block does not rotate.
    private func rotations(of block: BlockWeights) -> Rotations? {
        configuration.ropeIndices[block.index].map { rotations[$0] }
    }

    // MARK: - Backward

    /// Takes the gradient of a block's middle, in `gradient`, back to that of its input, in place.
    func attentionBackward(
        _ step: BackwardStep, _ gradient: ActivationMatrix, _ scratch: BackwardScratch
    ) {
        let (rows, block, activations) = (step.rows, step.weights, step.activations)
        let source = updateBackward(
            step, .residMid, norm: block.attentionPostNorm, gradient: gradient, scratch
        ) { project(rows, block.attentionOutput, from: activations.attention, into: $0) }
        projectBackward(
            rows, block.attentionOutput, step.role(.attentionOutput),
            input: activations.attention, outputGradient: source,
            into: scratch.attentionGradient, accumulating: false, step.sink)
        let wantsWeights = headSlots.contains { step.wants($0) }
        let wantsInput = step.continues || step.wants(.attentionNorm)
        guard wantsWeights || wantsInput else { return }
        Transformer.attentionBackward(
            scratch.queryGradient.row(0), keyGradient: scratch.keyGradient.row(0),
            valueGradient: scratch.valueGradient.row(0),
            outputGradient: scratch.attentionGradient.row(0), query: activations.query.row(0),
            keys: activations.key.row(0), values: activations.value.row(0),
            output: activations.attention.row(0),
            shape: configuration.attention(ofBlock: block.index), sequences: step.sequences,
            crew: crew)
        forEachPart(of: rows) { part in
            growQueries(part, scratch.queryGradient)
            rotateBack(part, scratch.queryGradient, block, heads: configuration.sizes.headCount)
            rotateBack(
                part, scratch.keyGradient, block, heads: configuration.sizes.keyValueHeadCount)
        }
        let query = normHeadsBackward(
            step, block.queryNorm, .attentionQueryNorm, input: activations.rawQuery,
            outputGradient: scratch.queryGradient, into: scratch.rawQueryGradient)
        let key = normHeadsBackward(
            step, block.keyNorm, .attentionKeyNorm, input: activations.rawKey,
            outputGradient: scratch.keyGradient, into: scratch.rawKeyGradient)
        let input =
            wantsWeights
            ? norm(rows, block.attentionNorm, from: activations.input, into: scratch.normed)
            : scratch.normed
        projectHeadsBackward(
            step, input: input, query: query, key: key, scratch,
            into: wantsInput ? scratch.normedGradient : nil)
        guard wantsInput else { return }
        normBackward(
            rows, block.attentionNorm, step.role(.attentionNorm), input: activations.input,
            outputGradient: scratch.normedGradient, addedTo: gradient, step.sink)
    }

    private var headSlots: [BlockSlot] {
        [
            .attentionQuery, .attentionKey, .attentionValue, .attentionQueryKeyValue,
            .attentionQueryNorm, .attentionKeyNorm,
        ]
    }

    private func projectHeadsBackward(
        _ step: BackwardStep, input: ActivationMatrix, query: ActivationMatrix,
        key: ActivationMatrix, _ scratch: BackwardScratch,
        into inputGradient: ActivationMatrix?
    ) {
        let projections: [(Projection, BlockSlot, ActivationMatrix)]
        switch step.weights.heads {
        case .separate(let queries, let keys, let values):
            projections = [
                (queries, .attentionQuery, query), (keys, .attentionKey, key),
                (values, .attentionValue, scratch.valueGradient),
            ]
        case .fused(let projection):
            forEachPart(of: step.rows) { part in
                let first = part.lowerBound
                let parts = [query, key, scratch.valueGradient]
                joinRows(
                    scratch.headsGradient.row(first),
                    parts: parts.map { (UnsafePointer($0.row(first)), $0.width) },
                    layout: configuration.headLayout, tokens: part.count)
            }
            projections = [(projection, .attentionQueryKeyValue, scratch.headsGradient)]
        }
        for (index, (projection, slot, outputGradient)) in projections.enumerated() {
            projectBackward(
                step.rows, projection, step.role(slot), input: input,
                outputGradient: outputGradient, into: inputGradient, accumulating: index > 0,
                step.sink)
        }
    }

    /// - Returns: the gradient of the heads before their norm.
    private func normHeadsBackward(
        _ step: BackwardStep, _ weights: NormWeights?, _ slot: BlockSlot, input: ActivationMatrix,
        outputGradient: ActivationMatrix, into gradient: ActivationMatrix
    ) -> ActivationMatrix {
        guard let weights else { return outputGradient }
        gradient.clear(step.rows)
        let width = weights.weight.count
        rmsNormBackward(
            gradient.row(0), weightGradient: step.sink.weights[step.role(slot)]?.floats,
            outputGradient: outputGradient.row(0), input: input.row(0),
            weight: weights.weight.floats, epsilon: configuration.sizes.normEpsilon,
            rows: step.rows * (input.width / width), width: width, crew: crew)
        return gradient
    }

    private func rotateBack(
        _ part: Range<Int>, _ values: ActivationMatrix, _ block: BlockWeights, heads: Int
    ) {
        guard let rotations = rotations(of: block) else { return }
        rotaryBackward(
            values.row(part.lowerBound), cosines: rotations.cosine.row(part.lowerBound),
            sines: rotations.sine.row(part.lowerBound), pairing: configuration.ropePairing,
            tokens: part.count, heads: heads, headSize: configuration.sizes.headSize,
            pairs: rotations.cosine.width)
    }
}
