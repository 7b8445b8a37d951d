import Formats

extension BlockRunner {
    /// A block on the way back: what it computed, and where its weights' gradients go.
    struct BackwardStep {
        let weights: BlockWeights
        let activations: BlockActivations
        /// The packed sequences' rows.
        let sequences: [Range<Int>]
        let rows: Int
        /// The gradients of keys and values that this block reads of another, or that others read of it.
        let sharedGradients: KeyValueRows?
        /// What was done to the stream.
        let plan: InterventionPlan
        let sink: GradientSink
        /// Whether anything below the block wants its gradient.
        let continues: Bool

        /// Whether a weight, an adapter beside it or its bias has a place in the sink.
        func wants(_ slot: BlockSlot) -> Bool {
            sink.wants(role(slot)) || sink.weights[WeightRole(role(slot).slot, .bias)] != nil
        }

        func role(_ slot: BlockSlot, expert: Int? = nil) -> WeightRole {
            WeightRole(.block(weights.index, slot), expert: expert)
        }
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
        guard let wanted = sink.rows[role] else {
            return weightsBackward(
                rows, projection, role, input: input, outputGradient: outputGradient.row(0),
                into: inputGradient, sink)
        }
        projection.adapter?.addBackward(
            inputGradient?.row(0), outputGradient: outputGradient.row(0), input: input.row(0),
            tokens: rows, factors: nil, crew: crew)
        // To the weights, the other outputs are as if nothing had come of them.
        let width = projection.weight.rows
        ScratchPool.shared.withFloats(rows * width) { masked in
            masked.update(repeating: 0, count: rows * width)
            for row in 0..<rows {
                for range in wanted {
                    (masked + row * width + range.lowerBound).update(
                        from: outputGradient.row(row) + range.lowerBound, count: range.count)
                }
            }
            weightsBackward(
                rows, projection, role, input: input, outputGradient: masked, into: nil, sink)
        }
    }

    /// Takes a projection's gradient to its weight, its bias and the adapter beside it, where they are wanted.
    ///
    /// - Parameter inputGradient: what the adapter alone adds to; nil where that is not wanted.
    private func weightsBackward(
        _ rows: Int, _ projection: Projection, _ role: WeightRole, input: ActivationMatrix,
        outputGradient: UnsafePointer<Float>, into inputGradient: ActivationMatrix?,
        _ sink: GradientSink
    ) {
        projection.adapter?.addBackward(
            inputGradient?.row(0), outputGradient: outputGradient, input: input.row(0),
            tokens: rows, factors: sink.factors[role], crew: crew)
        if let gradient = sink.weights[role] {
            weightGradientBackward(
                gradient.floats, outputGradient: outputGradient, input: input.row(0),
                rows: projection.weight.rows, columns: projection.weight.columns, tokens: rows,
                crew: crew)
        }
        if let gradient = sink.weights[WeightRole(role.slot, .bias, expert: role.expert)] {
            biasGradientBackward(
                gradient.floats, outputGradient: outputGradient, rows: gradient.count,
                tokens: rows, crew: crew)
        }
    }

    /// Takes a norm's gradient back to its input, where it is added, and to its weights. Without a norm the gradient
    /// is that of the input.
    func normBackward(
        _ rows: Int, _ weights: NormWeights?, _ role: WeightRole, input: ActivationMatrix,
        outputGradient: ActivationMatrix, addedTo gradient: ActivationMatrix, _ sink: GradientSink
    ) {
        guard let weights else {
            return forEachPart(of: rows) { part in
                addForward(
                    gradient.row(part.lowerBound), outputGradient.row(part.lowerBound),
                    count: part.count * gradient.width)
            }
        }
        normBackward(
            rows, weights, role, input: input.row(0), outputGradient: outputGradient.row(0),
            addedTo: gradient.row(0), width: input.width, sink)
    }

    /// The same for rows that lie side by side in memory.
    func normBackward(
        _ rows: Int, _ weights: NormWeights, _ role: WeightRole, input: UnsafePointer<Float>,
        outputGradient: UnsafePointer<Float>, addedTo gradient: UnsafeMutablePointer<Float>,
        width: Int, _ sink: GradientSink
    ) {
        let epsilon = configuration.sizes.normEpsilon
        switch configuration.norm {
        case .rms:
            rmsNormBackward(
                gradient, weightGradient: sink.weights[role]?.floats,
                outputGradient: outputGradient, input: input, weight: weights.weight.floats,
                epsilon: epsilon, rows: rows, width: width, crew: crew)
        case .layer:
            layerNormBackward(
                gradient, weightGradient: sink.weights[role]?.floats,
                biasGradient: sink.weights[WeightRole(role.slot, .bias)]?.floats,
                outputGradient: outputGradient, input: input, weight: weights.weight.floats,
                epsilon: epsilon, rows: rows, width: width, crew: crew)
        }
    }

