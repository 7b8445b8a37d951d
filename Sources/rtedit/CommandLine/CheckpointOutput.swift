import Formats

/// Outputs of checkpoints: what a path's name says about its format, and how a plan is shown and written.
struct CheckpointOutput {
    static let dryRun = Option.flag("dry-run", "Show what would be written, and write nothing.")
    static let shardSize = Knob.byteCount(
        "shard-size", "SIZE",
        "Split the output into files of at most this size, such as 5GB.")

    /// The names of the types in which changed values can be stored, whose errors nothing weighs.
    static let storedTypes = ElementType.allCases.filter {
        RowEncoder.isSupported($0) && !RowEncoder.needsImportance($0) && $0 != .f64
    }.map(\.name)

    let path: String

    init(path: String) {
        self.path = path
    }

    /// The output that a call names, checked before any work is done for it.
    ///
    /// - Throws: `UsageError` where it is empty; `FileError.isInput`, and as `checkTarget`, unless nothing is to be written.
    init(_ arguments: ParsedArguments, _ positional: Positional) throws {
        try self.init(
            arguments, path: arguments.outputPath(positional), name: positional.name,
            place: positional.name)
    }

    /// The same of an output that an option names.
    ///
    /// - Parameter inputs: the models that options name.
    init(_ arguments: ParsedArguments, _ option: Option, inputs: [String]) throws {
        try self.init(
            arguments, path: arguments.outputPath(option), name: option.name,
            place: option.flagText, inputs: inputs)
    }

    private init(
        _ arguments: ParsedArguments, path: String, name: String, place: String,
        inputs: [String] = []
    ) throws {
        self.path = path
        try Self.checkName(path, place: place)
        if arguments.isGiven(Self.shardSize), path.hasSuffix(".safetensors") {
            throw UsageError.contradiction(
                option: Self.shardSize.option.flagText,
                fact: "\(path) is one file; name a folder for files of a size")
        }
        guard !arguments.has(Self.dryRun) else { return }
        if !arguments.replacesOutputs, arguments.isInput(path, named: name, inputs: inputs) {
            throw FileError.isInput(path: path)
        }
        // The files of a split model have names of their own, which the writer checks.
        let isSplit = path.hasSuffix(".gguf") && arguments.isGiven(Self.shardSize)
        try checkTarget(replacing: arguments.replacesOutputs || isSplit)
    }

    /// Refuses a name that looks like a file's of a kind that is not written: it would become a folder.
    static func checkName(_ path: String, place: String) throws(UsageError) {
        try OutputName.check(
            path, isOf: ["gguf", "safetensors", "rtdelta"], place: place,
            effect: "would be a folder ('\(path)/' says that one is meant)")
    }

    /// Refuses a size that gives every tensor a file of its own; tells of tensors that are larger than their file shall be.
    private func checkShards(
        of plan: OutputPlan, _ arguments: ParsedArguments, _ console: Console
    ) throws {
        guard let limit = try arguments.value(Self.shardSize), !isPatch else { return }
        let sizes = plan.tensors.map { $0.description.byteCount ?? 0 }
        guard
            let largest = plan.tensors.max(by: {
                $0.description.byteCount ?? 0 < $1.description.byteCount ?? 0
            }), let size = largest.description.byteCount, size > limit
        else { return }
        let place = Self.shardSize.option
        let name = largest.description.name
        if sizes.count > 1, Packing.groups(sizes, limit: limit).count == sizes.count {
            throw arguments.invalid(
                place, arguments.textIfGiven(place) ?? "",
                "a size for files: each of \(sizes.count) tensors would have its own; the largest, '\(name)', has "
                    + "\(Quantity.bytes(size))")
        }
        console.note(
            "tensor '\(name)' has \(Quantity.bytes(size)), more than \(place.flagText): tensors are not split, and its "
                + "file is larger")
    }

    /// Whether the output is a patch from the source rather than a checkpoint.
    var isPatch: Bool { path.hasSuffix(".rtdelta") }

    /// `.gguf` is a GGUF file; a patch makes what the source is; anything else is in Hugging Face's layout.
    func format(from source: Checkpoint) -> FileFormat {
        if isPatch { return source.format }
        return path.hasSuffix(".gguf") ? .gguf : .safetensors
    }

