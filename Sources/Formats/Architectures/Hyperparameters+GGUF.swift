extension Hyperparameters {
    /// What a GGUF file keeps in tensors rather than in its metadata.
    struct TensorFacts {
        /// The rows of the token embedding; the metadata need not say.
        var vocabularySize: Int
        var tiesEmbeddings: Bool
        var divisors = RopeParameters.Divisors()
        /// Whether the first block has no norm before its feed-forward part.
        var lacksFeedForwardNorm = false
    }

    /// Reads the numbers from GGUF metadata.
    ///
    /// - Throws: `CheckpointError` for a missing key, a value of the wrong kind or out of range, and features that
    ///   the architecture's description does not cover.
    init(
        metadata: GGUFMetadata, architecture: Architecture, file: String, tensors: TensorFacts
    ) throws {
        let keys = GGUFKeys(
            metadata: metadata, prefix: architecture.name, file: file,
            lacksFeedForwardNorm: tensors.lacksFeedForwardNorm)
        if !architecture.hasExperts, let experts = try keys.integer("expert_count"), experts > 0 {
            throw CheckpointError.unsupportedFeature(
                file: file,
                fact: "mixtures of experts (\(experts) experts) are not supported in "
                    + "architecture '\(architecture.name)'")
        }
        let blocks = try keys.required("block_count")
        let heads = try keys.required("attention.head_count", blocks: blocks)
        let hidden = try keys.required("embedding_length")
        let headSize = try keys.integer("attention.key_length") ?? hidden / max(heads, 1)
        if let valueSize = try keys.integer("attention.value_length"), valueSize != headSize {
            throw CheckpointError.unsupportedFeature(
                file: file,
                fact:
                    "attention heads with keys of \(headSize) and values of \(valueSize) are not supported"
            )
        }
        let context = try keys.required("context_length")
        self.init(
            blockCount: blocks, hiddenSize: hidden,
            feedForwardSize: try keys.required("feed_forward_length", blocks: blocks),
            headCount: heads,
            keyValueHeadCount: try keys.integer("attention.head_count_kv", blocks: blocks)
                ?? heads,
            headSize: headSize, vocabularySize: tensors.vocabularySize, contextLength: context,
            normEpsilon: Float(try keys.requiredNumber(architecture.norm.epsilonKey)),
            rope: try RopeParameters(
                keys, headSize: headSize, context: context, divisors: tensors.divisors),
            tiesEmbeddings: tensors.tiesEmbeddings)
        activation = architecture.activation
        try validate(
            file: file, names: Self.names(keys, architecture), positions: architecture.positions)
        for trait in architecture.traits { try trait.readMetadata(keys, &self) }
        try MetadataRules(keys: keys, architecture: architecture).check(self)
        try validateTraits(file: file)
    }

    /// The metadata of a model with these numbers, in the order llama.cpp's converter writes it.
    ///
    /// - Throws: `CheckpointError.cannotExpress` for numbers that llama.cpp has no key for.
    func metadata(
        architecture: Architecture, _ context: MetadataField.Context
    ) throws(CheckpointError) -> [GGUFMetadata.Entry] {
        var entries: [GGUFMetadata.Entry] = []
        for field in architecture.metadata {
            entries += try field.entries(for: self, in: architecture, context)
        }
        return entries
    }

    private static func names(_ keys: GGUFKeys, _ architecture: Architecture) -> Names {
        Names(
            blockCount: keys.full("block_count"), hiddenSize: keys.full("embedding_length"),
            feedForwardSize: keys.full("feed_forward_length"),
            headCount: keys.full("attention.head_count"),
            keyValueHeadCount: keys.full("attention.head_count_kv"),
            headSize: keys.full("attention.key_length"), vocabularySize: keys.full("vocab_size"),
            contextLength: keys.full("context_length"),
            normEpsilon: keys.full(architecture.norm.epsilonKey),
            ropeBase: keys.full("rope.freq_base"),
            derivesHeadSize: keys.metadata[keys.full("attention.key_length")] == nil)
    }
}
