import Formats
import Tuning

/// What a run would tune, as its dry run shows it.
struct TuningPlanView {
    let plan: TuningPlan
    let data: TuningData
    let steps: Int
    /// For weights that representation terms reach, and for the others.
    let learningRates: (representation: Double, other: Double)

    func show(on console: Console) {
        var table = Table([
            .left("weight"), .left("blocks"), .right("numbers"), .left("reached by"),
            .right("learning rate"),
        ])
        for row in plan.rows {
            table.add(
                row.weight.rawValue, row.blocks.isEmpty ? "-" : BlockSet.text(row.blocks),
                "\(row.numbers)", row.terms.joined(separator: ", "),
                "\(row.isRepresentation ? learningRates.representation : learningRates.other)")
        }
        console.print(table)
        console.print(
            "\(plan.numbers) numbers in \(plan.weightCount) weights, \(Quantity.bytes(plan.bytes)) with gradients, "
                + "moments and copies")
        console.print(
            "\(data.training.count) examples, \(data.validation.count) for validation, "
                + "\(data.texts.count) windows of text; \(steps) steps at most")
        let state = RunFolder.stateByteCount(
            numbers: plan.numbers, isValidated: !data.validation.isEmpty)
        console.print(
            "the run's folder would hold \(Quantity.bytes(state)) until the output is written")
        console.report(
            JSONObject([
                .init("numbers", .integer(plan.numbers)),
                .init("weights", .integer(plan.weightCount)),
                .init("bytes", .integer(plan.bytes)), .init("run_bytes", .integer(state)),
                .init("steps", .integer(steps)),
                .init("examples", .integer(data.training.count)),
                .init("validation_examples", .integer(data.validation.count)),
                .init("text_windows", .integer(data.texts.count)),
                .init("rows", .array(plan.rows.map(json))),
            ]))
    }

    private func json(_ row: TuningPlan.Row) -> JSONValue {
        let rate = row.isRepresentation ? learningRates.representation : learningRates.other
        return .object(
            JSONObject([
                .init("weight", .string(row.weight.rawValue)),
                .init("blocks", .array(row.blocks.map { .integer($0) })),
                .init("numbers", .integer(row.numbers)),
                .init("terms", .array(row.terms.map { .string($0) })),
                .init("learning_rate", .number(rate)),
            ]))
    }
}
