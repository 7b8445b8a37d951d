import Formats

/// A mixture of experts (arXiv 2101.03961, 2401.04088): every token goes through the few feed-forward parts that the
/// router gives the largest shares, and through one beside them where there is one (arXiv 2401.06066). Experts run one
/// after the other, each on its tokens packed together.
extension BlockRunner {
    /// output = Σ share · expert(input) over each row's experts + the shared part
    ///
    /// - Parameter stream: what the router and the experts read where they have norms of their own.
    func mixForward(
        _ weights: MixtureWeights, from input: ActivationMatrix, stream: ActivationMatrix,
        into output: ActivationMatrix, rows: Int
    ) {
        guard let mixture else { return }
        mixture.reserve(rows: rows, backward: false)
        let inputs = inputs(of: weights, mixture, input, stream: stream, rows: rows)
        let routing = route(weights, mixture, from: inputs.router, rows: rows)
        let sum = mixture.own?.sum ?? output
        addUp(weights, routing, mixture, from: inputs.experts, into: sum, rows: rows)
        if let norms = weights.ownNorms {
            _ = norm(rows, norms.expertsOutput, from: sum, into: output)
        }
        guard let shared = weights.shared, let memory = mixture.shared else { return }
        run(shared, memory, mixture, from: input, rows: rows)
        let given = normShared(weights, memory, mixture, rows: rows)
        forEachPart(of: rows) { part in
            for row in part {
                addScaledForward(
                    output.row(row), share(of: shared, mixture, row: row), given.row(row),
                    count: output.width)
            }
        }
    }

    /// Takes the gradient of a mixture's output back to its input, overwriting it, and to its weights.
    ///
    /// - Parameter streamGradient: what the gradient of the stream is added to where the router and the experts read that.
    func mixBackward(
        _ step: BackwardStep, _ weights: MixtureWeights, input: ActivationMatrix,
        stream: ActivationMatrix, outputGradient: ActivationMatrix,
        into inputGradient: ActivationMatrix, streamGradient: ActivationMatrix
    ) {
        guard let mixture else { return }
        mixture.reserve(rows: step.rows, backward: true)
        let inputs = inputs(of: weights, mixture, input, stream: stream, rows: step.rows)
        let routing = route(weights, mixture, from: inputs.router, rows: step.rows)
        inputGradient.clear(step.rows)
        let sumGradient = sumBackward(
            step, weights, routing, mixture, from: inputs.experts, outputGradient: outputGradient)
        let expertGradient = mixture.own?.expertInputGradient ?? inputGradient
        for (index, expert) in weights.experts.enumerated() {
            let assignments = routing.uses(of: index)
            guard !assignments.isEmpty else { continue }
            run(expert, assignments, mixture, from: inputs.experts)
            shareBackward(
                step, weights, assignments, of: index, mixture, outputGradient: sumGradient)
            backward(
                step, expert, assignments, mixture, outputGradient: sumGradient,
                addedTo: expertGradient)
        }
        routeBackward(
            step, weights, routing, mixture, input: inputs.router, addedTo: inputGradient)
        sharedBackward(
            step, weights, mixture, input: input, outputGradient: outputGradient,
            addedTo: inputGradient)
        guard let norms = weights.ownNorms, let own = mixture.own else { return }
        normBackward(
            step.rows, norms.experts, step.role(.expertNorm), input: stream,
            outputGradient: own.expertInputGradient, addedTo: streamGradient, step.sink)
        divideByRoot(own.routerInputGradient, count: step.rows)
        normBackward(
            step.rows, norms.router, step.role(.expertRouterNorm), input: stream,
            outputGradient: own.routerInputGradient, addedTo: streamGradient, step.sink)
    }

    // MARK: - The router

    /// What the router and the experts read: the input, or norms of the stream.
    private func inputs(
        of weights: MixtureWeights, _ mixture: MixtureMemory, _ input: ActivationMatrix,
        stream: ActivationMatrix, rows: Int
    ) -> (router: ActivationMatrix, experts: ActivationMatrix) {
        guard let norms = weights.ownNorms, let own = mixture.own else { return (input, input) }
        let routerInput = norm(rows, norms.router, from: stream, into: own.routerInput)
        divideByRoot(routerInput, count: rows)
        return (routerInput, norm(rows, norms.experts, from: stream, into: own.expertInput))
    }

