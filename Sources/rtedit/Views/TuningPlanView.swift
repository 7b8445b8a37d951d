import Formats
import Tuning

/// What a run would tune, as its dry run shows it.
struct TuningPlanView {
    let request: TuneRequest
    let selection: WeightSelection
    let terms: [ObjectiveTerm]
    let data: TuningData
    let base: Checkpoint

    /// Copies of every tuned number, 4 bytes each: value, gradient, two moments, and the best where there is
    /// validation.
    private var copies: Int { data.validation.isEmpty ? 4 : 5 }

    private var steps: Int { request.options.steps(examples: data.training.count) }

    func show(on console: Console) {
        var table = Table([
            .left("weight"), .left("blocks"), .right("numbers"), .left("reached by"),
            .right("learning rate"),
        ])
        var total = 0
        for weight in request.weights {
            let roles = selection.roles.filter(weight.contains)
            let count = roles.reduce(0) { $0 + numbers(of: $1) }
            guard count > 0 else { continue }
            total += count
            let reaching = zip(TuneCommand.names(of: terms), terms).filter { _, term in
                roles.contains { term.reach?.contains($0) ?? true }
            }
            let isReached = reaching.contains { $0.1.goal.isRepresentation }
            let blocks = Set(roles.compactMap(\.block))
            table.add(
                weight.rawValue, blocks.isEmpty ? "-" : BlockSet.text(Array(blocks)),
                "\(count)", reaching.map(\.0).joined(separator: ", "),
                "\(isReached ? request.representationLearningRate : request.learningRate)")
        }
        let memory = total * copies * MemoryLayout<Float>.stride
        console.print(table)
        console.print(
            "\(total) numbers in \(selection.roles.count) weights, \(Quantity.bytes(memory)) with gradients, "
                + "moments and copies")
        console.print(
            "\(data.training.count) examples, \(data.validation.count) for validation, "
                + "\(data.texts.count) windows of text; \(steps) steps at most")
        console.report(
            JSONObject([
                .init("numbers", .integer(total)),
                .init("weights", .integer(selection.roles.count)),
                .init("bytes", .integer(memory)), .init("steps", .integer(steps)),
                .init("examples", .integer(data.training.count)),
                .init("validation_examples", .integer(data.validation.count)),
                .init("text_windows", .integer(data.texts.count)),
            ]))
    }

    /// How many numbers of a weight are tuned.
    private func numbers(of role: WeightRole) -> Int {
        guard let tensor = base.tensor(role) else { return 0 }
        switch request.form {
        case .full: return tensor.description.elementCount ?? 0
        case .lowRank(let rank, _):
            return tensor.shape.count == 2 ? rank * (tensor.shape[0] + tensor.shape[1]) : 0
        }
    }
}
