/// Reading and writing the numbers of a model: loops over the table of its family.
extension Hyperparameters {
    /// Reads the numbers from a `config.json`.
    ///
    /// - Throws: `CheckpointError` for a missing key, a value of the wrong kind or out of range, and features that
    ///   the architecture's description does not cover.
    init(config: JSONObject, architecture: Architecture, file: String) throws {
        let keys = ConfigKeys(
            config: config, standard: architecture.config.standard, file: file)
        for (key, only) in architecture.config.only { try keys.require(key, only) }
        self.init()
        for number in architecture.numbers {
            try number.config.read(keys, &self)
            try number.check(self, keys)
        }
        try ForeignMembers.check(keys, architecture, self)
    }

    /// What a GGUF file keeps in tensors rather than in its metadata.
    struct TensorFacts {
        /// The rows of the token embedding; the metadata need not say.
        var vocabularySize = 0
        var tiesEmbeddings = false
        var divisors = RopeParameters.Divisors()
        /// Whether the first block has no norm before its feed-forward part.
        var lacksFeedForwardNorm = false
        /// The blocks that have a matrix for keys and none for values.
        var blocksWithoutValues: Set<Int> = []
    }

    /// Reads the numbers from GGUF metadata.
    ///
    /// - Throws: `CheckpointError` for a missing key, a value of the wrong kind or out of range, and features that
    ///   the architecture's description does not cover.
    init(
        metadata: GGUFMetadata, architecture: Architecture, file: String, tensors: TensorFacts
    ) throws {
        let keys = GGUFKeys(
            metadata: metadata, prefix: architecture.name, file: file, tensors: tensors)
        if !architecture.hasExperts, let experts = try keys.integer("expert_count"), experts > 0 {
            throw CheckpointError.unsupportedFeature(
                file: file,
                fact:
                    "'\(keys.full("expert_count"))' is \(experts), but mixtures of experts are not "
                    + "supported in architecture '\(architecture.name)'")
        }
        self.init()
        for number in architecture.numbers {
            try number.metadata.read(keys, &self)
            try number.check(self, keys)
        }
        try MetadataRules(keys: keys, architecture: architecture).check(self)
    }

    /// Before anything is read.
    private init() {
        self.init(
            blockCount: 0, hiddenSize: 0, feedForwardSize: 0, headCount: 0, keyValueHeadCount: 0,
            headSize: 0, vocabularySize: 0, contextLength: 0, normEpsilon: 0,
            rope: RopeParameters(base: 10_000, dimensions: 0), tiesEmbeddings: false)
    }

    /// The numbers as llama.cpp reads them from metadata that was made of these.
    ///
    /// - Throws: `CheckpointError` for what it does not compute.
    func readBack(
        _ metadata: GGUFMetadata, _ architecture: Architecture, file: String,
        lacksFeedForwardNorm: Bool
    ) throws -> Hyperparameters {
        var divisors = RopeParameters.Divisors()
        if architecture.rule(for: .ropeFrequencies) != nil {
            divisors.frequencies = rope.fixedDivisors
        }
        if case .longrope(let short, let long, _, _) = rope.scaling,
            architecture.rule(for: .ropeFactorsLong) != nil
        {
            divisors.short = short.map(Float.init)
            divisors.long = long.map(Float.init)
        }
        return try Hyperparameters(
            metadata: metadata, architecture: architecture, file: file,
            tensors: TensorFacts(
                vocabularySize: vocabularySize, tiesEmbeddings: tiesEmbeddings,
                divisors: divisors, lacksFeedForwardNorm: lacksFeedForwardNorm,
                blocksWithoutValues: Set(blockKinds.indices.filter { blockKinds[$0].valuesAreKeys })
            ))
    }

    // MARK: - Writing

    /// The members of a `config.json` for a model with these numbers: those of every family in the order in which
    /// transformers writes them, the family's own, and what is no number.
    func config(
        architecture: Architecture, biasFlags: [String: Bool], type: ElementType,
        tokenizer: TokenizerDefinition?
    ) -> JSONObject {
        let format = architecture.config
        var common = JSONObject()
        for number in architecture.commonNumbers { number.config.write(self, &common) }
        var config = JSONObject([
            .init("architectures", .array([.string(architecture.huggingFaceClass)])),
            .init("model_type", .string(architecture.huggingFaceModelType)),
        ])
        for key in format.order { config[key] = common[key] }
        for member in common.members { config[member.key] = member.value }
        for number in architecture.ownNumbers { number.config.write(self, &config) }
        for (copy, key) in format.copies { config[copy] = config[key] }
        for (flag, value) in biasFlags.sorted(by: { $0.key < $1.key }) {
            config[flag] = .bool(value)
        }
        func identifier(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }
        config["bos_token_id"] = identifier(tokenizer?.beginningOfText)
        config["eos_token_id"] = identifier(tokenizer?.endOfText)
        config["pad_token_id"] = identifier(tokenizer?.padding)
        config["torch_dtype"] = .string(Self.torchName(type))
        return config
    }

    /// What torch calls a plain float type.
    static func torchName(_ type: ElementType) -> String {
        switch type {
        case .f16: "float16"
        case .bf16: "bfloat16"
        case .f64: "float64"
        default: "float32"
        }
    }

    /// The metadata of a model with these numbers, in the order in which llama.cpp's converter writes it for the family.
    ///
    /// - Parameters:
    ///   - general: what stands in place of `MetadataFormat.general`.
    ///   - fileType: llama.cpp's number for the type of the matrices.
    ///   - namesHeadSize: whether the width of a head is named even where it follows from the stream's.
    /// - Throws: `CheckpointError.cannotExpress` for numbers that llama.cpp has no key for.
    func metadata(
        architecture: Architecture, general: [GGUFMetadata.Entry] = [], fileType: UInt32 = 0,
        namesHeadSize: Bool = false
    ) throws(CheckpointError) -> [GGUFMetadata.Entry] {
        let format = architecture.metadata
        var values: [String: GGUFValue] = [:]
        for number in architecture.numbers {
            for entry in try number.metadata.write(self) { values[entry.key] = entry.value }
        }
        if format.omitsUsualRopeBase, rope.base == 10_000 { values["rope.freq_base"] = nil }
        if !namesHeadSize, !hasUnusualHeads {
            values["attention.key_length"] = nil
            values["attention.value_length"] = nil
        }
        var order = format.order
        for number in architecture.ownNumbers {
            order += try number.metadata.write(self).map(\.key).filter {
                !format.order.contains($0)
            }
        }
        return order.flatMap { key -> [GGUFMetadata.Entry] in
            switch key {
            case MetadataFormat.general: general
            case MetadataFormat.fileType: [.init(key, .u32(fileType))]
            default: values[key].map { [.init(architecture.name + "." + key, $0)] } ?? []
            }
        }
    }
}

extension ConfigKeys {
    /// The function that a configuration names, or the family's standard one.
    func activation(_ format: ConfigFormat) throws(CheckpointError) -> Activation {
        let name = try text(format.activation) ?? format.standardActivation
        if let renamed = format.renamedActivations[name] { return renamed }
        if let known = ConfigFormat.activations.first(where: { $0.name == name }) {
            return known.activation
        }
        throw .unsupportedFeature(
            file: file,
            fact: "\(format.activation) '\(name)' is not supported; supported: "
                + ConfigFormat.activations.map(\.name).joined(separator: ", "))
    }
}
