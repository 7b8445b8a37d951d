import Formats

/// Outputs of checkpoints: what a path's name says about its format, and how a plan is shown and written.
struct CheckpointOutput {
    static let dryRun = Option.flag("dry-run", "Show what would be written, and write nothing.")
    static let shardSize = Option.value(
        "shard-size", "SIZE",
        "Split the output into files of at most this size, such as 5GB.")

    let path: String

    /// `.gguf` is a GGUF file; anything else is in Hugging Face's layout.
    var format: Checkpoint.Format { path.hasSuffix(".gguf") ? .gguf : .safetensors }

    /// Refuses an output that exists and may not be replaced, before any work is done for it.
    func checkTarget(replacing: Bool) throws(FileError) {
        if path.hasSuffix(".gguf") || path.hasSuffix(".safetensors") {
            try AtomicFile.checkTarget(path, replacing: replacing)
        } else {
            try OutputFolder(path: path, replacing: replacing).discard()
        }
    }

    /// Writes the source with the edits, or shows what it would write, and reports it.
    func write(
        _ source: Checkpoint, edits: [CheckpointEdit], crew: WorkCrew, _ arguments: ParsedArguments,
        _ console: Console
    ) throws {
        let report = try save(source, edits: edits, crew: crew, arguments, console)
        console.report(report)
    }

    /// Writes the source with the edits, or shows what it would write.
    ///
    /// - Returns: the report.
    func save(
        _ source: Checkpoint, edits: [CheckpointEdit], crew: WorkCrew, _ arguments: ParsedArguments,
        _ console: Console
    ) throws -> JSONObject {
        let plan = try OutputPlan(source: source, edits: edits, format: format)
        for note in plan.notes { console.note(note) }
        let total = plan.tensors.reduce(0) { $0 + ($1.description.byteCount ?? 0) }
        let copied = plan.tensors.count { $0.isCopy }
        let report = JSONObject([
            .init("output", .string(path)), .init("format", .string(format.rawValue)),
            .init("tensors", .integer(plan.tensors.count)),
            .init("copied_tensors", .integer(copied)),
            .init("bytes", .integer(total)),
            .init("edits", .array(edits.map { .string($0.description) })),
        ])
        if arguments.has(Self.dryRun) {
            show(plan, edits: edits, on: console)
            return report
        }
        let progress = console.progress("writing", total: total, unit: .bytes)
        let writer = CheckpointWriter(crew: crew) { progress.advance(by: $0) }
        let summary = try writer.write(
            plan, to: path, shardLimit: arguments.byteCountIfGiven(Self.shardSize),
            replacing: arguments.replacesOutputs)
        progress.finish()
        if summary.overflowCount > 0 {
            console.warning(
                "\(summary.overflowCount) values are too large for the output's type and became infinite"
            )
        }
        console.print(
            "\(path): \(plan.tensors.count) tensors, \(copied) of them copied byte for byte, "
                + "\(Quantity.bytes(summary.byteCount))")
        return report
    }

    private func show(_ plan: OutputPlan, edits: [CheckpointEdit], on console: Console) {
        for edit in edits { console.print(edit.description) }
        var table = Table([.left("tensor"), .left("type"), .left("shape"), .left("from")])
        for tensor in plan.tensors where !tensor.isCopy {
            table.add(
                tensor.description.name, tensor.description.type.name,
                tensor.description.shape.map(String.init).joined(separator: "x"),
                tensor.content.summary)
        }
        if !table.rows.isEmpty { console.print(table) }
        let copied = plan.tensors.count { $0.isCopy }
        console.print(
            "\(path): would write \(plan.tensors.count) tensors, \(copied) of them copied byte for byte"
        )
    }
}
