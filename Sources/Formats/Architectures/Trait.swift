import Glibc

/// Numbers that some families have beyond those of Llama, and where both formats keep them. What a GGUF output gets
/// is listed in the family's `metadata`.
struct Trait: Sendable {
    /// The members of `config.json` that it reads.
    var members: [String] = []
    /// The GGUF keys that it reads, without the family's name.
    var metadataKeys: [String] = []
    var readConfig: @Sendable (ConfigKeys, inout Hyperparameters) throws -> Void = { _, _ in }
    var writeConfig: @Sendable (Hyperparameters, inout JSONObject) -> Void = { _, _ in }
    var readMetadata: @Sendable (GGUFKeys, inout Hyperparameters) throws -> Void = { _, _ in }

    /// Attention and the feed-forward part both read the block's input.
    ///
    /// - Parameter followsNorm: whether llama.cpp decides by the norm before the feed-forward part, which is missing
    ///   then, and reads no key.
    static func parallelResidual(followsNorm: Bool) -> Trait {
        let key = "use_parallel_residual"
        return Trait(
            members: [key], metadataKeys: followsNorm ? [] : [key],
            readConfig: { keys, numbers in numbers.isParallel = try keys.flag(key) ?? false },
            writeConfig: { numbers, config in config[key] = .bool(numbers.isParallel) },
            readMetadata: { keys, numbers in
                guard !followsNorm else {
                    numbers.isParallel = keys.lacksFeedForwardNorm
                    return
                }
                guard let flag = try keys.flag(key) else {
                    throw CheckpointError.missingKey(file: keys.file, key: keys.full(key))
                }
                numbers.isParallel = flag
            })
    }

    /// Caps of attention's scores and of the logits.
    ///
    /// - Parameter metadata: what llama.cpp reads them from. Where it knows the logits' alone, so does transformers.
    static func softCaps(metadata: CapMetadata) -> Trait {
        let (scores, logits) = ("attn_logit_softcapping", "final_logit_softcapping")
        return Trait(
            members: [scores, logits],
            metadataKeys: metadata == .both ? [scores, logits] : [logits],
            readConfig: { keys, numbers in
                if metadata == .both { numbers.scoreCap = try keys.number(scores) }
                numbers.logitCap = try keys.number(logits)
            },
            writeConfig: { numbers, config in
                config[scores] = numbers.scoreCap.map { .number($0) } ?? .null
                config[logits] = numbers.logitCap.map { .number($0) } ?? .null
            },
            readMetadata: { keys, numbers in
                switch metadata {
                case .both:
                    numbers.scoreCap = try keys.number(scores) ?? 50
                    numbers.logitCap = try keys.number(logits) ?? 30
                case .logitsOnly: numbers.logitCap = try keys.scale(logits)
                }
            })
    }

    /// How llama.cpp reads the caps of a family.
    enum CapMetadata {
        /// Both have a key; without it they are 50 and 30.
        case both
        /// Scores are never capped, logits where the key is there and not 0.
        case logitsOnly
    }

    /// Gemma's embeddings, multiplied by the square root of their width.
    static let scaledEmbedding = Trait(
        readConfig: { _, numbers in numbers.scaleEmbeddingByWidth() },
        readMetadata: { _, numbers in numbers.scaleEmbeddingByWidth() })

    /// Gemma's scores, multiplied by 1/√`query_pre_attn_scalar`.
    ///
    /// GGUF has no key for it: llama.cpp takes the head's width, but hidden size / heads in the model of `largeBlocks`
    /// blocks.
    static func queryScale(largeBlocks: Int) -> Trait {
        Trait(
            members: ["query_pre_attn_scalar"],
            readConfig: { keys, numbers in
                if let scalar = try keys.number("query_pre_attn_scalar") {
                    numbers.attentionScale = 1 / scalar.squareRoot()
                }
            },
            writeConfig: { numbers, config in
                let width = 1 / pow(numbers.attentionScale ?? 0, 2)
                let scalar = width.isFinite ? Int(width.rounded()) : numbers.headSize
                config["query_pre_attn_scalar"] = .integer(scalar)
            },
            readMetadata: { _, numbers in
                let isLarge = numbers.blockCount == largeBlocks
                let width =
                    isLarge ? numbers.hiddenSize / max(numbers.headCount, 1) : numbers.headSize
                numbers.attentionScale = 1 / Double(width).squareRoot()
            })
    }