    /// Takes the gradient of logits, in place, back to that of the head's output.
    ///
    /// - Parameter logits: as the forward wrote them; read only where they are capped.
    func logitsBackward(
        _ rows: Int, gradient: ActivationMatrix, logits: ActivationMatrix
    ) {
        let scale = Float(configuration.sizes.logitScale)
        let cap = configuration.sizes.logitCap.map(Float.init)
        guard scale != 1 || cap != nil else { return }
        crew.run(rows) { row in
            if let cap {
                softCapBackward(
                    gradient.row(row), capped: logits.row(row), cap: cap, count: gradient.width)
            }
            if scale != 1 { scaleForward(gradient.row(row), by: scale, count: gradient.width) }
        }
    }

    /// The gradient of a sub-layer's last projection, from that of the stream it is added to, and that of the output's
    /// strength where it is wanted.
    ///
    /// - Parameters:
    ///   - site: where the sub-layer ends.
    ///   - compute: computes the last projection's output once more, for the norm that follows it.
    func updateBackward(
        _ step: BackwardStep, _ site: Site, norm weights: NormWeights?,
        gradient: ActivationMatrix, _ scratch: BackwardScratch,
        compute: (ActivationMatrix) -> Void
    ) -> ActivationMatrix {
        let isFirstHalf = site == .residMid
        let last: BlockSlot =
            isFirstHalf
            ? configuration.sizes.kind(ofBlock: step.weights.index).mixer.output
            : .feedForwardDown
        let strength = step.sink.outputStrengths[step.role(last)]
        if strength != nil || weights != nil {
            scratch.raw.reserve(step.rows)
            compute(scratch.raw)
        }
        let change = step.plan.output(at: site, block: step.weights.index)
        if let strength {
            strength.floats[0] += strengthGradient(
                step.rows, norm: weights, of: scratch.raw, changed: change, gradient: gradient)
        }
        var source = gradient
        let scale = change.factor * Float(configuration.sizes.residualScale)
        if scale != 1 || !change.steps.isEmpty {
            scratch.updateGradient.reserve(step.rows)
            forEachPart(of: step.rows) { part in
                let (first, count) = (part.lowerBound, part.count * gradient.width)
                scratch.updateGradient.row(first).update(from: gradient.row(first), count: count)
                scaleForward(scratch.updateGradient.row(first), by: scale, count: count)
                for row in part {
                    change.removeBackward(scratch.updateGradient.row(row), width: gradient.width)
                }
            }
            source = scratch.updateGradient
        }
        guard let weights else { return source }
        scratch.rawGradient.clear(step.rows)
        normBackward(
            step.rows, weights,
            step.role(isFirstHalf ? .attentionPostNorm : .feedForwardPostNorm),
            input: scratch.raw, outputGradient: source, addedTo: scratch.rawGradient, step.sink)
        return scratch.rawGradient
    }

    /// Σ scale · ⟨gradient, what is left of norm(raw)⟩ over all rows: the gradient of the number that the output of a sub-layer is multiplied
    /// by.
    private func strengthGradient(
        _ rows: Int, norm weights: NormWeights?, of raw: ActivationMatrix,
        changed change: InterventionPlan.OutputChange, gradient: ActivationMatrix
    ) -> Float {
        let output = norm(rows, weights, from: raw, into: update)
        let width = gradient.width
        let products = crew.map(rows) { row in
            // The gradient of what is left, taken back, meets the whole.
            var own = Array(UnsafeBufferPointer(start: gradient.row(row), count: width))
            return own.withUnsafeMutableBufferPointer { own -> Float in
                guard let start = own.baseAddress else { return 0 }
                change.removeBackward(start, width: width)
                return dotForward(start, output.row(row), count: width)
            }
        }
        return Float(
            configuration.sizes.residualScale * products.reduce(0.0) { $0 + Double($1) })
    }
}
