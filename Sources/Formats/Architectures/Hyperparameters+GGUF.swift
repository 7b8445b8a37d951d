extension Hyperparameters {
    /// What a GGUF file keeps in tensors rather than in its metadata.
    struct TensorFacts {
        /// The rows of the token embedding; the metadata need not say.
        var vocabularySize: Int
        var tiesEmbeddings: Bool
        var divisors = RopeParameters.Divisors()
    }

    /// Reads the numbers from GGUF metadata.
    ///
    /// - Throws: `CheckpointError` for a missing key, a value of the wrong kind or out of range, and features that
    ///   the architecture's description does not cover.
    init(
        metadata: GGUFMetadata, architecture: Architecture, file: String, tensors: TensorFacts
    ) throws {
        let keys = GGUFKeys(metadata: metadata, prefix: architecture.name, file: file)
        if !architecture.hasExperts, let experts = try keys.integer("expert_count"), experts > 0 {
            throw CheckpointError.unsupportedFeature(
                file: file,
                fact: "mixtures of experts (\(experts) experts) are not supported in "
                    + "architecture '\(architecture.name)'")
        }
        let heads = try keys.required("attention.head_count")
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
            blockCount: try keys.required("block_count"), hiddenSize: hidden,
            feedForwardSize: try keys.required("feed_forward_length"), headCount: heads,
            keyValueHeadCount: try keys.integer("attention.head_count_kv") ?? heads,
            headSize: headSize, vocabularySize: tensors.vocabularySize, contextLength: context,
            normEpsilon: Float(try keys.requiredNumber(architecture.norm.epsilonKey)),
            rope: try RopeParameters(
                keys, headSize: headSize, context: context, divisors: tensors.divisors),
            tiesEmbeddings: tensors.tiesEmbeddings)
        activation = architecture.activation
        try validate(
            file: file, names: Self.names(keys, architecture), positions: architecture.positions)
        for trait in architecture.traits { try trait.readMetadata(keys, &self) }
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
            ropeBase: keys.full("rope.freq_base"))
    }
}

/// Typed look-ups of an architecture's keys in GGUF metadata.
struct GGUFKeys {
    let metadata: GGUFMetadata
    let prefix: String
    let file: String

    func full(_ key: String) -> String { prefix + "." + key }

    func integer(_ key: String) throws(CheckpointError) -> Int? {
        guard let value = metadata[full(key)] else { return nil }
        guard let integer = value.integer else {
            throw .wrongValue(file: file, key: full(key), expected: "an integer")
        }
        return integer
    }

    func number(_ key: String) throws(CheckpointError) -> Double? {
        guard let value = metadata[full(key)] else { return nil }
        guard let number = value.number ?? value.integer.map(Double.init) else {
            throw .wrongValue(file: file, key: full(key), expected: "a number")
        }
        // The shortest decimal of an f32: 1e-05 rather than 9.99999974e-06.
        if case .f32(let float) = value { return Double(float.description) ?? number }
        return number
    }

    /// A factor, where 0 stands for none.
    func scale(_ key: String) throws(CheckpointError) -> Double? {
        let scale = try number(key)
        return scale == 0 ? nil : scale
    }

    func flag(_ key: String) throws(CheckpointError) -> Bool? {
        guard let value = metadata[full(key)] else { return nil }
        guard let flag = value.bool else {
            throw .wrongValue(file: file, key: full(key), expected: "true or false")
        }
        return flag
    }

    /// A list of booleans; nil where the key is missing or has another value.
    func flags(_ key: String) -> [Bool]? {
        guard case .array(.bool(let flags)) = metadata[full(key)] else { return nil }
        return flags
    }

    func text(_ key: String) throws(CheckpointError) -> String? {
        guard let value = metadata[full(key)] else { return nil }
        guard let text = value.text else {
            throw .wrongValue(file: file, key: full(key), expected: "a string")
        }
        return text
    }

    func required(_ key: String) throws(CheckpointError) -> Int {
        guard let value = try integer(key) else { throw .missingKey(file: file, key: full(key)) }
        return value
    }

    func requiredNumber(_ key: String) throws(CheckpointError) -> Double {
        guard let value = try number(key) else { throw .missingKey(file: file, key: full(key)) }
        return value
    }
}