    /// Granite's four multipliers.
    static let multipliers = Trait(
        members: [
            "embedding_multiplier", "residual_multiplier", "attention_multiplier",
            "logits_scaling",
        ],
        metadataKeys: ["embedding_scale", "residual_scale", "attention.scale", "logit_scale"],
        readConfig: { keys, numbers in
            numbers.embeddingScale = try keys.number("embedding_multiplier") ?? 1
            numbers.residualScale = try keys.number("residual_multiplier") ?? 1
            numbers.attentionScale = try keys.number("attention_multiplier") ?? 1
            numbers.logitScale = 1 / (try keys.number("logits_scaling") ?? 1)
        },
        writeConfig: { numbers, config in
            config["embedding_multiplier"] = .number(numbers.embeddingScale)
            config["residual_multiplier"] = .number(numbers.residualScale)
            let standard = 1 / Double(numbers.headSize).squareRoot()
            config["attention_multiplier"] = .number(numbers.attentionScale ?? standard)
            let divisor = Float(1 / numbers.logitScale)
            config["logits_scaling"] = .number(Double(divisor.description) ?? Double(divisor))
        },
        readMetadata: { keys, numbers in
            numbers.embeddingScale = try keys.scale("embedding_scale") ?? 1
            numbers.residualScale = try keys.scale("residual_scale") ?? 1
            numbers.attentionScale = try keys.scale("attention.scale")
            numbers.logitScale = 1 / (try keys.requiredNumber("logit_scale"))
        })

    /// The context length before a long rope, which Phi-3's files name even where there is none.
    static let originalContext = Trait(
        members: ["original_max_position_embeddings"],
        readConfig: { keys, numbers in
            numbers.originalContextLength = try keys.integer("original_max_position_embeddings")
        },
        writeConfig: { numbers, config in
            guard let length = numbers.originalContextLength else { return }
            config["original_max_position_embeddings"] = .integer(length)
        },
        readMetadata: { keys, numbers in
            numbers.originalContextLength = try keys.integer(
                "rope.scaling.original_context_length")
        })

    /// Experts whose configuration has these keys.
    ///
    /// llama.cpp makes the shares of the experts a token goes through sum to 1 in all these families.
    ///
    /// - Parameters:
    ///   - count: the first key is the one that is written.
    ///   - size: of one expert's width; nil where it is the feed-forward size.
    ///   - shares: the switch for shares that sum to 1; nil where they always do.
    static func experts(count: [String], size: String?, shares: String?) -> Trait {
        Trait(
            members: count + ["num_experts_per_tok"] + [size, shares].compactMap(\.self),
            metadataKeys: ["expert_count", "expert_used_count"]
                + (size == nil ? [] : ["expert_feed_forward_length"]),
            readConfig: { keys, numbers in
                let present = count.first { keys.config[$0] != nil } ?? count[0]
                numbers.experts = Experts(
                    count: try keys.required(present),
                    usedCount: try keys.required("num_experts_per_tok"),
                    feedForwardSize: try size.map { key in try keys.required(key) }
                        ?? numbers.feedForwardSize,
                    normalizesShares: try shares.map { key in try keys.flag(key) ?? false } ?? true)
            },
            writeConfig: { numbers, config in
                guard let experts = numbers.experts else { return }
                config[count[0]] = .integer(experts.count)
                config["num_experts_per_tok"] = .integer(experts.usedCount)
                if let size { config[size] = .integer(experts.feedForwardSize) }
                if let shares { config[shares] = .bool(experts.normalizesShares) }
            },
            readMetadata: { keys, numbers in
                let used = try keys.required("expert_used_count", blocks: numbers.blockCount)
                // What llama.cpp takes: it reads the key where experts have a width of their own.
                var width = numbers.feedForwardSize
                if size != nil {
                    width =
                        try keys.integer(
                            "expert_feed_forward_length", blocks: numbers.blockCount
                        )
                        .flatMap { $0 == 0 ? nil : $0 } ?? width / max(used, 1)
                }
                numbers.experts = Experts(
                    count: try keys.required("expert_count"), usedCount: used,
                    feedForwardSize: width, normalizesShares: true)
            })
    }

    /// A key that means the same as another one of the configuration.
    static func alias(_ alias: String, of key: String) -> Trait {
        Trait(members: [alias], writeConfig: { _, config in config[alias] = config[key] })
    }
}

extension Hyperparameters {
    fileprivate mutating func scaleEmbeddingByWidth() {
        embeddingScale = Double(Float(hiddenSize).squareRoot())
    }
}
