import Formats

/// Gated delta nets (arXiv 2412.06464) as Qwen 3.5 has them: queries, keys and values pass a short convolution and an
/// activation, are written to and read from a state for each head, and a norm and a gate follow.
extension BlockRunner {
    // MARK: - Forward

    /// output = norm(rule(q, k, v)) · silu(gate(input)), with q, k, v = silu(convolution(qkv(input)))
    func recur(
        _ weights: DeltaNetWeights, _ block: Int, _ activations: DeltaNetActivations,
        _ texts: [MixedRows], from input: ActivationMatrix, rows: Int
    ) {
        projectInputs(weights, activations, from: input, rows: rows)
        convolve(weights, block, activations, texts)
        let shape = configuration.deltaRule
        forEachPart(of: rows) { part in
            let (first, width) = (part.lowerBound, activations.active.width)
            activationForward(
                activations.active.row(first), activations.convolved.row(first),
                activation: .silu, count: part.count * width)
            for row in part { bringToUnitLength(row, activations, shape) }
            deltaGatesForward(
                activations.decay.row(first), strength: activations.strength.row(first),
                decayInput: activations.decayInput.row(first),
                strengthInput: activations.strengthInput.row(first), rate: weights.rate.floats,
                bias: weights.decayBias.floats, rows: part.count, heads: shape.valueHeads)
        }
        deltaRuleForward(
            activations.heads.row(0), ruleInputs(activations, shape), shape: shape,
            sequences: texts.map { text in
                let states = text.memory?.states(ofBlock: block, at: text.position)
                return DeltaRuleSequence(
                    rows: text.rows, before: states?.before.map { UnsafePointer($0) },
                    after: states?.after)
            }, crew: crew)
        forEachPart(of: rows) { part in
            let (first, count) = (part.lowerBound, part.count * shape.valueWidth)
            normHeads(part, weights, activations.heads, into: activations.output)
            gatedUnitForward(
                activations.output.row(first), gate: activations.gate.row(first),
                up: activations.output.row(first), activation: .silu, count: count)
        }
    }

    /// convolved = convolution(projected), each text seeing what came before it.
    private func convolve(
        _ weights: DeltaNetWeights, _ block: Int, _ activations: DeltaNetActivations,
        _ texts: [MixedRows]
    ) {
        let shape = convolution(activations)
        guard texts.contains(where: { $0.memory != nil }) else {
            return causalConvolutionForward(
                activations.convolved.row(0), input: activations.projected.row(0),
                weight: weights.taps.floats, bias: nil, shape: shape,
                sequences: texts.map(\.rows), crew: crew)
        }
        let extended = activations.extended
        for text in texts {
            let (count, own) = (text.rows.count, activations.projected.row(text.rows.lowerBound))
            extended.reserve(count + shape.taps - 1)
            let before =
                text.memory?.copyHistory(ofBlock: block, at: text.position, to: extended.row(0))
                ?? 0
            extended.row(before).update(from: own, count: count * extended.width)
            causalConvolutionForward(
                activations.convolved.row(text.rows.lowerBound), input: extended.row(0),
                weight: weights.taps.floats, bias: nil, shape: shape, tokens: count,
                positions: before + count, crew: crew)
            text.memory?.keepHistory(
                ofBlock: block, at: text.position, extended, rows: before + count)
        }
    }

    private func convolution(_ activations: DeltaNetActivations) -> ConvolutionShape {
        ConvolutionShape(
            channels: activations.projected.width, taps: configuration.sizes.deltaNet?.taps ?? 1)
    }

    private func bringToUnitLength(
        _ row: Int, _ activations: DeltaNetActivations, _ shape: DeltaRuleShape
    ) {
        for (offset, factor) in unitFactors(shape) {
            unitNormForward(
                activations.unit.row(row) + offset, activations.active.row(row) + offset,
                factor: factor, epsilon: configuration.unitEpsilon, rows: shape.keyHeads,
                width: shape.keySize)
        }
    }

    /// Where queries and keys begin in a row, and the lengths they get.
    private func unitFactors(_ shape: DeltaRuleShape) -> [(offset: Int, factor: Float)] {
        [(0, 1 / Float(shape.keySize).squareRoot()), (shape.keyWidth, 1)]
    }

    private func ruleInputs(
        _ activations: DeltaNetActivations, _ shape: DeltaRuleShape
    ) -> DeltaRuleInputs {
        DeltaRuleInputs(
            query: activations.unit.row(0), key: activations.unit.row(0) + shape.keyWidth,
            keyStride: activations.unit.width,
            value: activations.active.row(0) + 2 * shape.keyWidth,
            valueStride: activations.active.width, decay: activations.decay.row(0),
            strength: activations.strength.row(0))
    }

    private func normHeads(
        _ part: Range<Int>, _ weights: DeltaNetWeights, _ heads: ActivationMatrix,
        into output: ActivationMatrix
    ) {
        let width = weights.norm.weight.count
        rmsNormForward(
            output.row(part.lowerBound), heads.row(part.lowerBound),
            weight: weights.norm.weight.floats, epsilon: configuration.sizes.normEpsilon,
            rows: part.count * (heads.width / width), width: width)
    }

    // MARK: - Backward

