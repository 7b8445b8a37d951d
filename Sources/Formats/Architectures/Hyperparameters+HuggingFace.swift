extension Hyperparameters {
    /// Reads the numbers from a `config.json`.
    ///
    /// - Throws: `CheckpointError` for a missing key, a value of the wrong kind or out of range, and features that
    ///   the architecture's description does not cover.
    init(config: JSONObject, file: String) throws {
        let keys = ConfigKeys(config: config, file: file)
        for (key, only) in [("hidden_act", "silu")] {
            if let found = try keys.text(key), found != only {
                throw CheckpointError.unsupportedFeature(
                    file: file, fact: "\(key) '\(found)' is not supported; only '\(only)' is")
            }
        }
        let heads = try keys.required("num_attention_heads")
        let hidden = try keys.required("hidden_size")
        let headSize = try keys.integer("head_dim") ?? hidden / max(heads, 1)
        let context = try keys.required("max_position_embeddings")
        let rope = try keys.object("rope_parameters") ?? keys.object("rope_scaling")
        let ropeKeys = ConfigKeys(config: rope ?? JSONObject(), file: file)
        let partial =
            try ropeKeys.number("partial_rotary_factor") ?? keys.number("partial_rotary_factor")
            ?? 1
        guard partial == 1 else {
            throw CheckpointError.unsupportedFeature(
                file: file, fact: "partial_rotary_factor \(partial) is not supported")
        }
        self.init(
            blockCount: try keys.required("num_hidden_layers"), hiddenSize: hidden,
            feedForwardSize: try keys.required("intermediate_size"), headCount: heads,
            keyValueHeadCount: try keys.integer("num_key_value_heads") ?? heads, headSize: headSize,
            vocabularySize: try keys.required("vocab_size"), contextLength: context,
            normEpsilon: Float(try keys.number("rms_norm_eps") ?? 1e-6),
            rope: RopeParameters(
                base: try ropeKeys.number("rope_theta") ?? keys.number("rope_theta") ?? 10_000,
                dimensions: headSize, scaling: try Self.scaling(ropeKeys, context: context)),
            tiesEmbeddings: try keys.flag("tie_word_embeddings") ?? false)
        try validate(file: file, names: Self.configNames)
    }

    /// The members of a `config.json` for a model with these numbers.
    ///
    /// Rope settings are written as transformers 4 did; transformers 5, vLLM and others read them too.
    func config(
        architecture: Architecture, biasFlags: [String: Bool], type: ElementType,
        tokenizer: TokenizerDefinition?
    ) throws(CheckpointError) -> JSONObject {
        var config = JSONObject([
            .init("architectures", .array([.string(architecture.huggingFaceClass)])),
            .init("model_type", .string(architecture.huggingFaceModelType)),
            .init("vocab_size", .integer(vocabularySize)),
            .init("hidden_size", .integer(hiddenSize)),
            .init("intermediate_size", .integer(feedForwardSize)),
            .init("num_hidden_layers", .integer(blockCount)),
            .init("num_attention_heads", .integer(headCount)),
            .init("num_key_value_heads", .integer(keyValueHeadCount)),
            .init("head_dim", .integer(headSize)),
            .init("hidden_act", .string("silu")),
            .init("max_position_embeddings", .integer(contextLength)),
            .init("rms_norm_eps", .number(Double(normEpsilon.description) ?? Double(normEpsilon))),
            .init("rope_theta", .number(rope.base)),
            .init("rope_scaling", try ropeScaling()),
            .init("tie_word_embeddings", .bool(tiesEmbeddings)),
        ])
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

    private func ropeScaling() throws(CheckpointError) -> JSONValue {
        let members: [JSONObject.Member]
        switch rope.scaling {
        case .none: return .null
        case .linear(let factor):
            members = [.init("rope_type", .string("linear")), .init("factor", .number(factor))]
        case .dynamic(let factor, let original):
            members = [
                .init("rope_type", .string("dynamic")), .init("factor", .number(factor)),
                .init("original_max_position_embeddings", .integer(original)),
            ]
        case .llama3(let ramp): members = Self.members(ramp)
        case .divisors(let divisors):
            guard
                let ramp = Llama3(divisors: divisors, base: rope.base, dimensions: rope.dimensions)
            else {
                throw .cannotExpress(
                    fact:
                        "rope_freqs.weight follows no llama3 ramp, so no config.json can express it"
                )
            }
            members = Self.members(ramp)
        case .yarn(let factor, let original, let attention, let fast, let slow):
            members =
                [
                    .init("rope_type", .string("yarn")), .init("factor", .number(factor)),
                    .init("original_max_position_embeddings", .integer(original)),
                    .init("beta_fast", .number(fast)), .init("beta_slow", .number(slow)),
                ] + (attention.map { [.init("attention_factor", .number($0))] } ?? [])
        }
        return .object(JSONObject(members))
    }

    private static func members(_ ramp: Llama3) -> [JSONObject.Member] {
        [
            .init("rope_type", .string("llama3")), .init("factor", .number(ramp.factor)),
            .init("low_freq_factor", .number(ramp.lowFrequencyFactor)),
            .init("high_freq_factor", .number(ramp.highFrequencyFactor)),
            .init("original_max_position_embeddings", .integer(ramp.originalContext)),
        ]
    }

    private static let configNames = Names(
        blockCount: "num_hidden_layers", hiddenSize: "hidden_size",
        feedForwardSize: "intermediate_size", headCount: "num_attention_heads",
        keyValueHeadCount: "num_key_value_heads", headSize: "head_dim",
        vocabularySize: "vocab_size",
        contextLength: "max_position_embeddings", normEpsilon: "rms_norm_eps",
        ropeBase: "rope_theta")

    private static func scaling(
        _ keys: ConfigKeys, context: Int
    ) throws -> RopeParameters.Scaling {
        let kind = try keys.text("rope_type") ?? keys.text("type") ?? "default"
        func factor() throws(CheckpointError) -> Double { try keys.requiredNumber("factor") }
        let original = try keys.integer("original_max_position_embeddings")
        switch kind {
        case "default": return .none
        case "linear": return .linear(factor: try factor())
        case "dynamic":
            return .dynamic(factor: try factor(), originalContext: original ?? context)
        case "llama3":
            return .llama3(
                Llama3(
                    factor: try factor(),
                    lowFrequencyFactor: try keys.requiredNumber("low_freq_factor"),
                    highFrequencyFactor: try keys.requiredNumber("high_freq_factor"),
                    originalContext: original ?? context))
        case "yarn":
            for key in ["mscale", "mscale_all_dim"] where try keys.number(key) != nil {
                throw CheckpointError.unsupportedFeature(
                    file: keys.file, fact: "yarn with '\(key)' is not supported")
            }
            return .yarn(
                factor: try factor(), originalContext: original ?? context,
                attentionFactor: try keys.number("attention_factor"),
                betaFast: try keys.number("beta_fast") ?? 32,
                betaSlow: try keys.number("beta_slow") ?? 1)
        default:
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact:
                    "rope scaling '\(kind)' is not supported; supported: default, linear, dynamic, llama3, yarn"
            )
        }
    }
}

