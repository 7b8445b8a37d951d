import Formats
import Foundation
import Transformer

/// `rtedit metadata`
struct MetadataCommand: Command {
    static let model = Positional(
        "MODEL", "Any GGUF file (of a split model the first), or a Hugging Face folder.")
    static let key = Option.value(
        "key", "KEY", "Print the value of this key alone, a text as it is, such as a chat template."
    )
    static let set = Option.list(
        "set", "KEY=VALUE",
        "Set a key. A key that is there keeps its type; KEY:TYPE=VALUE gives a new one a type.")
    static let setFile = Option.list(
        "set-file", "KEY=FILE", "Set a key to the text of a file; '-' is standard input.")
    static let chatTemplate = Option.value(
        "chat-template", "FILE", "Set the chat template to the text of a file.")
    static let remove = Option.list("remove", "KEY", "Remove a key.")
    static let rename = Option.list("rename", "OLD=NEW", "Rename a key, which keeps its place.")
    static let output = Option.value(
        "output", "OUT", short: "o", "Write a new file or folder with the changes.")
    static let inPlace = Option.flag(
        "in-place", "Change MODEL itself, without moving its tensors where that can be.")
    static let dryRun = Option.flag(
        "dry-run", "Show what would change, and whether tensors would move; write nothing.")

