import Glibc

extension Hyperparameters {
    /// Reads the numbers from GGUF metadata.
    ///
    /// - Parameters:
    ///   - vocabularySize: the rows of the token embedding; the metadata need not say.
    ///   - ropeDivisors: the values of `rope_freqs.weight` where the file has it.
    /// - Throws: `CheckpointError` for a missing key, a value of the wrong kind or out of range, and features that
    ///   the architecture's description does not cover.
    init(
        metadata: GGUFMetadata, architecture: Architecture, file: String, vocabularySize: Int,
        tiesEmbeddings: Bool, ropeDivisors: [Float]?
    ) throws {
        let keys = GGUFKeys(metadata: metadata, prefix: architecture.name, file: file)
        if let experts = try keys.integer("expert_count"), experts > 0 {
            throw CheckpointError.unsupportedFeature(
                file: file, fact: "mixtures of experts (\(experts) experts) are not supported")
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
            headSize: headSize,
            vocabularySize: vocabularySize, contextLength: context,
            normEpsilon: Float(try keys.requiredNumber("attention.layer_norm_rms_epsilon")),
            rope: RopeParameters(
                base: try keys.number("rope.freq_base") ?? 10_000,
                dimensions: try keys.integer("rope.dimension_count") ?? headSize,
                scaling: try Self.scaling(keys, context: context, divisors: ropeDivisors)),
            tiesEmbeddings: tiesEmbeddings)
        try validate(file: file, names: Self.names(keys))
    }

    /// The metadata of a model with these numbers, in the order llama.cpp's converter writes them.
    func metadata(architecture: Architecture) throws(CheckpointError) -> [GGUFMetadata.Entry] {
        func entry(_ key: String, _ value: GGUFValue) -> GGUFMetadata.Entry {
            GGUFMetadata.Entry(architecture.name + "." + key, value)
        }
        func count(_ value: Int) -> GGUFValue { .u32(UInt32(clamping: value)) }
        var entries = [
            entry("block_count", count(blockCount)),
            entry("context_length", count(contextLength)),
            entry("embedding_length", count(hiddenSize)),
            entry("feed_forward_length", count(feedForwardSize)),
            entry("attention.head_count", count(headCount)),
            entry("attention.head_count_kv", count(keyValueHeadCount)),
        ]
        switch rope.scaling {
        case .none, .llama3, .divisors: break
        case .linear(let factor):
            entries.append(entry("rope.scaling.type", .string(ByteString("linear"))))
            entries.append(entry("rope.scaling.factor", .f32(Float(factor))))
        case .yarn(let factor, let original, let attention, let fast, let slow):
            entries.append(entry("rope.scaling.type", .string(ByteString("yarn"))))
            entries.append(entry("rope.scaling.factor", .f32(Float(factor))))
            entries.append(entry("rope.scaling.original_context_length", count(original)))
            if let attention {
                // llama.cpp multiplies this key with YaRN's own factor.
                entries.append(
                    entry(
                        "rope.scaling.attn_factor",
                        .f32(Float(attention / Self.yarnAttention(factor)))))
            }
            entries.append(entry("rope.scaling.yarn_beta_fast", .f32(Float(fast))))
            entries.append(entry("rope.scaling.yarn_beta_slow", .f32(Float(slow))))
        case .dynamic:
            throw .cannotExpress(
                fact: "dynamic rope scaling has no equivalent in a GGUF file of llama.cpp")
        }
        entries.append(entry("rope.freq_base", .f32(Float(rope.base))))
        entries.append(entry("attention.layer_norm_rms_epsilon", .f32(normEpsilon)))
        if headSize * headCount != hiddenSize {
            entries.append(entry("attention.key_length", count(headSize)))
            entries.append(entry("attention.value_length", count(headSize)))
        }
        entries.append(entry("vocab_size", count(vocabularySize)))
        entries.append(entry("rope.dimension_count", count(rope.dimensions)))
        return entries
    }

    private static func names(_ keys: GGUFKeys) -> Names {
        Names(
            blockCount: keys.full("block_count"), hiddenSize: keys.full("embedding_length"),
            feedForwardSize: keys.full("feed_forward_length"),
            headCount: keys.full("attention.head_count"),
            keyValueHeadCount: keys.full("attention.head_count_kv"),
            headSize: keys.full("attention.key_length"), vocabularySize: keys.full("vocab_size"),
            contextLength: keys.full("context_length"),
            normEpsilon: keys.full("attention.layer_norm_rms_epsilon"),
            ropeBase: keys.full("rope.freq_base"))
    }

    /// YaRN's attention factor where a file names none.
    static func yarnAttention(_ factor: Double) -> Double { factor > 1 ? 0.1 * log(factor) + 1 : 1 }

    private static func scaling(
        _ keys: GGUFKeys, context: Int, divisors: [Float]?
    ) throws -> RopeParameters.Scaling {
        let kind = try keys.text("rope.scaling.type") ?? "linear"
        let factor = try keys.number("rope.scaling.factor") ?? keys.number("rope.scale_linear") ?? 1
        let scaling: RopeParameters.Scaling
        switch kind {
        case "none": scaling = .none
        case "linear": scaling = factor == 1 || factor == 0 ? .none : .linear(factor: factor)
        case "yarn":
            let attention = try keys.number("rope.scaling.attn_factor")
            scaling = .yarn(
                factor: factor,
                originalContext: try keys.integer("rope.scaling.original_context_length")
                    ?? context,
                attentionFactor: attention.map { $0 * yarnAttention(factor) },
                betaFast: try keys.number("rope.scaling.yarn_beta_fast") ?? 32,
                betaSlow: try keys.number("rope.scaling.yarn_beta_slow") ?? 1)
        default:
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact: "rope scaling '\(kind)' is not supported; supported: none, linear, yarn")
        }
        guard let divisors else { return scaling }
        guard scaling == .none else {
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact: "rope_freqs.weight together with rope scaling '\(kind)' is not supported")
        }
        return .divisors(divisors)
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
