import Formats

/// A model's card for a hub: front matter, what was done to the model, figures, and how to run it.
struct ModelCard {
    let title: String
    let license: String?
    /// The base's name on the hub.
    let baseModel: String?
    private let checkpoint: Checkpoint
    private let history: EditHistory
    private let figures: [CardFigures]
    private let hashes: [(name: String, bytes: Int, sha256: String)]

    /// - Throws: `MetadataError.malformedHistory`, `FileError` where a file cannot be read.
    init(
        _ checkpoint: Checkpoint, title: String?, base: String?, license: String?,
        figures: [CardFigures]
    ) throws {
        self.checkpoint = checkpoint
        self.figures = figures
        history = try checkpoint.history()
        self.title = title ?? checkpoint.name
        self.license = license ?? Self.text("general.license", of: checkpoint)
        baseModel = base ?? Self.base(of: checkpoint)
        hashes = try checkpoint.files().filter { checkpoint.isOfWeights($0.name) }.map {
            ($0.name, $0.file.size, $0.file.sha256())
        }
    }

    private static func metadata(of checkpoint: Checkpoint) -> GGUFMetadata {
        if case .gguf(let gguf) = checkpoint.source { gguf.metadata } else { GGUFMetadata() }
    }

    private static func text(_ key: String, of checkpoint: Checkpoint) -> String? {
        metadata(of: checkpoint)[key]?.text
    }

    /// The base that the metadata name, as `OWNER/NAME`.
    private static func base(of checkpoint: Checkpoint) -> String? {
        let keys = [
            "general.base_model.0.repo_url", "general.source.huggingface.repository",
            "general.source.repo_url",
        ]
        let hub = "https://huggingface.co/"
        return keys.lazy.compactMap { text($0, of: checkpoint) }.first.map {
            $0.hasPrefix(hub) ? String($0.dropFirst(hub.count)) : $0
        }
    }

    // MARK: - Text

    var text: String {
        let parts =
            [frontMatter, ["# \(title.markdown)"], edits, files]
            + figures.map { ["## \($0.heading)", ""] + $0.lines } + [CardCalls(checkpoint).lines]
        return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }
            .joined(separator: "\n\n") + "\n"
    }

    private var frontMatter: [String] {
        var lines = ["---"]
        if let license { lines.append("license: \(Self.yaml(license))") }
        if let baseModel {
            lines.append("base_model: \(Self.yaml(baseModel))")
            if !history.edits.isEmpty {
                let isBlend = history.edits.contains { $0.command == "blend" }
                lines.append("base_model_relation: \(isBlend ? "merge" : "finetune")")
            }
        }
        let languages = Self.metadata(of: checkpoint)["general.languages"]?.array?.strings
        if let languages, !languages.isEmpty {
            lines.append("language:")
            lines += languages.indices.map { "- \(Self.yaml(languages.text($0)))" }
        }
        lines.append("pipeline_tag: text-generation")
        if checkpoint.format == .safetensors { lines.append("library_name: transformers") }
        lines.append("tags:")
        lines += tags.map { "- \(Self.yaml($0))" }
        return lines + ["---"]
    }

    private var tags: [String] {
        let own = Self.metadata(of: checkpoint)["general.tags"]?.array?.strings
        let commands = Set(history.edits.map(\.command))
        var tags = own.map { list in list.indices.map(list.text) } ?? []
        if checkpoint.format == .gguf { tags.append("gguf") }
        tags.append("rtedit")
        if commands.contains("bake") { tags.append("steering") }
        if commands.contains("tune") { tags.append("representation-tuning") }
        if commands.contains("blend") { tags.append("merge") }
        var seen: Set<String> = []
        return tags.filter { seen.insert($0).inserted }
    }

    /// A text as a YAML value that is never anything else.
    private static func yaml(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2d
                || $0 == 0x2f || $0 == 0x2e || $0 == 0x5f
        }
        let reserved = ["true", "false", "null", "yes", "no", "on", "off", ""]
        let isWord = text.utf8.first.map { (0x61...0x7a).contains($0 | 0x20) } ?? false
        return isPlain && isWord && !reserved.contains(text.lowercased())
            ? text : JSONWriter().text(.string(text))
    }

    private var edits: [String] {
        guard !history.edits.isEmpty else { return [] }
        var lines = [
            "## What was done", "",
            "\(history.edits.count == 1 ? "One edit" : "\(history.edits.count) edits") with rtedit:",
        ]
        for (number, edit) in history.edits.enumerated() {
            lines += ["", "\(number + 1). `\(edit.call.replacing("`", with: "'"))`"]
            if let method = edit.method { lines.append("   - by: \(method.markdown)") }
            lines.append(
                "   - base: \(edit.base.name.markdown), SHA-256 `\(edit.base.sha256.markdown)`")
            lines += edit.inputs.map {
                "   - with: \($0.name.markdown), SHA-256 `\($0.sha256.markdown)`"
            }
            lines.append("   - rtedit \(edit.version.markdown)")
        }
        return lines
    }

    private var files: [String] {
        var lines = ["## Files", "", "| file | bytes | SHA-256 |", "|---|---|---|"]
        lines += hashes.map { "| \($0.name.markdown) | \($0.bytes) | `\($0.sha256)` |" }
        guard let numbers = try? checkpoint.storedHyperparameters() else { return lines }
        let types = Dictionary(grouping: checkpoint.tensors, by: \.storageName)
            .sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
            .map { "\($0.key) (\($0.value.count))" }
        let family = checkpoint.architecture.map { "\($0)" } ?? "unknown"
        return lines + [
            "",
            "Architecture \(family.markdown), \(numbers.blockCount) blocks of width \(numbers.hiddenSize), context "
                + "\(numbers.contextLength); tensors: \(types.joined(separator: ", ").markdown).",
        ]
    }
}
