/// Everything an output will hold, decided before the first byte is written: the source with the edits applied, in
/// the names, order and layout of the output's format.
package struct OutputPlan: Sendable {
    /// A tensor of the output and where its values come from.
    package struct Tensor: Sendable {
        package let description: TensorDescription
        package let content: TensorContent
        /// The length of the rows that `content` is taken in.
        let columns: Int
        /// The file of the source's layout that the tensor goes to.
        let shard: Int
        /// What the errors of quantised values are weighted by; nil where all count alike.
        let importance: TensorImportance?

        /// - Parameter columns: nil for those that the content has in this shape.
        init(
            _ description: TensorDescription, _ content: TensorContent, columns: Int? = nil,
            shard: Int = 0, importance: TensorImportance? = nil
        ) {
            self.description = description
            self.content = content
            self.importance = importance
            self.columns = columns ?? content.columns(of: description.shape)
            self.shard = shard
        }

        /// Whether the bytes are the source's own.
        package var isCopy: Bool { content.isCopy(as: description.type) }

        /// The bytes of one row of the output; rows of types below a byte are taken together.
        var rowBytes: Int {
            description.type.byteCount(elements: columns) ?? description.byteCount ?? 0
        }

        /// The source's bytes of some rows where they are the output's.
        func mappedBytes(rows: Range<Int>) -> MappedBytes? {
            guard isCopy, let tensor = content.rows?.tensor else { return nil }
            return tensor.bytes.slice((rows.lowerBound * rowBytes)..<(rows.upperBound * rowBytes))
        }

        /// The output's bytes of some rows, and what storing them loses.
        ///
        /// - Parameter measuring: whether the loss is measured, which takes reading the bytes back.
        /// - Throws: `CheckpointError.cannotEncode`.
        func bytes(
            rows: Range<Int>, measuring: Bool = true
        ) throws(CheckpointError) -> (bytes: [UInt8], sums: RoundingSums) {
            var sums = RoundingSums()
            let bytes = try [UInt8](filling: rows.count * rowBytes) {
                target throws(CheckpointError) in
                sums = try content.write(
                    rows: rows, columns: columns, of: description, importance: importance,
                    to: UnsafeMutableRawBufferPointer(target), measuring: measuring)
            }
            return (bytes, sums)
        }

        /// Gives the source's pages of some rows back to the system.
        func releaseSource(rows: Range<Int>) {
            content.releaseSource(rows: rows, columns: columns)
        }
    }

    /// What stands beside the tensors.
    package enum Container: Sendable {
        case gguf(metadata: GGUFMetadata)
        case huggingFace(HuggingFaceLayout)
    }

    /// The files of a Hugging Face output.
    package struct HuggingFaceLayout: Sendable {
        /// A weight file of the output.
        package struct Shard: Sendable {
            package let name: String
            package let metadata: [SafetensorsMetadata]
        }

        /// The `config.json`, or nil to write none.
        package var config: JSONObject?
        /// The weight files; one alone needs no index.
        package var shards: [Shard]
        package var isIndexed: Bool
        /// Files of the source folder that are copied as they are.
        package var sourceFolder: String
        package var copies: [String]
        /// Further files: the tokenizer where the source is no folder that has it.
        package var files: [(name: String, bytes: [UInt8])]
        /// What was done to the model, where the files do not say it already; nil to say nothing.
        package var history: EditHistory?
        /// Whether the weights cannot be read without the `config.json`.
        package var needsConfiguration: Bool
    }

    package let source: Checkpoint
    package let tensors: [Tensor]
    package let container: Container
    /// What the user should know about the output.
    package let notes: [String]
    /// Why the output can be planned, but not written; nil where it can be.
    package let refusal: CheckpointError?

    /// The bytes of all tensors.
    package var tensorByteCount: Int {
        tensors.reduce(0) { $0 + ($1.description.byteCount ?? 0) }
    }

    /// The bits that a weight takes in the tensors, on average.
    package var bitsPerWeight: Double {
        let weights = tensors.reduce(0) { $0 + ($1.description.elementCount ?? 0) }
        return weights > 0 ? 8 * Double(tensorByteCount) / Double(weights) : 0
    }

    /// Plans an output in the given format.
    ///
    /// - Throws: `CheckpointError` where the output cannot hold what is asked for; as `Checkpoint.validate`.
    package init(source: Checkpoint, edits: [CheckpointEdit], format: FileFormat) throws {
        try source.validate()
        let changes = try EditList(edits)
        try changes.check(for: format)
        try source.requireValues(for: changes, format: format)
        switch (source.source, format) {
        case (.gguf(let gguf), .gguf):
            self = try GGUFPlanner(source: source, changes: changes).plan(keeping: gguf)
        case (.huggingFace(let files), .gguf):
            self = try GGUFPlanner(source: source, changes: changes).planFromHuggingFace(files)
        case (.huggingFace(let files), .safetensors):
            self = try HuggingFacePlanner(source: source, changes: changes).plan(keeping: files)
        case (.gguf(let gguf), .safetensors):
            self = try HuggingFacePlanner(source: source, changes: changes).planFromGGUF(gguf)
        }
        try check(changes, format)
    }

    /// Holds the plan against the edits: each reaches what it names, and no tensor stands there twice.
    ///
    /// - Throws: `CheckpointError.cannotExpress`.
    private func check(_ changes: EditList, _ format: FileFormat) throws(CheckpointError) {
        var names: Set<ExactString> = []
        for tensor in tensors {
            let name = tensor.description.name
            guard names.insert(ExactString(name)).inserted else {
                throw .cannotExpress(fact: "edits would make tensor '\(name)' twice")
            }
        }
        let architecture = changes.model?.architecture ?? source.architecture
        let isRenamed = changes.model != nil || format != source.format
        for role in changes.roles {
            var own = [architecture?.name(of: role, in: format)]
            if role.expert != nil {
                own.append(architecture?.name(of: role.ofAllExperts, in: format))
            }
            if let fused = architecture?.fused(role, in: format) {
                own.append(architecture?.name(of: fused, in: format))
            }
            if !isRenamed { own.append(source.tensor(role)?.name) }
            guard own.contains(where: { $0.map { names.contains(ExactString($0)) } ?? false })
            else {
                throw .cannotExpress(fact: "\(role) is edited, but the output has no tensor for it")
            }
        }
        if format == .safetensors {
            let matrices = tensors.map(\.description).filter { $0.shape.count > 1 }
            try changes.types?.checkOverrides(find: matrices.map(\.name))
        }
        if let change = changes.members.first, case .huggingFace(let layout) = container,
            layout.config == nil
        {
            throw .cannotExpress(
                fact: "\(change.key.quoted) of config.json is edited, but bare weights have none")
        }
    }

    init(
        source: Checkpoint, tensors: [Tensor], container: Container, notes: [String],
        refusal: CheckpointError? = nil
    ) {
        self.refusal = refusal
        self.source = source
        self.tensors = tensors
        self.container = container
        self.notes = notes
    }
}
