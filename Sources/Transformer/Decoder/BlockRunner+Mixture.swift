import Formats

/// A mixture of experts (arXiv 2101.03961, 2401.04088): every token goes through the few feed-forward parts that the
/// router gives the largest shares, and through one beside them where there is one (arXiv 2401.06066). Experts run one
/// after the other, each on its tokens packed together.
extension BlockRunner {
    /// output = Σ share · expert(input) over each row's experts + the shared part
    func mixForward(
        _ weights: MixtureWeights, from input: ActivationMatrix, into output: ActivationMatrix,
        rows: Int
    ) {
        guard let mixture else { return }
        mixture.reserve(rows: rows, backward: false)
        let routing = route(weights, mixture, from: input, rows: rows)
        output.clear(rows)
        for (index, expert) in weights.experts.enumerated() {
            let assignments = routing.uses(of: index)
            guard !assignments.isEmpty else { continue }
            run(expert, assignments, mixture, from: input)
            forEachPart(of: assignments.count) { part in
                for row in part {
                    addScaledForward(
                        output.row(assignments[row].token), assignments[row].share,
                        mixture.expert.output.row(row), count: output.width)
                }
            }
        }
        guard let shared = weights.shared, let memory = mixture.shared else { return }
        run(shared, memory, mixture, from: input, rows: rows)
        forEachPart(of: rows) { part in
            for row in part {
                addScaledForward(
                    output.row(row), share(of: shared, mixture, row: row),
                    memory.output.row(row), count: output.width)
            }
        }
    }

    /// Takes the gradient of a mixture's output back to its input, overwriting it, and to its weights.
    func mixBackward(
        _ step: BackwardStep, _ weights: MixtureWeights, input: ActivationMatrix,
        outputGradient: ActivationMatrix, into inputGradient: ActivationMatrix
    ) {
        guard let mixture else { return }
        mixture.reserve(rows: step.rows, backward: true)
        let routing = route(weights, mixture, from: input, rows: step.rows)
        inputGradient.clear(step.rows)
        for (index, expert) in weights.experts.enumerated() {
            let assignments = routing.uses(of: index)
            guard !assignments.isEmpty else { continue }
            run(expert, assignments, mixture, from: input)
            forEachPart(of: assignments.count) { part in
                for row in part {
                    let use = assignments[row]
                    mixture.shareGradient.row(use.token)[use.slot] = dotForward(
                        outputGradient.row(use.token), mixture.expert.output.row(row),
                        count: outputGradient.width)
                }
            }
            backward(
                step, expert, assignments, mixture, outputGradient: outputGradient,
                addedTo: inputGradient)
        }
        routing.backward(mixture.logits.row(0), shareGradient: mixture.shareGradient.row(0))
        projectBackward(
            step.rows, weights.router, weights.router.role, input: input,
            outputGradient: mixture.logits, into: inputGradient, accumulating: true, step.sink)
        guard let shared = weights.shared, let memory = mixture.shared else { return }
        run(shared, memory, mixture, from: input, rows: step.rows)
        backward(
            step, shared, memory, mixture, input: input, outputGradient: outputGradient,
            addedTo: inputGradient)
    }

    private func route(
        _ weights: MixtureWeights, _ mixture: MixtureMemory, from input: ActivationMatrix,
        rows: Int
    ) -> Routing {
        project(rows, weights.router, from: input, into: mixture.logits)
        return Routing(
            logits: mixture.logits.row(0), tokens: rows, experts: mixture.experts,
            choiceBias: weights.choiceBias?.floats)
    }

    // MARK: - Experts

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
        switch (inner, memory.gateUp) {
        case (.turns(let projection), let fused?):
            project(rows, projection, from: input, into: fused)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                splitRows(
                    [memory.gate, memory.up].map { ($0.row(first), $0.width) },
                    fused: fused.row(first), layout: .headwise(heads: memory.gate.width),
                    tokens: part.count)
            }
        case (.separate(let gate, let up), _):
            project(rows, gate, from: input, into: memory.gate)
            project(rows, up, from: input, into: memory.up)
        case (.turns, nil): preconditionFailure("no memory for a fused matrix")
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
        switch (unit.inner, memory.gateUp) {
        case (.turns(let projection), let fused?):
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                joinRows(
                    fused.row(first),
                    parts: [memory.gateGradient, memory.upGradient].map {
                        (UnsafePointer($0.row(first)), $0.width)
                    }, layout: .headwise(heads: memory.gate.width), tokens: part.count)
            }
            projections = [(projection, fused)]
        case (.separate(let gate, let up), _):
            projections = [(gate, memory.gateGradient), (up, memory.upGradient)]
        case (.turns, nil): preconditionFailure("no memory for a fused matrix")
        }
        for (index, (projection, gradient)) in projections.enumerated() {
            projectBackward(
                rows, projection, projection.role, input: input, outputGradient: gradient,
                into: inputGradient, accumulating: accumulating || index > 0, step.sink)
        }
    }
}
