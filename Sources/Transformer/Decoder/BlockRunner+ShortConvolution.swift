import Formats

/// A gated short convolution: what mixes the tokens in most blocks of LFM 2.
extension BlockRunner {
    // MARK: - Forward

    /// output = C ⊙ convolution(B ⊙ x), with B, C and x = the thirds of in(input)
    func convolve(
        _ weights: ShortConvolutionWeights, _ block: Int, _ activations: ConvolutionActivations,
        _ texts: [MixedRows], from input: ActivationMatrix, rows: Int
    ) {
        let width = weights.shape.channels
        project(rows, weights.input, from: input, into: activations.thirds)
        forEachRow(of: rows) { row in
            let thirds = activations.thirds.row(row)
            multiplyForward(
                activations.input.row(row), thirds, thirds + 2 * width, count: width)
        }
        convolve(weights, block, activations, texts)
        forEachRow(of: rows) { row in
            multiplyForward(
                activations.output.row(row), activations.convolved.row(row),
                activations.thirds.row(row) + width, count: width)
        }
    }

    /// convolved = convolution(input), each text's with what came before its rows.
    private func convolve(
        _ weights: ShortConvolutionWeights, _ block: Int, _ activations: ConvolutionActivations,
        _ texts: [MixedRows]
    ) {
        guard texts.contains(where: { $0.memory != nil }) else {
            return causalConvolutionForward(
                activations.convolved.row(0), input: activations.input.row(0),
                weight: weights.taps.floats, bias: weights.bias?.floats, shape: weights.shape,
                sequences: texts.map(\.rows), crew: crew)
        }
        for text in texts {
            let (first, count) = (text.rows.lowerBound, text.rows.count)
            let own = UnsafePointer(activations.input.row(first))
            let seen =
                text.memory?.write(inputs: own, at: text.position, count: count, block: block)
                ?? own
            causalConvolutionForward(
                activations.convolved.row(first), input: seen, weight: weights.taps.floats,
                bias: weights.bias?.floats, shape: weights.shape, tokens: count,
                positions: text.position + count, crew: crew)
        }
    }

    private func forEachRow(of rows: Int, _ body: @Sendable (Int) -> Void) {
        forEachPart(of: rows) { part in
            for row in part { body(row) }
        }
    }

    // MARK: - Backward

    /// Takes the gradient of the last projection back to the block's normed input, overwriting it, and to the weights.
    ///
    /// - Parameter inputGradient: nil where only the weights' gradients are wanted.
    func convolutionBackward(
        _ step: BackwardStep, _ weights: ShortConvolutionWeights, _ source: ActivationMatrix,
        _ scratch: BackwardScratch, into inputGradient: ActivationMatrix?
    ) {
        let (rows, activations) = (step.rows, step.activations.convolution)
        let gradients = scratch.convolution
        projectBackward(
            rows, weights.output, step.role(.convolutionOutput), input: activations.output,
            outputGradient: source, into: gradients.output, accumulating: false, step.sink)
        let wantsInput = step.wants(.convolutionInput)
        guard wantsInput || step.wants(.convolutionTaps) || inputGradient != nil else { return }
        let width = weights.shape.channels
        forEachRow(of: rows) { row in
            let change = gradients.output.row(row)
            multiplyForward(
                gradients.convolved.row(row), change, activations.thirds.row(row) + width,
                count: width)
            multiplyForward(
                gradients.thirds.row(row) + width, change, activations.convolved.row(row),
                count: width)
        }
        convolutionBackward(step, weights, from: gradients.convolved, into: gradients.output)
        forEachRow(of: rows) { row in
            let change = gradients.output.row(row)
            let (thirds, target) = (activations.thirds.row(row), gradients.thirds.row(row))
            multiplyForward(target, change, thirds + 2 * width, count: width)
            multiplyForward(target + 2 * width, change, thirds, count: width)
        }
        projectBackward(
            rows, weights.input, step.role(.convolutionInput),
            input: mixerInput(step, scratch, isRead: wantsInput),
            outputGradient: gradients.thirds, into: inputGradient, accumulating: false, step.sink)
    }

    /// Takes the gradient of the convolution's output back to what is convolved, and to taps and bias.
    private func convolutionBackward(
        _ step: BackwardStep, _ weights: ShortConvolutionWeights, from change: ActivationMatrix,
        into inputGradient: ActivationMatrix
    ) {
        let role = step.role(.convolutionTaps)
        causalConvolutionBackward(
            inputGradient.row(0), weightGradient: step.sink.weights[role]?.floats,
            outputGradient: change.row(0), input: step.activations.convolution.input.row(0),
            weight: weights.taps.floats, shape: weights.shape, sequences: step.sequences,
            crew: crew)
        if let bias = step.sink.weights[WeightRole(role.slot, .bias)] {
            biasGradientBackward(
                bias.floats, outputGradient: change.row(0), rows: bias.count, tokens: step.rows,
                crew: crew)
        }
    }
}
