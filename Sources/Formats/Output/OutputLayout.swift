/// Which bytes go where in which file of an output. Both the writer of checkpoints and that of patches take it, so that a
/// patch applied gives the bytes that the files written would have.
package struct OutputLayout: Sendable {
    /// What a part of a file holds.
    enum Content: Sendable {
        case bytes([UInt8])
        case mapped(MappedBytes)
        case zeros
        case tensor(OutputPlan.Tensor)
    }

    struct Part: Sendable {
        /// The part's first byte, counted from the start of the file.
        let offset: Int
        let byteCount: Int
        let content: Content
    }

    struct File: Sendable {
        /// The name in the folder it goes to.
        let name: String
        let size: Int
        /// The parts in their order, without a hole or an overlap.
        let parts: [Part]
        let holdsWeights: Bool
    }

    /// The files; of those of a folder, the last ones make the others a model.
    let files: [File]
    /// Whether the output is a folder of files rather than files in a folder.
    let isFolder: Bool

    /// The bytes of all files.
    package var byteCount: Int { files.reduce(0) { $0 + $1.size } }

    init(files: [File], isFolder: Bool) {
        self.files = files
        self.isFolder = isFolder
    }

    /// Lays out a plan.
    ///
    /// - Parameters:
    ///   - path: a `.gguf` file, a `.safetensors` file or a folder, to suit the plan's format.
    ///   - shardLimit: the most bytes of tensors a file shall hold; nil keeps the source's safetensors files, and makes
    ///     one GGUF file.
    /// - Throws: the plan's `refusal`; `GGUFError` and `SafetensorsError` where the format cannot hold the plan, `FileError` where a file that
    ///   is copied cannot be read, `CheckpointError.cannotExpress` where a folder is needed.
    package init(_ plan: OutputPlan, path: String, shardLimit: Int? = nil) throws {
        if let refusal = plan.refusal { throw refusal }
        let tensors = TensorsByName(plan.tensors)
        switch plan.container {
        case .gguf(let metadata):
            let splits = try GGUFSplits(
                path: path, metadata: metadata, tensors: plan.tensors.map(\.description),
                limit: shardLimit)
            files = splits.files.map { path, header in
                File(
                    name: PathParts(path).name, head: header.bytes, header.layout,
                    size: header.fileSize, tensors)
            }
            isFolder = false
        case .huggingFace(let layout) where path.hasSuffix(".safetensors"):
            guard !layout.needsConfiguration else {
                throw CheckpointError.cannotExpress(
                    fact:
                        "\(path): the output needs members of a config.json; write a folder instead"
                )
            }
            let header = try SafetensorsHeader(
                path: path, tensors: plan.tensors.map(\.description),
                metadata: (layout.shards.first?.metadata ?? []) + layout.historyOfWeights)
            files = [
                File(
                    name: PathParts(path).name, head: header.bytes, header.layout,
                    size: header.fileSize, tensors)
            ]
            isFolder = false
        case .huggingFace(let layout):
            files = try Self.folder(plan, layout, tensors, path: path, shardLimit: shardLimit)
            isFolder = true
        }
    }

    private static func folder(
        _ plan: OutputPlan, _ layout: OutputPlan.HuggingFaceLayout, _ tensors: TensorsByName,
        path: String, shardLimit: Int?
    ) throws -> [File] {
        let shards: SafetensorsShards
        if let shardLimit {
            shards = try SafetensorsShards(
                folder: path, tensors: plan.tensors.map(\.description),
                metadata: layout.shards.first?.metadata ?? [], limit: shardLimit)
        } else {
            shards = try SafetensorsShards(
                folder: path,
                files: layout.shards.enumerated().map { number, shard in
                    (
                        shard.name, plan.tensors.filter { $0.shard == number }.map(\.description),
                        shard.metadata
                    )
                }, isIndexed: layout.isIndexed)
        }
        var files = shards.shards.map { shard in
            File(
                name: shard.name, head: shard.header.bytes, shard.header.layout,
                size: shard.header.fileSize, tensors)
        }
        for name in layout.copies {
            let source = try MappedFile(path: layout.sourceFolder + "/" + name)
            files.append(File(name: name, .mapped(source.bytes), size: source.size))
        }
        if let history = layout.history {
            files.append(File(name: EditHistory.fileName, history.file))
        }
        for (name, bytes) in layout.files { files.append(File(name: name, bytes)) }
        if let index = shards.index { files.append(File(name: SafetensorsIndex.fileName, index)) }
        if let config = layout.config {
            // As it was read.
            let text =
                JSONWriter(.indented, notFinite: .python).bytes(.object(config)) + Array("\n".utf8)
            files.append(File(name: "config.json", text))
        }
        return files
    }
}

extension OutputPlan.HuggingFaceLayout {
    /// The history as weights have it that stand in no folder.
    fileprivate var historyOfWeights: [SafetensorsMetadata] {
        history.map {
            [SafetensorsMetadata(EditHistory.weightsKey, JSONWriter().text(.object($0.json)))]
        } ?? []
    }
}

/// The tensors of a plan, found by their names.
private struct TensorsByName {
    private let tensors: [ExactString: OutputPlan.Tensor]

    init(_ tensors: [OutputPlan.Tensor]) {
        let named = tensors.map { (ExactString($0.description.name), $0) }
        self.tensors = Dictionary(named) { first, _ in first }
    }

    subscript(name: String) -> OutputPlan.Tensor? { tensors[ExactString(name)] }
}

extension OutputLayout.File {
    /// A file of one part, without weights.
    fileprivate init(name: String, _ content: OutputLayout.Content, size: Int) {
        self.init(
            name: name, size: size,
            parts: [OutputLayout.Part(offset: 0, byteCount: size, content: content)],
            holdsWeights: false)
    }

    fileprivate init(name: String, _ bytes: [UInt8]) {
        self.init(name: name, .bytes(bytes), size: bytes.count)
    }

    /// A weight file: head, tensors, and zeros between and after them.
    fileprivate init(
        name: String, head: [UInt8], _ layout: [TensorPlacement], size: Int,
        _ tensors: TensorsByName
    ) {
        var parts = [OutputLayout.Part(offset: 0, byteCount: head.count, content: .bytes(head))]
        var end = head.count
        func fill(to next: Int) {
            guard next > end else { return }
            parts.append(OutputLayout.Part(offset: end, byteCount: next - end, content: .zeros))
        }
        for placement in layout {
            guard let tensor = tensors[placement.description.name] else { continue }
            fill(to: placement.offset)
            parts.append(
                OutputLayout.Part(
                    offset: placement.offset, byteCount: placement.byteCount,
                    content: .tensor(tensor)))
            end = placement.offset + placement.byteCount
        }
        fill(to: size)
        self.init(name: name, size: size, parts: parts, holdsWeights: true)
    }
}