/// Typed look-ups in a `config.json`; null counts as absent.
struct ConfigKeys {
    let config: JSONObject
    let file: String

    /// The value read as one type, or nil where it is absent.
    private func value<Value>(
        _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(CheckpointError) -> Value? {
        guard let found = config[key], found != .null else { return nil }
        guard let value = read(found) else {
            throw .wrongValue(file: file, key: key, expected: expected)
        }
        return value
    }

    func integer(_ key: String) throws(CheckpointError) -> Int? {
        try value(key, "an integer") { $0.integer }
    }

    func number(_ key: String) throws(CheckpointError) -> Double? {
        try value(key, "a number") { $0.number }
    }

    func text(_ key: String) throws(CheckpointError) -> String? {
        try value(key, "a string") { $0.string }
    }

    func flag(_ key: String) throws(CheckpointError) -> Bool? {
        try value(key, "true or false") { $0.bool }
    }

    func object(_ key: String) throws(CheckpointError) -> JSONObject? {
        try value(key, "an object") { $0.object }
    }

    func required(_ key: String) throws(CheckpointError) -> Int {
        guard let value = try integer(key) else { throw .missingKey(file: file, key: key) }
        return value
    }

    func requiredNumber(_ key: String) throws(CheckpointError) -> Double {
        guard let value = try number(key) else { throw .missingKey(file: file, key: key) }
        return value
    }
}
