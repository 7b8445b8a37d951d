import Formats

/// A block's second half.
extension BlockRunner {
    // MARK: - Forward

    /// gate, up = gate(n), up(n), n = norm(input of this half); mixtures do all their work later.
    func projectFeedForward(_ block: BlockWeights, _ activations: BlockActivations, rows: Int) {
        if case .mixture = block.feedForward { return }
        let input = normFeedForward(block, activations, rows: rows, into: activations.normed)
        switch block.feedForward {
        case .gated(let gate, let up, _):
            project(rows, gate, from: input, into: activations.gate)
            project(rows, up, from: input, into: activations.up)
        case .fusedGated(let gateUp, _):
            let fusedGateUp = fusedGateUp[configuration.sizeIndices[block.index]]
            project(rows, gateUp, from: input, into: fusedGateUp)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                let parts = [activations.gate, activations.up]
                splitRows(
                    parts.map { ($0.row(first), $0.width) }, fused: fusedGateUp.row(first),
                    layout: .stacked, tokens: part.count)
            }
        case .plain(let up, _): project(rows, up, from: input, into: activations.up)
        case .mixture: break
        }
    }

    /// ended = middle + scale · change(norm(update)), of what `projectDown` made
    func addFeedForward(
        _ block: BlockWeights, _ activations: BlockActivations, rows: Int,
        changed change: InterventionPlan.OutputChange
    ) {
        addUpdate(
            rows, norm: block.feedForwardPostNorm, changed: change, to: activations.middle,
            into: activations.ended)
    }

    /// What the feed-forward part puts out, before the norm that may follow it.
    func projectDown(
        _ block: BlockWeights, _ activations: BlockActivations, rows: Int,
        into output: ActivationMatrix
    ) {
        switch block.feedForward {
        case .gated(_, _, let down), .fusedGated(_, let down), .plain(_, let down):
            activate(activations, rows: rows)
            project(rows, down, from: activations.gated, into: output)
        case .mixture(let mixture):
            let input = normFeedForward(block, activations, rows: rows, into: activations.normed)
            mixForward(
                mixture, from: input, stream: feedForwardInput(activations), into: output,
                rows: rows)
        }
    }

    /// gated = activation(gate) · up, or activation(up) where there is no gate.
    private func activate(_ activations: BlockActivations, rows: Int) {
        let width = activations.up.width
        let activation = configuration.sizes.activation
        let hasGate = activations.gate !== activations.up
        forEachPart(of: rows) { part in
            let (first, count) = (part.lowerBound, part.count * width)
            if hasGate {
                gatedUnitForward(
                    activations.gated.row(first), gate: activations.gate.row(first),
                    up: activations.up.row(first), activation: activation, count: count)
            } else {
                activationForward(
                    activations.gated.row(first), activations.up.row(first),
                    activation: activation, count: count)
            }
        }
    }

    private func normFeedForward(
        _ block: BlockWeights, _ activations: BlockActivations, rows: Int,
        into normed: ActivationMatrix
    ) -> ActivationMatrix {
        norm(rows, block.feedForwardNorm, from: feedForwardInput(activations), into: normed)
    }

    /// The stream this half reads.
    private func feedForwardInput(_ activations: BlockActivations) -> ActivationMatrix {
        configuration.sizes.isParallel ? activations.input : activations.middle
    }

    // MARK: - Backward

    /// Takes the gradient of a block's output, in `gradient`, back to that of its middle, in place. A parallel block's
    /// part goes to `scratch.inputGradient`, for its input.
    func feedForwardBackward(
        _ step: BackwardStep, _ gradient: ActivationMatrix, _ scratch: BackwardScratch
    ) {
        let (rows, block, activations) = (step.rows, step.weights, step.activations)
        let source = updateBackward(
            step, .residPost, norm: block.feedForwardPostNorm, gradient: gradient, scratch
        ) { projectDown(block, activations, rows: rows, into: $0) }
        switch block.feedForward {
        case .mixture(let mixture):
            let input = normFeedForward(block, activations, rows: rows, into: scratch.normed)
            mixBackward(
                step, mixture, input: input, stream: feedForwardInput(activations),
                outputGradient: source, into: scratch.normedGradient, streamGradient: gradient)
        case .gated(_, _, let down), .fusedGated(_, let down), .plain(_, let down):
            if step.wants(.feedForwardDown) { activate(activations, rows: rows) }
            projectBackward(
                rows, down, step.role(.feedForwardDown), input: activations.gated,
                outputGradient: source, into: scratch.gateGradient, accumulating: false, step.sink)
            activateBackward(activations, scratch, rows: rows)
            let slots: [BlockSlot] = [.feedForwardGate, .feedForwardUp, .feedForwardGateUp]
            let input =
                slots.contains { step.wants($0) }
                ? normFeedForward(block, activations, rows: rows, into: scratch.normed)
                : scratch.normed
            projectUpBackward(step, input: input, scratch)
        }
        let target = configuration.sizes.isParallel ? scratch.inputGradient : gradient
        if configuration.sizes.isParallel { target.clear(rows) }
        normBackward(
            rows, block.feedForwardNorm, step.role(block.feedForwardNormSlot),
            input: feedForwardInput(activations), outputGradient: scratch.normedGradient,
            addedTo: target, step.sink)
    }

    /// Turns the gradient of the activated gate, in `scratch.gateGradient`, into those of gate and up.
    private func activateBackward(
        _ activations: BlockActivations, _ scratch: BackwardScratch, rows: Int
    ) {
        let width = activations.up.width
        let activation = configuration.sizes.activation
        let hasGate = activations.gate !== activations.up
        forEachPart(of: rows) { part in
            let (first, count) = (part.lowerBound, part.count * width)
            let gradient = scratch.gateGradient.row(first)
            if hasGate {
                gatedUnitBackward(
                    gradient, upGradient: scratch.upGradient.row(first), outputGradient: gradient,
                    gate: activations.gate.row(first), up: activations.up.row(first),
                    activation: activation, count: count)
            } else {
                activationBackward(
                    gradient, input: activations.up.row(first), activation: activation,
                    count: count)
            }
        }
    }

    private func projectUpBackward(
        _ step: BackwardStep, input: ActivationMatrix, _ scratch: BackwardScratch
    ) {
        let projections: [(Projection, BlockSlot, ActivationMatrix)]
        switch step.weights.feedForward {
        case .gated(let gate, let up, _):
            projections = [
                (gate, .feedForwardGate, scratch.gateGradient),
                (up, .feedForwardUp, scratch.upGradient),
            ]
        case .fusedGated(let gateUp, _):
            forEachPart(of: step.rows) { part in
                let first = part.lowerBound
                let parts = [scratch.gateGradient, scratch.upGradient]
                joinRows(
                    scratch.gateUpGradient.row(first),
                    parts: parts.map { (UnsafePointer($0.row(first)), $0.width) },
                    layout: .stacked, tokens: part.count)
            }
            projections = [(gateUp, .feedForwardGateUp, scratch.gateUpGradient)]
        case .plain(let up, _): projections = [(up, .feedForwardUp, scratch.gateGradient)]
        case .mixture: projections = []
        }
        for (index, (projection, slot, outputGradient)) in projections.enumerated() {
            projectBackward(
                step.rows, projection, step.role(slot), input: input,
                outputGradient: outputGradient, into: scratch.normedGradient,
                accumulating: index > 0, step.sink)
        }
    }
}
