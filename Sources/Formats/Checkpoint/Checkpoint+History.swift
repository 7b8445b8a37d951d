import Foundation

extension Checkpoint {
    /// What the files say of what was done to the model; empty where they say nothing.
    ///
    /// - Throws: `MetadataError.malformedHistory`, `JSONError` and `FileError` where that cannot be read.
    package func history() throws -> EditHistory {
        switch source {
        case .gguf(let gguf): try EditHistory(metadata: gguf.metadata, file: path)
        case .huggingFace(let files): try files.history() ?? EditHistory()
        }
    }
}

extension HuggingFaceFiles {
    /// What the weights say by themselves, or else the `rtedit.json` beside them; nil where neither says anything.
    ///
    /// - Throws: as `Checkpoint.history`.
    func history() throws -> EditHistory? {
        let texts = shards.lazy.flatMap(\.file.metadata)
        if let text = texts.first(where: { $0.key == EditHistory.weightsKey }) {
            let file = shards.first?.file.path ?? folder
            let value = try JSONReader.parse(
                Array(text.value.utf8), source: "\(file): \(EditHistory.weightsKey)")
            return try EditHistory(value, file: file)
        }
        let path = PathParts.join(folder, EditHistory.fileName)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try EditHistory(JSONReader.parse(MappedFile(path: path).bytes), file: path)
    }
}