    private func route(
        _ weights: MixtureWeights, _ mixture: MixtureMemory, from input: ActivationMatrix,
        rows: Int
    ) -> Routing {
        project(rows, weights.router, from: input, into: mixture.logits)
        return Routing(
            logits: mixture.logits.row(0), tokens: rows, experts: mixture.experts,
            choiceBias: weights.choiceBias?.floats, expertScales: weights.ownNorms?.scale.floats)
    }

    private func routeBackward(
        _ step: BackwardStep, _ weights: MixtureWeights, _ routing: Routing,
        _ mixture: MixtureMemory, input: ActivationMatrix, addedTo inputGradient: ActivationMatrix
    ) {
        routing.backward(mixture.logits.row(0), shareGradient: mixture.shareGradient.row(0))
        projectBackward(
            step.rows, weights.router, weights.router.role, input: input,
            outputGradient: mixture.logits,
            into: mixture.own?.routerInputGradient ?? inputGradient,
            accumulating: mixture.own == nil, step.sink)
    }

    /// What a router with a norm of its own reads is divided by the root of its width.
    private func divideByRoot(_ rows: ActivationMatrix, count: Int) {
        let scale = 1 / Float(rows.width).squareRoot()
        forEachPart(of: count) { part in
            scaleForward(rows.row(part.lowerBound), by: scale, count: part.count * rows.width)
        }
    }

    /// The gradient of each token's share of an expert that has just run, and of the scale of the shares.
    private func shareBackward(
        _ step: BackwardStep, _ weights: MixtureWeights, _ assignments: [Routing.Use],
        of expert: Int, _ mixture: MixtureMemory, outputGradient: ActivationMatrix
    ) {
        let scale = weights.ownNorms?.scale.floats[expert] ?? 1
        let scaleGradient = step.sink.weights[step.role(.expertScale)]?.floats
        for (row, use) in assignments.enumerated() {
            let gradient = dotForward(
                outputGradient.row(use.token), mixture.expert.output.row(row),
                count: outputGradient.width)
            mixture.shareGradient.row(use.token)[use.slot] = scale * gradient
            scaleGradient?[expert] += use.unscaledShare * gradient
        }
    }

    // MARK: - Experts

    /// sum = Σ share · expert(input) over each row's experts
    private func addUp(
        _ weights: MixtureWeights, _ routing: Routing, _ mixture: MixtureMemory,
        from input: ActivationMatrix, into sum: ActivationMatrix, rows: Int
    ) {
        sum.clear(rows)
        for (index, expert) in weights.experts.enumerated() {
            let assignments = routing.uses(of: index)
            guard !assignments.isEmpty else { continue }
            run(expert, assignments, mixture, from: input)
            forEachPart(of: assignments.count) { part in
                for row in part {
                    addScaledForward(
                        sum.row(assignments[row].token), assignments[row].share,
                        mixture.expert.output.row(row), count: sum.width)
                }
            }
        }
    }

    /// The gradient of what the experts give together, from that of the mixture's output.
    private func sumBackward(
        _ step: BackwardStep, _ weights: MixtureWeights, _ routing: Routing,
        _ mixture: MixtureMemory, from input: ActivationMatrix, outputGradient: ActivationMatrix
    ) -> ActivationMatrix {
        guard let norms = weights.ownNorms, let own = mixture.own else { return outputGradient }
        addUp(weights, routing, mixture, from: input, into: own.sum, rows: step.rows)
        own.expertInputGradient.clear(step.rows)
        own.sumGradient.clear(step.rows)
        normBackward(
            step.rows, norms.expertsOutput, step.role(.expertPostNorm), input: own.sum,
            outputGradient: outputGradient, addedTo: own.sumGradient, step.sink)
        return own.sumGradient
    }

