import Foundation

extension TokenizerComparison {
    /// Compares the tokenizers of two checkpoints.
    ///
    /// - Throws: `FileError` where a file cannot be read; what a tokenizer cannot be compared for is a note.
    package init(_ a: Checkpoint, _ b: Checkpoint) throws {
        self.init()
        if try Self.haveSameFiles(a, b) { return }
        let bare = [a, b].filter(Self.isBare)
        guard bare.isEmpty else {
            isComplete = false
            notes = bare.map { "\($0.path): has no tokenizer beside its weights to compare" }
            return
        }
        do {
            self = TokenizerComparison(
                try a.tokenizer(), try b.tokenizer(), isOneFormat: a.format == b.format,
                visible: (a.architecture ?? b.architecture)?.tokenizer.visible ?? [])
        } catch {
            notes.append("the tokenizers cannot be compared: \(error)")
            settings.append(
                SettingDifference(
                    .tokenizer, Self.files, "other than B's", "other than A's",
                    isDifference: a.format == b.format))
        }
    }

    /// Whether the checkpoint is weights alone.
    private static func isBare(_ checkpoint: Checkpoint) -> Bool {
        switch checkpoint.source {
        case .gguf(let gguf): return gguf.metadata[GGUFTokenizerKey.model] == nil
        case .huggingFace(let files):
            let folder = HuggingFaceTokenizerFolder(path: files.folder)
            return !folder.has("tokenizer.json") && !folder.has("tokenizer.model")
        }
    }

    /// The files that make up a folder's tokenizer.
    private static let fileNames = [
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "chat_template.jinja", "chat_template.json", "generation_config.json",
    ]

    /// Whether both have one format, and there the same bytes.
    private static func haveSameFiles(_ a: Checkpoint, _ b: Checkpoint) throws -> Bool {
        switch (a.source, b.source) {
        case (.gguf(let first), .gguf(let second)):
            return entries(first.metadata) == entries(second.metadata)
        case (.huggingFace(let first), .huggingFace(let second)):
            let folders = [first, second].map { HuggingFaceTokenizerFolder(path: $0.folder) }
            guard !folders.contains(where: { $0.has("additional_chat_templates") }),
                first.modelConfig?["vocab_size"] == second.modelConfig?["vocab_size"],
                first.modelConfig?["eos_token_id"] == second.modelConfig?["eos_token_id"]
            else { return false }
            return fileNames.allSatisfy { name in
                let paths = folders.map { $0.path(name) }
                let present = folders.map { $0.has(name) }
                if present == [false, false] { return true }
                return present == [true, true]
                    && FileManager.default.contentsEqual(atPath: paths[0], andPath: paths[1])
            }
        default: return false
        }
    }

    private static func entries(_ metadata: GGUFMetadata) -> [GGUFMetadata.Entry] {
        metadata.entries.filter { $0.key.hasPrefix("tokenizer.") }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}
