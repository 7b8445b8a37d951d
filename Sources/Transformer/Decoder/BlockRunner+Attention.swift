import Formats

/// Attention: what mixes the tokens in most blocks.
extension BlockRunner {
    // MARK: - Forward

    /// output = σ(gate) · Σ softmax(query · key) · value over the positions each row sees, or without a gate
    func attend(
        _ weights: AttentionWeights, _ block: Int, _ activations: AttentionActivations,
        _ texts: [MixedRows], from input: ActivationMatrix, rows: Int
    ) {
        projectHeads(weights, block, activations, from: input, rows: rows)
        attend(block, activations, texts, weights)
        guard case .gated = weights.heads else { return }
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            outputGateForward(
                activations.output.row(first), gate: activations.gate.row(first),
                input: activations.heads.row(first), count: part.count * activations.heads.width)
        }
    }

    private func attend(
        _ block: Int, _ activations: AttentionActivations, _ texts: [MixedRows],
        _ weights: AttentionWeights
    ) {
        let shape = configuration.attention(ofBlock: block)
        guard texts.contains(where: { $0.memory != nil }) else {
            return attentionForward(
                activations.heads.row(0), query: activations.query.row(0),
                keys: activations.key.row(0), values: activations.value.row(0), shape: shape,
                sequences: texts.map(\.rows), sinks: weights.sinks?.floats, crew: crew)
        }
        for text in texts {
            let (first, count) = (text.rows.lowerBound, text.rows.count)
            let own = (activations.key.row(first), activations.value.row(first))
            let seen =
                if let source = weights.keySource, let memory = text.memory {
                    memory.read(block: source)
                } else {
                    text.memory?.write(
                        keys: own.0, values: own.1, at: text.position, count: count, block: block)
                        ?? (keys: UnsafePointer(own.0), values: UnsafePointer(own.1))
                }
            attentionForward(
                activations.heads.row(first), query: activations.query.row(first),
                keys: seen.keys, values: seen.values, shape: shape, tokens: count,
                positions: text.position + count, sinks: weights.sinks?.floats, crew: crew)
        }
    }

    /// query, key = rope(norm(q(input))), rope(norm(k(input))), value = norm(v(input)); a block that reads another's keys and
    /// values has them already.
    private func projectHeads(
        _ weights: AttentionWeights, _ block: Int, _ activations: AttentionActivations,
        from input: ActivationMatrix, rows: Int
    ) {
        switch weights.heads {
        case .separate(let query, let key, let value):
            project(rows, query, from: input, into: activations.rawQuery)
            project(rows, key, from: input, into: activations.rawKey)
            project(rows, value, from: input, into: activations.rawValue)
        case .gated(let queryGate, let key, let value):
            let fusedQueryGate = fusedQueryGate[configuration.sizeIndices[block]]
            project(rows, queryGate, from: input, into: fusedQueryGate)
            project(rows, key, from: input, into: activations.rawKey)
            project(rows, value, from: input, into: activations.rawValue)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                let parts = [activations.rawQuery, activations.gate]
                splitRows(
                    parts.map { ($0.row(first), $0.width) }, fused: fusedQueryGate.row(first),
                    layout: queryGateLayout, tokens: part.count)
            }
        case .valuesAreKeys(let query, let key):
            project(rows, query, from: input, into: activations.rawQuery)
            project(rows, key, from: input, into: activations.rawKey)
        case .queries(let query): project(rows, query, from: input, into: activations.rawQuery)
        case .fused(let projection):
            let fusedHeads = fusedHeads[configuration.sizeIndices[block]]
            project(rows, projection, from: input, into: fusedHeads)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                let parts = [activations.rawQuery, activations.rawKey, activations.rawValue]
                splitRows(
                    parts.map { ($0.row(first), $0.width) }, fused: fusedHeads.row(first),
                    layout: configuration.headLayout, tokens: part.count)
            }
        }
        let sizes = configuration.sizes(ofBlock: block)
        let rawValue = weights.heads.rawValue(activations)
        forEachPart(of: rows) { part in
            normHeads(part, weights.queryNorm, from: activations.rawQuery, into: activations.query)
            rotate(part, activations.query, block, heads: sizes.headCount)
            growQueries(part, activations.query)
            guard weights.keySource == nil else { return }
            // Before the keys' norm, which may take the place of what values are made of.
            normHeads(part, weights.valueNorm, from: rawValue, into: activations.value)
            normHeads(part, weights.keyNorm, from: activations.rawKey, into: activations.key)
            rotate(part, activations.key, block, heads: sizes.keyValueHeadCount)
        }
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
        _ part: Range<Int>, _ values: ActivationMatrix, _ block: Int, heads: Int
    ) {
        guard let rotations = rotations(of: block) else { return }
        rotaryForward(
            values.row(part.lowerBound), cosines: rotations.cosine.row(part.lowerBound),
            sines: rotations.sine.row(part.lowerBound), pairing: configuration.ropePairing,
            tokens: part.count, heads: heads, headSize: values.width / heads,
            pairs: rotations.cosine.width)
    }

    /// Multiplies queries, or their gradients, by what their positions say.
    private func growQueries(_ part: Range<Int>, _ values: ActivationMatrix) {
        guard let queryFactors else { return }
        for row in part {
            scaleForward(values.row(row), by: queryFactors.row(row)[0], count: values.width)
        }
    }

    /// How queries and the gate lie in the rows of their matrix.
    private var queryGateLayout: FusedLayout { .headwise(heads: configuration.sizes.headCount) }

    /// Nil where the block does not rotate.
    private func rotations(of block: Int) -> Rotations? {
        configuration.ropeIndices[block].map { rotations[$0] }
    }

    // MARK: - Backward

    /// Takes the gradient of attention's last projection back to its input, overwriting it, and to its weights.
    ///
    /// - Parameter inputGradient: nil where only the weights' gradients are wanted.
    func attentionBackward(
        _ step: BackwardStep, _ weights: AttentionWeights, _ source: ActivationMatrix,
        _ scratch: BackwardScratch, into inputGradient: ActivationMatrix?
    ) {
        let (rows, block) = (step.rows, step.weights.index)
        let (activations, gradients) = (step.activations.attention, scratch.attention)
        projectBackward(
            rows, weights.output, step.role(.attentionOutput), input: activations.output,
            outputGradient: source, into: gradients.output, accumulating: false, step.sink)
        let wantsWeights = headSlots.contains { step.wants($0) }
        guard wantsWeights || inputGradient != nil else { return }
        if case .gated = weights.heads {
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                outputGateBackward(
                    gradients.gate.row(first), inputGradient: gradients.output.row(first),
                    outputGradient: gradients.output.row(first),
                    gate: activations.gate.row(first), input: activations.heads.row(first),
                    count: part.count * activations.heads.width)
            }
        }
        Transformer.attentionBackward(
            gradients.query.row(0), keyGradient: gradients.key.row(0),
            valueGradient: gradients.value.row(0), outputGradient: gradients.output.row(0),
            query: activations.query.row(0), keys: activations.key.row(0),
            values: activations.value.row(0), output: activations.heads.row(0),
            shape: configuration.attention(ofBlock: block), sequences: step.sequences,
            sinks: weights.sinks?.floats,
            sinkGradient: step.sink.weights[step.role(.attentionSinks)]?.floats, crew: crew)
        exchange(step, weights, gradients)
        let sizes = configuration.sizes(ofBlock: block)
        forEachPart(of: rows) { part in
            growQueries(part, gradients.query)
            rotateBack(part, gradients.query, block, heads: sizes.headCount)
            guard weights.keySource == nil else { return }
            rotateBack(part, gradients.key, block, heads: sizes.keyValueHeadCount)
        }
        let query = normHeadsBackward(
            step, weights.queryNorm, .attentionQueryNorm, input: activations.rawQuery,
            outputGradient: gradients.query, into: gradients.rawQuery)
        let (key, value) = keysAndValuesBackward(step, weights, activations, gradients)
        projectHeadsBackward(
            step, weights.heads, input: mixerInput(step, scratch, isRead: wantsWeights),
            (query, key, value), gradients, into: inputGradient)
    }

    /// Hands the gradients of keys and values to the block that made them, or takes those of the blocks that read them.
    private func exchange(
        _ step: BackwardStep, _ weights: AttentionWeights, _ gradients: AttentionGradients
    ) {
        guard let shared = step.sharedGradients else { return }
        let own = [(gradients.key, shared.key), (gradients.value, shared.value)]
        forEachPart(of: step.rows) { part in
            for (own, shared) in own {
                let (target, source) = weights.keySource == nil ? (own, shared) : (shared, own)
                addForward(
                    target.row(part.lowerBound), source.row(part.lowerBound),
                    count: part.count * own.width)
            }
        }
    }

    /// - Returns: the gradients of keys and values before their norms; those of values that are keys are with the keys'.
    private func keysAndValuesBackward(
        _ step: BackwardStep, _ weights: AttentionWeights, _ activations: AttentionActivations,
        _ gradients: AttentionGradients
    ) -> (key: ActivationMatrix, value: ActivationMatrix) {
        guard weights.keySource == nil else { return (gradients.key, gradients.value) }
        let key = normHeadsBackward(
            step, weights.keyNorm, .attentionKeyNorm, input: activations.rawKey,
            outputGradient: gradients.key, into: gradients.rawKey)
        let isKey = weights.heads.hasValuesOfKeys
        let value = normHeadsBackward(
            step, weights.valueNorm, .attentionValue,
            input: weights.heads.rawValue(activations), outputGradient: gradients.value,
            into: isKey ? key : gradients.rawValue, accumulating: isKey)
        return (key, value)
    }

    private var headSlots: [BlockSlot] {
        [
            .attentionQuery, .attentionKey, .attentionValue, .attentionQueryKeyValue,
            .attentionQueryGate, .attentionQueryNorm, .attentionKeyNorm, .attentionSinks,
        ]
    }

    private func projectHeadsBackward(
        _ step: BackwardStep, _ heads: HeadWeights, input: ActivationMatrix,
        _ gradients: (query: ActivationMatrix, key: ActivationMatrix, value: ActivationMatrix),
        _ scratch: AttentionGradients, into inputGradient: ActivationMatrix?
    ) {
        let projections: [(Projection, BlockSlot, ActivationMatrix)]
        switch heads {
        case .separate(let queries, let keys, let values):
            projections = [
                (queries, .attentionQuery, gradients.query), (keys, .attentionKey, gradients.key),
                (values, .attentionValue, gradients.value),
            ]
        case .gated(let queryGate, let keys, let values):
            forEachPart(of: step.rows) { part in
                let first = part.lowerBound
                let parts = [gradients.query, scratch.gate]
                joinRows(
                    scratch.queryGate.row(first),
                    parts: parts.map { (UnsafePointer($0.row(first)), $0.width) },
                    layout: queryGateLayout, tokens: part.count)
            }
            projections = [
                (queryGate, .attentionQueryGate, scratch.queryGate),
                (keys, .attentionKey, gradients.key), (values, .attentionValue, gradients.value),
            ]
        case .valuesAreKeys(let queries, let keys):
            projections = [
                (queries, .attentionQuery, gradients.query), (keys, .attentionKey, gradients.key),
            ]
        case .queries(let queries):
            projections = [(queries, .attentionQuery, gradients.query)]
        case .fused(let projection):
            forEachPart(of: step.rows) { part in
                let first = part.lowerBound
                let parts = [gradients.query, gradients.key, gradients.value]
                joinRows(
                    scratch.fused.row(first),
                    parts: parts.map { (UnsafePointer($0.row(first)), $0.width) },
                    layout: configuration.headLayout, tokens: part.count)
            }
            projections = [(projection, .attentionQueryKeyValue, scratch.fused)]
        }
        for (index, (projection, slot, outputGradient)) in projections.enumerated() {
            projectBackward(
                step.rows, projection, step.role(slot), input: input,
                outputGradient: outputGradient, into: inputGradient, accumulating: index > 0,
                step.sink)
        }
    }

    /// - Parameters:
    ///   - slot: of the weight; that of the values' matrix where the norm has none.
    ///   - accumulating: whether the gradient is added to what is there.
    /// - Returns: the gradient of the heads before their norm.
    private func normHeadsBackward(
        _ step: BackwardStep, _ weights: NormWeights?, _ slot: BlockSlot, input: ActivationMatrix,
        outputGradient: ActivationMatrix, into gradient: ActivationMatrix,
        accumulating: Bool = false
    ) -> ActivationMatrix {
        guard let weights else { return outputGradient }
        if !accumulating { gradient.clear(step.rows) }
        let width = weights.weight.count
        let weightGradient = slot.isNorm ? step.sink.weights[step.role(slot)] : nil
        rmsNormBackward(
            gradient.row(0), weightGradient: weightGradient?.floats,
            outputGradient: outputGradient.row(0), input: input.row(0),
            weight: weights.weight.floats, epsilon: configuration.sizes.normEpsilon,
            rows: step.rows * (input.width / width), width: width, crew: crew)
        return gradient
    }

    private func rotateBack(
        _ part: Range<Int>, _ values: ActivationMatrix, _ block: Int, heads: Int
    ) {
        guard let rotations = rotations(of: block) else { return }
        rotaryBackward(
            values.row(part.lowerBound), cosines: rotations.cosine.row(part.lowerBound),
            sines: rotations.sine.row(part.lowerBound), pairing: configuration.ropePairing,
            tokens: part.count, heads: heads, headSize: values.width / heads,
            pairs: rotations.cosine.width)
    }
}

extension HeadWeights {
    fileprivate var hasValuesOfKeys: Bool {
        if case .valuesAreKeys = self { true } else { false }
    }

    /// What the values are before their norm.
    fileprivate func rawValue(_ activations: AttentionActivations) -> ActivationMatrix {
        hasValuesOfKeys ? activations.rawKey : activations.rawValue
    }
}