    /// Leaves an expert's outputs for its rows in the mixture's memory.
    private func run(
        _ expert: ExpertWeights, _ assignments: [Routing.Use], _ mixture: MixtureMemory,
        from input: ActivationMatrix
    ) {
        forEachPart(of: assignments.count) { part in
            for index in part {
                mixture.input.row(index).update(
                    from: input.row(assignments[index].token), count: input.width)
            }
        }
        run(expert, mixture.expert, from: mixture.input, rows: assignments.count)
    }

    /// The way back through an expert that has just run.
    private func backward(
        _ step: BackwardStep, _ expert: ExpertWeights, _ assignments: [Routing.Use],
        _ mixture: MixtureMemory, outputGradient: ActivationMatrix,
        addedTo inputGradient: ActivationMatrix
    ) {
        let rows = assignments.count
        forEachPart(of: rows) { part in
            for row in part {
                let gradient = mixture.expert.outputGradient.row(row)
                gradient.update(
                    from: outputGradient.row(assignments[row].token), count: outputGradient.width)
                scaleForward(gradient, by: assignments[row].share, count: outputGradient.width)
            }
        }
        backward(
            step, expert, mixture.expert, input: mixture.input, rows: rows,
            into: mixture.inputGradient, accumulating: false)
        forEachPart(of: rows) { part in
            for row in part {
                addForward(
                    inputGradient.row(assignments[row].token), mixture.inputGradient.row(row),
                    count: inputGradient.width)
            }
        }
    }

    // MARK: - The shared part

    /// Leaves the shared part's outputs, and the logits of what they are multiplied by, in the mixture's memory.
    private func run(
        _ shared: SharedExpertWeights, _ memory: MixtureMemory.UnitMemory,
        _ mixture: MixtureMemory, from input: ActivationMatrix, rows: Int
    ) {
        run(shared.unit, memory, from: input, rows: rows)
        guard let router = shared.router else { return }
        project(rows, router, from: input, into: mixture.sharedLogit)
    }

    /// What a row of the shared part's output is multiplied by.
    private func share(
        of shared: SharedExpertWeights, _ mixture: MixtureMemory, row: Int
    ) -> Float {
        shared.router == nil ? 1 : sigmoidForward(mixture.sharedLogit.row(row)[0])
    }

    /// The shared part's outputs after the norm of a dense part beside experts.
    private func normShared(
        _ weights: MixtureWeights, _ memory: MixtureMemory.UnitMemory, _ mixture: MixtureMemory,
        rows: Int
    ) -> ActivationMatrix {
        guard let own = mixture.own else { return memory.output }
        return norm(rows, weights.ownNorms?.denseOutput, from: memory.output, into: own.dense)
    }

    /// The way back through the shared part and the norm of what it gives.
    private func sharedBackward(
        _ step: BackwardStep, _ weights: MixtureWeights, _ mixture: MixtureMemory,
        input: ActivationMatrix, outputGradient: ActivationMatrix,
        addedTo inputGradient: ActivationMatrix
    ) {
        guard let shared = weights.shared, let memory = mixture.shared else { return }
        run(shared, memory, mixture, from: input, rows: step.rows)
        var gradient = outputGradient
        if let norms = weights.ownNorms, let own = mixture.own {
            own.denseGradient.clear(step.rows)
            normBackward(
                step.rows, norms.denseOutput, step.role(.densePostNorm), input: memory.output,
                outputGradient: outputGradient, addedTo: own.denseGradient, step.sink)
            gradient = own.denseGradient
        }
        backward(
            step, shared, memory, mixture, input: input, outputGradient: gradient,
            addedTo: inputGradient)
    }