    /// Takes the gradient of the last projection back to the net's input, overwriting it, and to its weights.
    ///
    /// - Parameter inputGradient: nil where only the weights' gradients are wanted.
    func deltaNetBackward(
        _ step: BackwardStep, _ weights: DeltaNetWeights, _ source: ActivationMatrix,
        _ scratch: BackwardScratch, into inputGradient: ActivationMatrix?
    ) {
        let (activations, gradients) = (step.activations.deltaNet, scratch.deltaNet)
        projectBackward(
            step.rows, weights.output, step.role(.deltaOutput), input: activations.output,
            outputGradient: source, into: gradients.output, accumulating: false, step.sink)
        let wantsWeights = deltaSlots.contains { step.wants($0) }
        guard wantsWeights || inputGradient != nil else { return }
        headsBackward(step, weights, gradients)
        let shape = configuration.deltaRule
        deltaRuleBackward(
            DeltaRuleGradients(
                query: gradients.unit.row(0), key: gradients.unit.row(0) + shape.keyWidth,
                keyStride: gradients.unit.width,
                value: gradients.active.row(0) + 2 * shape.keyWidth,
                valueStride: gradients.active.width, decay: gradients.decay.row(0),
                strength: gradients.strength.row(0)),
            outputGradient: gradients.output.row(0), ruleInputs(activations, shape), shape: shape,
            sequences: step.sequences, crew: crew)
        gatesBackward(step, weights, gradients)
        convolutionBackward(step, weights, gradients, shape)
        projectBackward(
            step, weights, gradients, input: mixerInput(step, scratch, isRead: wantsWeights),
            into: inputGradient)
    }

    private var deltaSlots: [BlockSlot] {
        [
            .deltaQueryKeyValue, .deltaGate, .deltaQueryKeyValueGate, .deltaDecay,
            .deltaStrength, .deltaStrengthDecay, .deltaTaps, .deltaRate, .deltaDecayBias,
            .deltaNorm,
        ]
    }

    /// From the gated output to the gate and, in place, what the states' queries read.
    private func headsBackward(
        _ step: BackwardStep, _ weights: DeltaNetWeights, _ gradients: DeltaNetGradients
    ) {
        let activations = step.activations.deltaNet
        forEachPart(of: step.rows) { part in
            let first = part.lowerBound
            normHeads(part, weights, activations.heads, into: gradients.normed)
            gatedUnitBackward(
                gradients.gate.row(first), upGradient: gradients.output.row(first),
                outputGradient: gradients.output.row(first), gate: activations.gate.row(first),
                up: gradients.normed.row(first), activation: .silu,
                count: part.count * gradients.output.width)
        }
        let width = weights.norm.weight.count
        rmsNormBackward(
            gradients.output.row(0),
            weightGradient: step.sink.weights[step.role(.deltaNorm)]?.floats,
            outputGradient: gradients.output.row(0), input: activations.heads.row(0),
            weight: weights.norm.weight.floats, epsilon: configuration.sizes.normEpsilon,
            rows: step.rows * (gradients.output.width / width), width: width,
            accumulating: false, crew: crew)
    }

    private func gatesBackward(
        _ step: BackwardStep, _ weights: DeltaNetWeights, _ gradients: DeltaNetGradients
    ) {
        let activations = step.activations.deltaNet
        deltaGatesBackward(
            gradients.decay.row(0), strengthInputGradient: gradients.strength.row(0),
            rateGradient: step.sink.weights[step.role(.deltaRate)]?.floats,
            biasGradient: step.sink.weights[step.role(.deltaDecayBias)]?.floats,
            decayGradient: gradients.decay.row(0), strengthGradient: gradients.strength.row(0),
            decayInput: activations.decayInput.row(0),
            strengthInput: activations.strengthInput.row(0), rate: weights.rate.floats,
            bias: weights.decayBias.floats, rows: step.rows, heads: weights.rate.count)
    }

    private func convolutionBackward(
        _ step: BackwardStep, _ weights: DeltaNetWeights, _ gradients: DeltaNetGradients,
        _ shape: DeltaRuleShape
    ) {
        let activations = step.activations.deltaNet
        forEachPart(of: step.rows) { part in
            for row in part {
                for (offset, factor) in unitFactors(shape) {
                    unitNormBackward(
                        gradients.active.row(row) + offset,
                        outputGradient: gradients.unit.row(row) + offset,
                        input: activations.active.row(row) + offset, factor: factor,
                        epsilon: configuration.unitEpsilon, rows: shape.keyHeads,
                        width: shape.keySize)
                }
            }
            activationBackward(
                gradients.active.row(part.lowerBound),
                input: activations.convolved.row(part.lowerBound), activation: .silu,
                count: part.count * gradients.active.width)
        }
        causalConvolutionBackward(
            gradients.projected.row(0),
            weightGradient: step.sink.weights[step.role(.deltaTaps)]?.floats,
            outputGradient: gradients.active.row(0), input: activations.projected.row(0),
            weight: weights.taps.floats, shape: convolution(activations),
            sequences: step.sequences, crew: crew)
    }

    private func projectBackward(
        _ step: BackwardStep, _ weights: DeltaNetWeights, _ gradients: DeltaNetGradients,
        input: ActivationMatrix, into inputGradient: ActivationMatrix?
    ) {
        let projections = inputGradients(weights, gradients, rows: step.rows)
        for (index, (projection, outputGradient)) in projections.enumerated() {
            projectBackward(
                step.rows, projection, projection.role, input: input,
                outputGradient: outputGradient, into: inputGradient, accumulating: index > 0,
                step.sink)
        }
    }
}
