import Formats

/// `rtedit delta`
struct DeltaCommand: Command {
    enum Action: String, CaseIterable {
        case create, apply, inspect
    }

    static let action = Positional(
        "ACTION", "What to do.", allowed: Action.allCases.map(\.rawValue))
    static let first = Positional(
        "BASE", "A file or folder of weights; with inspect the patch, and nothing more.")
    static let second = Positional(
        "TARGET", "What the patch shall make; with apply the patch.", isOptional: true)
    static let third = Positional(
        "PATCH", "The patch to write (.rtdelta); with apply the file or folder to write.",
        isOptional: true)

    let name = "delta"
    let summary = "Store a checkpoint as the change from another, without loss."
    let details = """
        delta create BASE TARGET PATCH, delta apply BASE PATCH OUT, delta inspect PATCH. Base and target are a GGUF file \
        (the first of a split one), a safetensors file, a shard index, or a folder, and need not be of one format: every \
        regular file of a folder is part of it. Applying gives the target's files byte for byte, checked by their SHA-256; \
        a base that is not the patch's is refused by the first tensor that differs, and a damaged patch leaves no output.

        bake, merge, tune and convert write a patch too, where their output is called NAME.rtdelta: the patch from \
        their model to what they would have written.
        """
    let positionals = [Self.action, Self.first, Self.second, Self.third]
    let examples = [
        Example("Make a patch:", "rtedit delta create base.gguf tuned.gguf tuned.rtdelta"),
        Example("Apply it:", "rtedit delta apply base.gguf tuned.rtdelta tuned.gguf"),
        Example("See what it holds:", "rtedit delta inspect tuned.rtdelta"),
        Example("Bake into a patch:", "rtedit bake m.gguf mood.rtdelta --vector mood.gguf"),
    ]

    func readsWeights(_ arguments: ParsedArguments) -> Bool { true }

    func callWithOutput(_ arguments: ParsedArguments) -> String? {
        switch arguments.textIfGiven(Self.action).flatMap(Action.init) {
        case .create?: "rtedit delta create BASE TARGET PATCH"
        case .apply?: Self.applyCall
        case .inspect?, nil: nil
        }
    }

    private static let applyCall = "rtedit delta apply BASE PATCH \(Positional.output)"

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        switch Action(rawValue: try arguments.text(Self.action)) {
        case .create?: try create(arguments, console)
        case .apply?: try apply(arguments, console)
        case .inspect?, nil: try inspect(arguments, console)
        }
        return .done
    }

    private func create(_ arguments: ParsedArguments, _ console: Console) throws {
        let (basePath, targetPath) = (
            try arguments.text(Self.first), try arguments.text(Self.second)
        )
        let path = try arguments.outputPath(Self.third)
        // A patch of a file is useless without it.
        if arguments.isInput(path, named: Self.third.name) {
            throw UsageError.contradiction(
                option: "PATCH", fact: "\(path) is an input of this call; name another output")
        }
        try AtomicFile.checkTarget(path, replacing: arguments.replacesOutputs)
        let target = try FileSet(path: targetPath)
        if !target.leftOut.isEmpty {
            console.note(
                "\(targetPath): no regular files, left out: \(target.leftOut.joined(separator: ", "))"
            )
        }
        for note in target.notes { console.note(note) }
        let progress = console.progress("comparing", total: target.byteCount, unit: .bytes)
        let writer = PatchWriter(crew: try WorkCrew(threads: arguments.threads)) {
            progress.advance(by: $0)
        }
        let summary = try writer.write(
            from: FileSet(path: basePath), to: target, path: path,
            replacing: arguments.replacesOutputs)
        progress.finish()
        let share = Double(summary.byteCount) / Double(max(1, summary.targetByteCount))
        console.print(
            "\(path): \(Quantity.bytes(summary.byteCount)), \(Quantity.percent(share)) of "
                + Quantity.bytes(summary.targetByteCount))
        console.report(
            JSONObject([
                .init("output", .string(path)), .init("bytes", .integer(summary.byteCount)),
                .init("target_bytes", .integer(summary.targetByteCount)),
            ]))
    }

    private func apply(_ arguments: ParsedArguments, _ console: Console) throws {
        guard let patchPath = arguments.textIfGiven(Self.second) else {
            throw UsageError.missingArgument("PATCH")
        }
        let basePath = try arguments.text(Self.first)
        if FileContent.of(basePath) == .patch, FileContent.of(patchPath) != .patch {
            throw UsageError.contradiction(
                option: Self.first.name,
                fact:
                    "\(basePath) is a patch, and \(patchPath) is none; the order is \(Self.applyCall)"
            )
        }
        let patch = try PatchFile(path: patchPath)
        guard arguments.textIfGiven(Self.third) != nil else {
            throw UsageError.missingArgument(Positional.output)
        }
        let path = try arguments.outputPath(Self.third)
        try CheckpointOutput.checkName(path, place: Positional.output)
        if !arguments.replacesOutputs, arguments.isInput(path, named: Self.third.name) {
            throw FileError.isInput(path: path)
        }
        if patch.isFolder {
            try OutputTarget.prepareFolder(path, replacing: arguments.replacesOutputs)
        } else {
            try OutputTarget.prepareFile(path, replacing: arguments.replacesOutputs)
        }
        let base = try FileSet(path: basePath)
        let progress = console.progress("applying", total: patch.targetByteCount, unit: .bytes)
        let applier = PatchApplier(crew: try WorkCrew(threads: arguments.threads)) {
            progress.advance(by: $0)
        }
        let files = try applier.apply(
            patch, to: base, path: path, replacing: arguments.replacesOutputs
        ) { console.note($0) }
        progress.finish()
        for (file, output) in zip(patch.files, files) {
            console.print(
                "\(output): \(Quantity.bytes(file.byteCount)), SHA-256 \(file.sha256)")
        }
        console.report(
            JSONObject([
                .init("output", .string(path)),
                .init(
                    "files",
                    .array(
                        zip(patch.files, files).map { file, output in
                            .object(
                                JSONObject([
                                    .init("path", .string(output)),
                                    .init("bytes", .integer(file.byteCount)),
                                    .init("sha256", .string(file.sha256)),
                                ]))
                        })),
            ]))
    }

    private func inspect(_ arguments: ParsedArguments, _ console: Console) throws {
        if let extra = arguments.textIfGiven(Self.second) { throw UsageError.extraArgument(extra) }
        let patch: PatchFile
        patch = try PatchFile(path: arguments.text(Self.first))
        let view = PatchView(patch)
        view.show(on: console)
        console.report(view.json)
    }
}