    /// The way back through the shared part, which has just run.
    private func backward(
        _ step: BackwardStep, _ shared: SharedExpertWeights, _ memory: MixtureMemory.UnitMemory,
        _ mixture: MixtureMemory, input: ActivationMatrix, outputGradient: ActivationMatrix,
        addedTo inputGradient: ActivationMatrix
    ) {
        let width = outputGradient.width
        forEachPart(of: step.rows) { part in
            for row in part {
                let share = share(of: shared, mixture, row: row)
                let gradient = memory.outputGradient.row(row)
                gradient.update(from: outputGradient.row(row), count: width)
                scaleForward(gradient, by: share, count: width)
                mixture.sharedLogitGradient.row(row)[0] =
                    share * (1 - share)
                    * dotForward(outputGradient.row(row), memory.output.row(row), count: width)
            }
        }
        backward(
            step, shared.unit, memory, input: input, rows: step.rows, into: inputGradient,
            accumulating: true)
        guard let router = shared.router else { return }
        projectBackward(
            step.rows, router, router.role, input: input,
            outputGradient: mixture.sharedLogitGradient, into: inputGradient, accumulating: true,
            step.sink)
    }

    // MARK: - One gated feed-forward part

    /// memory.output = down(activation(gate(input)) · up(input))
    private func run(
        _ unit: ExpertWeights, _ memory: MixtureMemory.UnitMemory, from input: ActivationMatrix,
        rows: Int
    ) {
        let activation = configuration.sizes.activation
        projectInner(unit.inner, memory, from: input, rows: rows)
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            gatedUnitForward(
                memory.gated.row(first), gate: memory.gate.row(first), up: memory.up.row(first),
                activation: activation, count: part.count * memory.up.width)
        }
        project(rows, unit.down, from: memory.gated, into: memory.output)
    }

    /// memory.gate, memory.up = gate(input), up(input)
    private func projectInner(
        _ inner: ExpertWeights.Inner, _ memory: MixtureMemory.UnitMemory,
        from input: ActivationMatrix, rows: Int
    ) {
        let layout = configuration.fusedExperts ?? .stacked
        switch (inner, memory.gateUp) {
        case (.fused(let projection), let fused?):
            project(rows, projection, from: input, into: fused)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                splitRows(
                    [memory.gate, memory.up].map { ($0.row(first), $0.width) },
                    fused: fused.row(first), layout: layout,
                    tokens: part.count)
            }
        case (.separate(let gate, let up), _):
            project(rows, gate, from: input, into: memory.gate)
            project(rows, up, from: input, into: memory.up)
        case (.fused, nil): preconditionFailure("no memory for a fused matrix")
        }
    }

    /// Takes the gradient of the output, in the memory, back to the input and to the weights of a part that has just run.
    private func backward(
        _ step: BackwardStep, _ unit: ExpertWeights, _ memory: MixtureMemory.UnitMemory,
        input: ActivationMatrix, rows: Int, into inputGradient: ActivationMatrix,
        accumulating: Bool
    ) {
        let activation = configuration.sizes.activation
        projectBackward(
            rows, unit.down, unit.down.role, input: memory.gated,
            outputGradient: memory.outputGradient, into: memory.gateGradient, accumulating: false,
            step.sink)
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            gatedUnitBackward(
                memory.gateGradient.row(first), upGradient: memory.upGradient.row(first),
                outputGradient: memory.gateGradient.row(first), gate: memory.gate.row(first),
                up: memory.up.row(first), activation: activation,
                count: part.count * memory.up.width)
        }
        var projections: [(Projection, ActivationMatrix)] = []
        let layout = configuration.fusedExperts ?? .stacked
        switch (unit.inner, memory.gateUp) {
        case (.fused(let projection), let fused?):
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                joinRows(
                    fused.row(first),
                    parts: [memory.gateGradient, memory.upGradient].map {
                        (UnsafePointer($0.row(first)), $0.width)
                    }, layout: layout, tokens: part.count)
            }
            projections = [(projection, fused)]
        case (.separate(let gate, let up), _):
            projections = [(gate, memory.gateGradient), (up, memory.upGradient)]
        case (.fused, nil): preconditionFailure("no memory for a fused matrix")
        }
        for (index, (projection, gradient)) in projections.enumerated() {
            projectBackward(
                rows, projection, projection.role, input: input, outputGradient: gradient,
                into: inputGradient, accumulating: accumulating || index > 0, step.sink)
        }
    }
}
