import Formats

/// The file or folder whose metadata a call of `metadata` is about.
struct MetadataTarget {
    let path: String
    let list: MetadataList
    private let source: Source

    private enum Source {
        case gguf(GGUFShard)
        case folder(HuggingFaceFiles, Architecture?)
    }

    /// Opens a model; a change of it that a killed run left half done is taken back first.
    ///
    /// - Throws: as `Checkpoint.open`; `MetadataError.noMetadata` for bare weights.
    init(_ path: String, _ console: Console) throws {
        self.path = path
        if try HeadReplacement.restore(path) {
            console.note(
                "\(path): a run was killed while it changed the metadata; the old ones are back")
        }
        if FileContent.of(path) == .gguf {
            let shard = try GGUFShard(path: path)
            source = .gguf(shard)
            list = MetadataList(shard.metadata)
            return
        }
        let checkpoint = try Checkpoint.open(path)
        guard case .huggingFace(let files) = checkpoint.source, Folder.exists(path) else {
            throw MetadataError.noMetadata(file: path)
        }
        source = .folder(files, checkpoint.architecture)
        let template = try? checkpoint.tokenizer().chatTemplate
        list = MetadataList(
            files.config ?? JSONObject(), name: try checkpoint.history().name,
            template: template ?? nil)
    }

    var format: FileFormat { if case .gguf = source { .gguf } else { .safetensors } }

    /// By what the chat template is named.
    var templateKey: String {
        format == .gguf ? MetadataKeys.template : FolderMetadataRewriting.templateKey
    }

    /// The part of the model that a key shapes; nil where it only describes the model.
    func part(of key: String) -> String? {
        switch source {
        case .gguf(let shard):
            MetadataKeys.part(
                of: key, architecture: shard.metadata["general.architecture"]?.text)
        case .folder(_, let architecture):
            key == templateKey
                ? nil : MetadataKeys.part(ofMember: key, architecture: architecture)
        }
    }

    // MARK: - Changes

    /// What is to be written, and how it differs from what is there.
    ///
    /// - Throws: `MetadataError`, and as the rewritings.
    func applying(
        _ changes: [MetadataChange]
    ) throws -> (edited: EditedMetadata, view: MetadataChangeView) {
        switch source {
        case .gguf(let shard):
            var metadata = shard.metadata
            try metadata.apply(changes, file: path)
            let rewriting = try GGUFMetadataRewriting(shard, metadata: metadata)
            let view = MetadataChangeView(from: list, to: MetadataList(metadata))
            return (EditedMetadata(path: path, content: .gguf(rewriting, shard)), view)
        case .folder(let files, _):
            let rewriting = try FolderMetadataRewriting(files, changes)
            var config = files.config ?? JSONObject()
            try config.apply(changes.filter(FolderMetadataRewriting.isOfConfig), file: path)
            let view = MetadataChangeView(
                from: list,
                to: MetadataList(
                    config, name: text(of: FolderMetadataRewriting.nameKey, after: changes),
                    template: text(of: templateKey, after: changes)))
            return (EditedMetadata(path: path, content: .folder(rewriting)), view)
        }
    }
}

extension MetadataTarget {
    /// A text that is no member of a `config.json`, as changes leave it.
    private func text(of key: String, after changes: [MetadataChange]) -> String? {
        changes.filter { $0.keys.contains(key) }.reduce(list[key]?.text) { text, change in
            switch change {
            case .set(let assignment): assignment.text
            case .remove: nil
            case .rename: text
            }
        }
    }
}

/// A model with other metadata, to be written.
struct EditedMetadata {
    enum Content {
        case gguf(GGUFMetadataRewriting, GGUFShard)
        case folder(FolderMetadataRewriting)
    }

    let path: String
    let content: Content

    /// What became of it.
    struct Written {
        let movesTensors: Bool
    }

    /// Writes it.
    ///
    /// - Parameter output: nil changes the model itself.
    /// - Throws: as the rewritings; `MetadataError.ofLayout` for one file of several that is to be another.
    func write(
        to output: String?, replacing: Bool, isDry: Bool, _ console: Console
    ) throws -> Written {
        switch content {
        case .gguf(let rewriting, let shard):
            return try write(rewriting, shard, to: output, replacing, isDry, console)
        case .folder(let rewriting):
            let names = rewriting.names.joined(separator: ", ")
            guard !isDry else {
                console.print("\(output ?? path): would write \(names)")
                return Written(movesTensors: false)
            }
            if let output {
                let progress = console.progress(
                    "copying", total: rewriting.copiedByteCount, unit: .bytes)
                let left = try rewriting.write(to: output, replacing: replacing) {
                    progress.advance(by: $0)
                }
                progress.finish()
                if !left.isEmpty { console.note("not copied: \(left.joined(separator: ", "))") }
                console.print("\(output): a copy of \(path) with other \(names)")
            } else {
                try rewriting.replace()
                console.print("\(path): \(names) written anew, all else as it was")
            }
            return Written(movesTensors: false)
        }
    }

    private func write(
        _ rewriting: GGUFMetadataRewriting, _ shard: GGUFShard, to output: String?,
        _ replacing: Bool, _ isDry: Bool, _ console: Console
    ) throws -> Written {
        if output != nil, shard.metadata["split.count"]?.integer ?? 1 > 1 {
            throw MetadataError.ofLayout(
                key: shard.path,
                reason: "it is one file of a split model; --in-place changes it where it is, and "
                    + "'rtedit convert' makes one file of all")
        }
        let isMoved = output != nil || !rewriting.fits
        let size = Quantity.bytes(rewriting.tensorByteCount)
        let what =
            isMoved
            ? "the whole file, \(size) of tensors copied byte for byte"
            : "the metadata in their place; the tensors stay where they are"
        guard !isDry else {
            console.print("\(output ?? path): would write \(what)")
            return Written(movesTensors: isMoved)
        }
        if isMoved {
            let progress = console.progress(
                "copying", total: rewriting.tensorByteCount, unit: .bytes)
            try rewriting.write(to: output ?? path, replacing: output == nil || replacing) {
                progress.advance(by: $0)
            }
            progress.finish()
        } else {
            try rewriting.replaceHead()
        }
        console.print("\(output ?? path): wrote \(what)")
        return Written(movesTensors: isMoved)
    }
}