    /// Refuses an output that exists and may not be replaced, before any work is done for it.
    func checkTarget(replacing: Bool) throws(FileError) {
        if isPatch || path.hasSuffix(".gguf") || path.hasSuffix(".safetensors") {
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
        let saved = try save(source, edits: edits, crew: crew, arguments, console)
        console.report(saved.report)
    }

    /// What became of an output.
    struct Saved {
        var report: JSONObject
        /// By what it is opened as a checkpoint, of a split model its first file; nil where no checkpoint was written.
        let checkpoint: String?
    }

    /// Writes the source with the edits, or shows what it would write.
    func save(
        _ source: Checkpoint, edits: [CheckpointEdit], crew: WorkCrew, _ arguments: ParsedArguments,
        _ console: Console
    ) throws -> Saved {
        let format = format(from: source)
        let plan = try OutputPlan(source: source, edits: edits, format: format)
        for note in plan.notes { console.note(note) }
        try checkShards(of: plan, arguments, console)
        let total = plan.tensorByteCount
        let copied = plan.tensors.count { $0.isCopy }
        var report = JSONObject([
            .init("output", .string(path)), .init("format", .string(format.rawValue)),
            .init("tensors", .integer(plan.tensors.count)),
            .init("copied_tensors", .integer(copied)),
            .init("bytes", .integer(total)), .init("patch", .bool(isPatch)),
            .init("edits", .array(edits.map { .string($0.description) })),
            .init("bits_per_weight", .number(plan.bitsPerWeight)),
            .init("new_tensors", .array(plan.tensors.filter { !$0.isCopy }.map(Self.json))),
            .init("written", .bool(!arguments.has(Self.dryRun))),
        ])
        if arguments.has(Self.dryRun) {
            report["refusal"] = plan.refusal.map { .string("\($0)") } ?? .null
            show(plan, edits: edits, on: console)
            return Saved(report: report, checkpoint: nil)
        }
        let (files, size, rounding) =
            try isPatch
            ? writePatch(plan, crew: crew, arguments, console)
            : writeFiles(plan, total: total, crew: crew, arguments, console)
        report["files"] = .array(files.map { .string($0) })
        let view = RoundingView(rounding, plan: plan)
        view.show(on: console)
        for member in view.members { report[member.key] = member.value }
        console.print(
            (!isPatch && Folder.exists(path) ? "wrote folder \(path): " : "\(path): ")
                + "\(plan.tensors.count) tensors, \(copied) of them copied byte for byte, "
                + Quantity.bytes(size))
        let checkpoint = isPatch ? nil : Folder.exists(path) ? path : files.first
        return Saved(report: report, checkpoint: checkpoint)
    }

    /// A tensor that is not copied.
    private static func json(_ tensor: OutputPlan.Tensor) -> JSONValue {
        let description = tensor.description
        return .object(
            JSONObject([
                .init("name", .string(description.name)),
                .init("type", .string(description.type.name)),
                .init("shape", .array(description.shape.map { .integer($0) })),
                .init("bytes", .integer(description.byteCount ?? 0)),
                .init("from", .string(tensor.content.summary)),
            ]))
    }

    /// - Returns: the weight files, their size, and what their types lose.
    private func writeFiles(
        _ plan: OutputPlan, total: Int, crew: WorkCrew, _ arguments: ParsedArguments,
        _ console: Console
    ) throws -> (files: [String], size: Int, rounding: RoundingReport) {
        let progress = console.progress("writing", total: total, unit: .bytes)
        let writer = CheckpointWriter(
            crew: crew, allowsInfinities: arguments.replacesOutputs
        ) { progress.advance(by: $0) }
        let summary = try writer.write(
            plan, to: path, shardLimit: arguments.value(Self.shardSize),
            replacing: arguments.replacesOutputs)
        progress.finish()
        for note in summary.notes { console.note(note) }
        return (summary.files, summary.byteCount, summary.rounding)
    }

    /// - Returns: the patch, its size, and what the types of what it makes lose.
    private func writePatch(
        _ plan: OutputPlan, crew: WorkCrew, _ arguments: ParsedArguments, _ console: Console
    ) throws -> (files: [String], size: Int, rounding: RoundingReport) {
        if let size = arguments.textIfGiven(Self.shardSize.option) {
            throw arguments.invalid(
                Self.shardSize.option, size, "for a patch, whose files are the source's")
        }
        let layout = try OutputLayout(plan, path: plan.source.path)
        let progress = console.progress("comparing", total: layout.byteCount, unit: .bytes)
        let writer = PatchWriter(
            crew: crew, allowsInfinities: arguments.replacesOutputs
        ) { progress.advance(by: $0) }
        let summary = try writer.write(plan, path: path, replacing: arguments.replacesOutputs)
        progress.finish()
        return ([path], summary.byteCount, summary.rounding)
    }

    private func show(_ plan: OutputPlan, edits: [CheckpointEdit], on console: Console) {
        for edit in edits { console.print(edit.description) }
        var table = Table([
            .left("tensor"), .left("type"), .left("shape"), .right("size"), .left("from"),
        ])
        for tensor in plan.tensors where !tensor.isCopy {
            table.add(
                tensor.description.name, tensor.description.type.name,
                tensor.description.shape.map(String.init).joined(separator: "x"),
                Quantity.bytes(tensor.description.byteCount ?? 0), tensor.content.summary)
        }
        if !table.rows.isEmpty { console.print(table) }
        let copied = plan.tensors.count { $0.isCopy }
        console.print(
            "\(path): would write \(plan.tensors.count) tensors, \(copied) of them copied byte for byte, "
                + "\(Quantity.bytes(plan.tensorByteCount)), "
                + "\(Quantity.fixed(plan.bitsPerWeight, 2)) bits a weight")
        if let refusal = plan.refusal { console.warning("\(refusal)") }
    }
}
