import Formats
import Tuning

/// The options of commands that edit a model: what the output says of itself.
enum NoteOptions {
    static let name = Option.value(
        "name", "TEXT",
        "What the output calls itself; else the base's name and '(edited)'.")
    static let set = Option.list(
        "set", "KEY=VALUE",
        "Set a key of the output's metadata, or a member of its config.json; KEY:TYPE=VALUE for new ones of other types."
    )
    static let noNote = Option.flag(
        "no-note", "Leave the metadata as it was: no note of this edit, its base and its inputs.")

    static let all = Option.declared([name, set, noNote])

    /// What makes the output say what was done to it, as its call asks.
    ///
    /// - Parameters:
    ///   - command: the command's name.
    ///   - options: those that the command declares; what is given of them is noted but for the names of outputs.
    ///   - method: the way that the edit took.
    ///   - inputs: files beside those of the options; each is a path and a hash.
    /// - Throws: `UsageError` and `MetadataError` for an option that cannot be, `FileError` where an input cannot be read.
    static func edits(
        _ arguments: ParsedArguments, _ command: some Command, base: Checkpoint, format: FileFormat,
        method: String? = nil, inputs: [(path: String, sha256: String)] = [], _ console: Console
    ) throws -> [CheckpointEdit] {
        let assignments = try assignments(arguments, base, format)
        let name = arguments.textIfGiven(name)
        if name?.isEmpty ?? false { throw arguments.invalid(Self.name, "", "a name") }
        var edit: EditHistory.Edit?
        if !arguments.has(noNote) {
            let files = try files(of: command, in: arguments)
            edit = EditHistory.Edit(
                command: command.name, options: options(of: command, in: arguments),
                method: method,
                base: EditHistory.Source(
                    name: base.name, sha256: try base.weightsHash(on: console)),
                inputs: (inputs + files).map {
                    EditHistory.Source(
                        name: PathParts.name(ofFolder: $0.path) ?? $0.path, sha256: $0.sha256)
                }, version: Version.current)
        }
        guard name != nil || edit != nil else { return assignments }
        return [.record(EditHistoryChange(name: name, edit: edit))] + assignments
    }

    /// Checks what the options ask for, before any work is done.
    ///
    /// - Throws: as `edits`.
    static func assignments(
        _ arguments: ParsedArguments, _ base: Checkpoint, _ format: FileFormat
    ) throws -> [CheckpointEdit] {
        try arguments.values(set).map { text in
            let assignment = try MetadataAssignment(text)
            if let reason = MetadataKeys.layoutReason(of: assignment.key) {
                throw MetadataError.ofLayout(key: assignment.key, reason: reason)
            }
            let part =
                format == .gguf
                ? MetadataKeys.part(
                    of: assignment.key, architecture: base.architecture?.name)
                : MetadataKeys.part(ofMember: assignment.key, architecture: base.architecture)
            if let part {
                throw MetadataError.computes(
                    key: assignment.key, part: part,
                    wayOut: "'rtedit metadata' does it in a file of its own")
            }
            // Of an output in the base's format the types are known now.
            switch base.source {
            case .gguf(let gguf) where format == .gguf:
                _ = try assignment.value(replacing: gguf.metadata[assignment.key])
            case .huggingFace(let files) where format == .safetensors:
                _ = try assignment.member(replacing: files.config?[assignment.key])
            default: break
            }
            return .assign(assignment)
        }
    }

    // MARK: - What is noted

    /// Options that have no say in what the output holds.
    private static let ofOutputs: Set = [
        "dry-run", "shard-size", "run", "resume", "keep-run", "report", "strict", "name", "set",
        "no-note", "output",
    ]

    private static func noted(_ command: some Command) -> [Option] {
        let common = Set(Option.common.map(\.name))
        return command.allOptions.filter { option in
            !ofOutputs.contains(option.name) && !common.contains(option.name)
        }
    }

    /// The options of a call as they were written, but for the folders of files; flags last.
    private static func options(of command: some Command, in arguments: ParsedArguments) -> [String]
    {
        let options = noted(command)
        let values = arguments.valuesInOrder(options.filter { $0.value != nil })
        return values.map { option, text in
            "\(option.flagText) \(option.isFile ? PathParts(text).name : text)"
        } + options.filter { $0.value == nil && arguments.has($0) }.map(\.flagText)
    }

    /// The files that the options of a call name.
    private static func files(
        of command: some Command, in arguments: ParsedArguments
    ) throws -> [(path: String, sha256: String)] {
        let values = arguments.valuesInOrder(noted(command).filter(\.isFile))
        var paths: [String] = []
        for (option, text) in values {
            let path = option.isSpecification ? try VectorSpecification(text).file : text
            if !paths.contains(path) { paths.append(path) }
        }
        return try paths.filter { $0 != "-" }.map { ($0, try MappedFile(path: $0).sha256()) }
    }
}

extension Option {
    /// Whether its value names a file.
    fileprivate var isFile: Bool { value?.name == "FILE" || isSpecification }

    /// Whether its value is a vector's file, scale and blocks.
    fileprivate var isSpecification: Bool { value?.name == "SPEC" }
}
