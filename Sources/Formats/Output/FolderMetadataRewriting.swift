import Foundation

/// A model's folder with another `config.json`, chat template or name; its weights and other files stay, byte for byte.
package struct FolderMetadataRewriting: Sendable {
    /// By what users name the template; no member of a `config.json` is called so.
    package static let templateKey = "chat_template"
    /// By what users name what the model is called, the name in its `rtedit.json`.
    package static let nameKey = "name"

    private let folder: String
    private var changed: [(name: String, bytes: [UInt8])] = []
    private var removed: [String] = []

    /// - Throws: `MetadataError` for a change that cannot be, `FileError` and `JSONError` where a file of the tokenizer
    ///   cannot be read, `CheckpointError.missingFile` for weights without a `config.json`.
    package init(_ files: HuggingFaceFiles, _ changes: [MetadataChange]) throws {
        folder = files.folder
        guard var config = files.config else {
            throw CheckpointError.missingFile(
                path: PathParts.join(folder, "config.json"),
                need: "without it there is no metadata that programs read")
        }
        let own = changes.filter(Self.isOfConfig)
        if !own.isEmpty {
            try config.apply(own, file: PathParts.join(folder, "config.json"))
            change("config.json", config)
        }
        let names = changes.filter { $0.keys.contains(Self.nameKey) }
        if !names.isEmpty { try setName(files, names) }
        for change in changes where change.keys.contains(Self.templateKey) {
            switch change {
            case .set(let assignment): try setTemplate(assignment.text)
            case .remove: try removeTemplate()
            case .rename:
                throw MetadataError.ofLayout(
                    key: Self.templateKey, reason: "programs look for it by that name")
            }
        }
    }

    /// Whether a change is of a member of the `config.json`.
    package static func isOfConfig(_ change: MetadataChange) -> Bool {
        !change.keys.contains(templateKey) && !change.keys.contains(nameKey)
    }

    private mutating func setName(
        _ files: HuggingFaceFiles, _ changes: [MetadataChange]
    ) throws {
        if files.shards.contains(where: { shard in
            shard.file.metadata.contains { $0.key == EditHistory.weightsKey }
        }) {
            throw MetadataError.ofLayout(
                key: Self.nameKey, reason: "the weights have it in their own metadata")
        }
        var history = try files.history() ?? EditHistory()
        for change in changes {
            switch change {
            case .set(let assignment):
                guard let text = try assignment.member(replacing: .string("")).string else {
                    throw MetadataError.wrongValue(
                        key: Self.nameKey, text: assignment.text, type: "a text")
                }
                history.name = text
            case .remove:
                guard history.name != nil else {
                    throw MetadataError.missingKey(file: folder, key: Self.nameKey)
                }
                history.name = nil
            case .rename:
                throw MetadataError.ofLayout(
                    key: Self.nameKey, reason: "cards and edits look for it by that name")
            }
        }
        if history.isEmpty {
            removed.append(EditHistory.fileName)
        } else {
            changed.append((EditHistory.fileName, history.file))
        }
    }

    /// The names of the files that are written anew, and of those that go.
    package var names: [String] { changed.map(\.name) + removed }

    /// The bytes of the files that a new folder copies.
    package var copiedByteCount: Int {
        ((try? copies()) ?? []).reduce(0) { sum, name in
            sum + ((try? MappedFile(path: PathParts.join(folder, name)))?.size ?? 0)
        }
    }

    /// The names of the files that a new folder copies.
    private func copies() throws(FileError) -> [String] {
        let own = Set(names)
        return try Folder.names(folder).filter {
            !$0.hasPrefix(".") && !own.contains($0) && has($0)
        }.sorted()
    }

    private mutating func change(_ name: String, _ object: JSONObject) {
        let text = JSONWriter(.indented, notFinite: .python).bytes(.object(object))
        changed.append((name, text + Array("\n".utf8)))
    }

    // MARK: - Templates

    private static let templateFile = "chat_template.jinja"
    private static let oldTemplateFile = "chat_template.json"
    private static let tokenizerFile = "tokenizer_config.json"

    private mutating func setTemplate(_ text: String) throws {
        changed.append((Self.templateFile, Array(text.utf8)))
        try removeOldTemplate()
    }

    private mutating func removeTemplate() throws {
        let before = changed.count + removed.count
        removed += [Self.templateFile, Self.oldTemplateFile].filter(has)
        try removeOldTemplate()
        guard changed.count + removed.count > before else {
            throw MetadataError.missingKey(file: folder, key: Self.templateKey)
        }
    }

    /// Takes the template out of `tokenizer_config.json`, which some programs read before the file of its own.
    private mutating func removeOldTemplate() throws {
        guard has(Self.tokenizerFile) else { return }
        let path = PathParts.join(folder, Self.tokenizerFile)
        let value = try JSONReader.parse(MappedFile(path: path).bytes, readsPython: true)
        guard var object = value.object, object[Self.templateKey] != nil else { return }
        object[Self.templateKey] = nil
        change(Self.tokenizerFile, object)
    }

    private func has(_ name: String) -> Bool {
        OutputTarget.isRegularFile(PathParts.join(folder, name))
    }

    // MARK: - Writing

    /// Replaces the files in the folder, all of them or none.
    ///
    /// - Throws: as `OutputFolder`.
    package func replace() throws(FileError) {
        let set = try OutputFolder(
            files: changed.map(\.name), of: PathParts.join(folder, "config.json"), replacing: true)
        for (name, bytes) in changed { try Self.write(bytes, as: name, to: set) }
        try set.commit(removing: removed)
    }

    /// Writes a folder with all files of the old one; sub-folders and hidden files are left out.
    ///
    /// - Parameter advance: called with the number of bytes written since.
    /// - Returns: the names of what was left out.
    /// - Throws: as `OutputFolder`.
    package func write(
        to path: String, replacing: Bool, advance: (Int) -> Void = { _ in }
    ) throws -> [String] {
        let output = try OutputFolder(path: path, replacing: replacing)
        let copies = try copies()
        for name in copies {
            let source = try MappedFile(path: PathParts.join(folder, name))
            let file = try output.create(name, reserving: source.size)
            let piece = 4 << 20
            for start in stride(from: 0, to: source.size, by: piece) {
                let range = start..<min(start + piece, source.size)
                guard let part = source.bytes.slice(range) else { continue }
                try file.write(part, at: start)
                source.release(range)
                advance(range.count)
            }
            try file.commit()
        }
        for (name, bytes) in changed { try Self.write(bytes, as: name, to: output) }
        try output.commit(
            removing: CheckpointWriter.staleFiles(
                of: path, without: copies + changed.map(\.name), source: folder))
        return try Folder.names(folder).filter { !$0.hasPrefix(".") && !has($0) }.sorted()
    }

    private static func write(
        _ bytes: [UInt8], as name: String, to output: OutputFolder
    ) throws(FileError) {
        let file = try output.create(name, reserving: bytes.count)
        try file.write(bytes, at: 0)
        try file.commit()
    }
}