    let name = "metadata"
    let summary = "Show, set, remove and rename a model's metadata."
    let details = """
        A GGUF file's keys, or the members of a folder's config.json with its chat template as chat_template and what it is \
        called, of its rtedit.json, as name. Changes are \
        made in the order of the call, and all of them or none. Values of arrays are JSON: 'general.tags=["a","b"]'. \
        Types are \(MetadataType.names.joined(separator: ", ")); of config.json string and json.

        With --in-place a GGUF file's tensors stay where they are if the new metadata takes the room of the old; else the \
        whole file is written anew and put in place when it is complete. Killed in the middle, no bytes are lost: the old \
        metadata lie beside the file, and 'rtedit metadata MODEL' puts them back.

        Keys that change what the model computes (the architecture's numbers, the tokenizer) are refused without --force.
        """
    let positionals = [Self.model]
    let options = [
        Self.key, Self.set, Self.setFile, Self.chatTemplate, Self.remove, Self.rename, Self.output,
        Self.inPlace, Self.dryRun,
    ]
    let examples = [
        Example("All keys:", "rtedit metadata model.gguf"),
        Example(
            "The chat template, as it is:",
            "rtedit metadata m.gguf --key tokenizer.chat_template"),
        Example(
            "Another one:", "rtedit metadata m.gguf --chat-template t.jinja --in-place"),
        Example(
            "A name and a licence:",
            "rtedit metadata m.gguf --set general.name=Mine --in-place"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let path = try arguments.text(Self.model)
        let target = try MetadataTarget(path, console)
        let changes = try changes(arguments, of: target)
        if let key = arguments.textIfGiven(Self.key) {
            guard changes.isEmpty else {
                throw UsageError.conflict([Self.key.flagText, "a change"])
            }
            return try show(key, of: target, console)
        }
        guard !changes.isEmpty else {
            for option in [Self.output, Self.inPlace, Self.dryRun] where arguments.isGiven(option) {
                throw UsageError.needs(option: option.flagText, other: Self.set.flagText)
            }
            target.list.show(on: console)
            console.report(
                JSONObject([
                    .init("model", .string(path)), .init("format", .string(target.format.rawValue)),
                    .init("metadata", .array(target.list.json)),
                ]))
            return .done
        }
        try change(target, changes, arguments, console)
        return .done
    }

    private func show(
        _ key: String, of target: MetadataTarget, _ console: Console
    ) throws -> ExitCode {
        guard let entry = target.list[key] else {
            throw MetadataError.missingKey(file: target.path, key: key)
        }
        // As it is, so that a file made of it can be put back.
        let isText = entry.json.string != nil && !StandardStream.output.isTerminal
        console.write(isText ? entry.text : entry.text + "\n")
        console.report(
            JSONObject([
                .init("key", .string(key)), .init("type", .string(entry.type)),
                .init("value", entry.json),
            ]))
        return .done
    }

    // MARK: - Changes

    /// What a call asks for, in its order.
    private func changes(
        _ arguments: ParsedArguments, of target: MetadataTarget
    ) throws -> [MetadataChange] {
        let options = [Self.set, Self.setFile, Self.chatTemplate, Self.remove, Self.rename]
        let changes = try arguments.valuesInOrder(options).map { option, text in
            switch option.name {
            case Self.set.name: return MetadataChange.set(try MetadataAssignment(text))
            case Self.remove.name: return .remove(key: text)
            case Self.chatTemplate.name:
                return .set(
                    MetadataAssignment(key: target.templateKey, text: try Self.text(ofFile: text)))
            default:
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else {
                    throw arguments.invalid(option, text, option.value?.name ?? "")
                }
                guard option.name == Self.setFile.name else {
                    return .rename(key: parts[0], to: parts[1])
                }
                return .set(
                    MetadataAssignment(key: parts[0], text: try Self.text(ofFile: parts[1])))
            }
        }
        guard !arguments.replacesOutputs else { return changes }
        for key in changes.flatMap(\.keys) {
            if let part = target.part(of: key) {
                throw MetadataError.computes(
                    key: key, part: part, wayOut: "\(Option.force.flagText) does it all the same")
            }
        }
        return changes
    }

    private static func text(ofFile path: String) throws -> String {
        let bytes =
            path == "-"
            ? [UInt8](FileHandle.standardInput.readDataToEndOfFile())
            : try MappedFile(path: path).bytes.withUnsafeBytes { Array($0) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw MetadataError.notText(file: path)
        }
        return text
    }

    private func change(
        _ target: MetadataTarget, _ changes: [MetadataChange], _ arguments: ParsedArguments,
        _ console: Console
    ) throws {
        let output = try arguments.outputPathIfGiven(Self.output)
        let isDry = arguments.has(Self.dryRun)
        if output != nil, arguments.has(Self.inPlace) {
            throw UsageError.conflict([Self.output.flagText, Self.inPlace.flagText])
        }
        guard output != nil || arguments.has(Self.inPlace) || isDry else {
            throw UsageError.missingOption("\(Self.output.flagText) or \(Self.inPlace.flagText)")
        }
        if let output, output.hasSuffix(".gguf") != (target.format == .gguf) {
            throw arguments.invalid(
                Self.output, output,
                target.format == .gguf
                    ? "the name of a .gguf file, as a GGUF file's copy needs it"
                    : "the name of a folder, as a folder's copy needs it")
        }
        if let output {
            if arguments.isInput(output, named: Self.output.name) {
                throw UsageError.contradiction(
                    option: Self.output.flagText,
                    fact: "\(output) is the input itself: \(Self.inPlace.flagText) changes it")
            }
            if !isDry {
                try CheckpointOutput(path: output).checkTarget(
                    replacing: arguments.replacesOutputs)
            }
        }
        let (edited, view) = try target.applying(changes)
        for template in changes.compactMap({ $0.text(of: target.templateKey) }) {
            do { _ = try ChatTemplate(source: template) } catch {
                console.warning("the chat template cannot be run: \(error)")
            }
        }
        view.show(on: console)
        let written = try edited.write(
            to: output, replacing: arguments.replacesOutputs, isDry: isDry, console)
        console.report(
            JSONObject([
                .init("output", .string(output ?? target.path)),
                .init("written", .bool(!isDry)),
                .init("tensors_moved", .bool(written.movesTensors)),
                .init("changes", .array(view.json)),
            ]))
    }
}

extension MetadataChange {
    /// The text that it gives a key.
    fileprivate func text(of key: String) -> String? {
        if case .set(let assignment) = self, assignment.key == key { assignment.text } else { nil }
    }
}
