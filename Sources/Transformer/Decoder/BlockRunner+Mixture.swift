import Formats

/// Memory of a mixture of experts.
///
/// Letters: R rows of the chunk, D hidden size, E experts, F inner width of an expert.
final class MixtureMemory: Sendable {
    /// (R, E): the router's outputs, then their gradients.
    let logits: ActivationMatrix
    /// (R, D): the rows that go through an expert.
    let input: ActivationMatrix
    /// (R, F)
    let gate: ActivationMatrix
    /// (R, F)
    let up: ActivationMatrix
    /// (R, F)
    let gated: ActivationMatrix
    /// (R, D)
    let output: ActivationMatrix
    /// (R, D): the gradient of the expert's output, then of its input.
    let outputGradient: ActivationMatrix
    let inputGradient: ActivationMatrix
    /// (R, F)
    let gateGradient: ActivationMatrix
    /// (R, F)
    let upGradient: ActivationMatrix
    /// (R, used experts)
    let shareGradient: ActivationMatrix
    let experts: Experts

    init(_ experts: Experts, hiddenSize: Int) {
        self.experts = experts
        shareGradient = ActivationMatrix(width: experts.usedCount)
        logits = ActivationMatrix(width: experts.count)
        input = ActivationMatrix(width: hiddenSize)
        gate = ActivationMatrix(width: experts.feedForwardSize)
        up = ActivationMatrix(width: experts.feedForwardSize)
        gated = ActivationMatrix(width: experts.feedForwardSize)
        output = ActivationMatrix(width: hiddenSize)
        outputGradient = ActivationMatrix(width: hiddenSize)
        inputGradient = ActivationMatrix(width: hiddenSize)
        gateGradient = ActivationMatrix(width: experts.feedForwardSize)
        upGradient = ActivationMatrix(width: experts.feedForwardSize)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int, backward: Bool) {
        for matrix in [logits, input, gate, up, gated, output] { matrix.reserve(rows) }
        guard backward else { return }
        for matrix in [
            outputGradient, inputGradient, gateGradient, upGradient, shareGradient,
        ] {
            matrix.reserve(rows)
        }
    }
}

/// A mixture of experts (arXiv 2101.03961, 2401.04088): every token goes through the few feed-forward parts that the
/// router gives the largest shares. Experts run one after the other, each on its tokens packed together.
extension BlockRunner {
    /// output = Σ share · expert(input) over each row's experts.
    func mixForward(
        _ router: Projection, _ experts: [ExpertWeights], from input: ActivationMatrix,
        into output: ActivationMatrix, rows: Int
    ) {
        guard let mixture else { return }
        mixture.reserve(rows: rows, backward: false)
        let routing = route(router, mixture, from: input, rows: rows)
        output.clear(rows)
        for (index, expert) in experts.enumerated() {
            let assignments = routing.uses(of: index)
            guard !assignments.isEmpty else { continue }
            run(expert, assignments, from: input)
            forEachPart(of: assignments.count) { part in
                for row in part {
                    addScaledForward(
                        output.row(assignments[row].token), assignments[row].share,
                        mixture.output.row(row), count: output.width)
                }
            }
        }
    }

    /// Takes the gradient of a mixture's output back to its input, overwriting it, and to its weights.
    func mixBackward(
        _ step: BackwardStep, _ router: Projection, _ experts: [ExpertWeights],
        input: ActivationMatrix, outputGradient: ActivationMatrix,
        into inputGradient: ActivationMatrix
    ) {
        guard let mixture else { return }
        mixture.reserve(rows: step.rows, backward: true)
        let routing = route(router, mixture, from: input, rows: step.rows)
        inputGradient.clear(step.rows)
        for (index, expert) in experts.enumerated() {
            let assignments = routing.uses(of: index)
            guard !assignments.isEmpty else { continue }
            run(expert, assignments, from: input)
            forEachPart(of: assignments.count) { part in
                for row in part {
                    let use = assignments[row]
                    mixture.shareGradient.row(use.token)[use.slot] = dotForward(
                        outputGradient.row(use.token), mixture.output.row(row),
                        count: outputGradient.width)
                }
            }
            backward(
                step, expert, index, assignments, outputGradient: outputGradient,
                addedTo: inputGradient)
        }
        routing.backward(mixture.logits.row(0), shareGradient: mixture.shareGradient.row(0))
        projectBackward(
            step.rows, router, step.role(.expertRouter), input: input,
            outputGradient: mixture.logits, into: inputGradient, accumulating: true, step.sink)
    }

    private func route(
        _ router: Projection, _ mixture: MixtureMemory, from input: ActivationMatrix, rows: Int
    ) -> Routing {
        project(rows, router, from: input, into: mixture.logits)
        return Routing(
            logits: mixture.logits.row(0), tokens: rows, experts: mixture.experts)
    }

    /// Leaves an expert's outputs for its rows in the mixture's memory.
    private func run(
        _ expert: ExpertWeights, _ assignments: [Routing.Use],
        from input: ActivationMatrix
    ) {
        guard let mixture else { return }
        let rows = assignments.count
        let activation = configuration.sizes.activation
        forEachPart(of: rows) { part in
            for index in part {
                mixture.input.row(index).update(
                    from: input.row(assignments[index].token), count: input.width)
            }
        }
        project(rows, expert.gate, from: mixture.input, into: mixture.gate)
        project(rows, expert.up, from: mixture.input, into: mixture.up)
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            gatedUnitForward(
                mixture.gated.row(first), gate: mixture.gate.row(first), up: mixture.up.row(first),
                activation: activation, count: part.count * mixture.up.width)
        }
        project(rows, expert.down, from: mixture.gated, into: mixture.output)
    }

    /// The way back through an expert that has just run.
    private func backward(
        _ step: BackwardStep, _ expert: ExpertWeights, _ index: Int,
        _ assignments: [Routing.Use], outputGradient: ActivationMatrix,
        addedTo inputGradient: ActivationMatrix
    ) {
        guard let mixture else { return }
        let rows = assignments.count
        let activation = configuration.sizes.activation
        forEachPart(of: rows) { part in
            for row in part {
                let gradient = mixture.outputGradient.row(row)
                gradient.update(
                    from: outputGradient.row(assignments[row].token), count: outputGradient.width)
                scaleForward(gradient, by: assignments[row].share, count: outputGradient.width)
            }
        }
        projectBackward(
            rows, expert.down, step.role(.expertDown, expert: index), input: mixture.gated,
            outputGradient: mixture.outputGradient, into: mixture.gateGradient,
            accumulating: false, step.sink)
        forEachPart(of: rows) { part in
            let first = part.lowerBound
            gatedUnitBackward(
                mixture.gateGradient.row(first), upGradient: mixture.upGradient.row(first),
                outputGradient: mixture.gateGradient.row(first), gate: mixture.gate.row(first),
                up: mixture.up.row(first), activation: activation,
                count: part.count * mixture.up.width)
        }
        projectBackward(
            rows, expert.gate, step.role(.expertGate, expert: index), input: mixture.input,
            outputGradient: mixture.gateGradient, into: mixture.inputGradient,
            accumulating: false, step.sink)
        projectBackward(
            rows, expert.up, step.role(.expertUp, expert: index), input: mixture.input,
            outputGradient: mixture.upGradient, into: mixture.inputGradient, accumulating: true,
            step.sink)
        forEachPart(of: rows) { part in
            for row in part {
                addForward(
                    inputGradient.row(assignments[row].token), mixture.inputGradient.row(row),
                    count: inputGradient.width)
            }
        }
    }
}
