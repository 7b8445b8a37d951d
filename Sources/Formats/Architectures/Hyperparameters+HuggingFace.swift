extension Hyperparameters {
    /// Reads the numbers from a `config.json`.
    ///
    /// - Throws: `CheckpointError` for a missing key, a value of the wrong kind or out of range, and features that
    ///   the architecture's description does not cover.
    init(config: JSONObject, architecture: Architecture, file: String) throws {
        let format = architecture.config
        let keys = ConfigKeys(config: config, standard: format.standard, file: file)
        for (key, only) in format.only { try keys.require(key, only) }
        let heads = try keys.required(format.headCount)
        let hidden = try keys.required(format.hiddenSize)
        let headSize = try keys.integer(ConfigFormat.headSize) ?? hidden / max(heads, 1)
        let context = try keys.required(format.contextLength)
        let keyValueHeads = try format.keyValueHeadCount.flatMap { key in try keys.integer(key) }
        self.init(
            blockCount: try keys.required(format.blockCount), hiddenSize: hidden,
            feedForwardSize: try Self.feedForwardSize(keys, format, hidden: hidden),
            headCount: heads, keyValueHeadCount: keyValueHeads ?? heads, headSize: headSize,
            vocabularySize: try keys.required("vocab_size"), contextLength: context,
            normEpsilon: Float(try keys.number(format.normEpsilon) ?? 1e-6),
            rope: RopeParameters(base: 10_000, dimensions: headSize),
            tiesEmbeddings: try keys.flag("tie_word_embeddings") ?? false)
        activation = try Self.activation(keys, format)
        if architecture.positions == .rotary {
            rope = try RopeParameters(keys, format: format, headSize: headSize, context: context)
        }
        try validate(
            file: file, names: Self.configNames(keys, format), positions: architecture.positions)
        for trait in architecture.traits { try trait.readConfig(keys, &self) }
        try ForeignMembers.check(keys, architecture, self)
        try validateTraits(file: file)
    }

    private static func feedForwardSize(
        _ keys: ConfigKeys, _ format: ConfigFormat, hidden: Int
    ) throws(CheckpointError) -> Int {
        guard let multiple = format.feedForwardMultiple else {
            return try keys.required(format.feedForwardSize)
        }
        let (product, overflow) = hidden.multipliedReportingOverflow(by: multiple)
        return try keys.integer(format.feedForwardSize) ?? (overflow ? 0 : product)
    }

    private static func activation(
        _ keys: ConfigKeys, _ format: ConfigFormat
    ) throws(CheckpointError) -> Activation {
        let name = try keys.text(format.activation) ?? format.standardActivation
        if let renamed = format.renamedActivations[name] { return renamed }
        if let known = ConfigFormat.activations.first(where: { $0.name == name }) {
            return known.activation
        }
        throw .unsupportedFeature(
            file: keys.file,
            fact: "\(format.activation) '\(name)' is not supported; supported: "
                + ConfigFormat.activations.map(\.name).joined(separator: ", "))
    }

    /// The members of a `config.json` for a model with these numbers.
    func config(
        architecture: Architecture, biasFlags: [String: Bool], type: ElementType,
        tokenizer: TokenizerDefinition?
    ) -> JSONObject {
        let format = architecture.config
        var config = JSONObject([
            .init("architectures", .array([.string(architecture.huggingFaceClass)])),
            .init("model_type", .string(architecture.huggingFaceModelType)),
            .init("vocab_size", .integer(vocabularySize)),
            .init(format.hiddenSize, .integer(hiddenSize)),
            .init(format.feedForwardSize, .integer(feedForwardSize)),
            .init(format.blockCount, .integer(blockCount)),
            .init(format.headCount, .integer(headCount)),
        ])
        if let key = format.keyValueHeadCount { config[key] = .integer(keyValueHeadCount) }
        if format.fillsHeadSize || headSize * headCount != hiddenSize {
            config[ConfigFormat.headSize] = .integer(headSize)
        }
        config[format.activation] = .string(format.standardActivation)
        config[format.contextLength] = .integer(contextLength)
        config[format.normEpsilon] = .number(Double(normEpsilon.description) ?? Double(normEpsilon))
        if architecture.positions == .rotary {
            config.members += rope.configMembers(
                format, headSize: headSize, context: contextLength)
        }
        config["tie_word_embeddings"] = .bool(tiesEmbeddings)
        for trait in architecture.traits { trait.writeConfig(self, &config) }
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

    private static func configNames(_ keys: ConfigKeys, _ format: ConfigFormat) -> Names {
        Names(
            blockCount: format.blockCount, hiddenSize: format.hiddenSize,
            feedForwardSize: format.feedForwardSize, headCount: format.headCount,
            keyValueHeadCount: format.keyValueHeadCount ?? format.headCount,
            headSize: ConfigFormat.headSize, vocabularySize: "vocab_size",
            contextLength: format.contextLength, normEpsilon: format.normEpsilon,
            ropeBase: format.ropeBase, derivesHeadSize: !keys.isGiven(ConfigFormat.headSize))
    }
}
