import Glibc

/// Numbers that some families have beyond those of Llama, and where both formats keep them. What a GGUF output gets
/// is listed in the family's `metadata`.
struct Trait: Sendable {
    var readConfig: @Sendable (ConfigKeys, inout Hyperparameters) throws -> Void = { _, _ in }
    var writeConfig: @Sendable (Hyperparameters, inout JSONObject) -> Void = { _, _ in }
    var readMetadata: @Sendable (GGUFKeys, inout Hyperparameters) throws -> Void = { _, _ in }

    /// Attention and the feed-forward part both read the block's input.
    static let parallelResidual = Trait(
        readConfig: { keys, numbers in
            numbers.isParallel = try keys.flag("use_parallel_residual") ?? false
        },
        writeConfig: { numbers, config in
            config["use_parallel_residual"] = .bool(numbers.isParallel)
        },
        readMetadata: { keys, numbers in
            numbers.isParallel = try keys.flag("use_parallel_residual") ?? false
        })

    /// Caps of attention's scores and of the logits.
    static let softCaps = Trait(
        readConfig: { keys, numbers in
            numbers.scoreCap = try keys.number("attn_logit_softcapping")
            numbers.logitCap = try keys.number("final_logit_softcapping")
        },
        writeConfig: { numbers, config in
            config["attn_logit_softcapping"] = numbers.scoreCap.map { .number($0) } ?? .null
            config["final_logit_softcapping"] = numbers.logitCap.map { .number($0) } ?? .null
        },
        readMetadata: { keys, numbers in
            numbers.scoreCap = try keys.number("attn_logit_softcapping")
            numbers.logitCap = try keys.number("final_logit_softcapping")
        })

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
            numbers.logitScale = 1 / (try keys.scale("logit_scale") ?? 1)
        })

    /// The context length before a long rope, which Phi-3's files name even where there is none.
    static let originalContext = Trait(
        readConfig: { keys, numbers in
            let key = "original_max_position_embeddings"
            numbers.originalContextLength =
                try keys.ropeParameters()[key]?.integer ?? keys.integer(key)
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
                let width = try keys.integer("expert_feed_forward_length")
                numbers.experts = Experts(
                    count: try keys.required("expert_count"),
                    usedCount: try keys.required("expert_used_count"),
                    feedForwardSize: width ?? numbers.feedForwardSize, normalizesShares: true)
            })
    }

    /// A key that means the same as another one of the configuration.
    static func alias(_ alias: String, of key: String) -> Trait {
        Trait(writeConfig: { _, config in config[alias] = config[key] })
    }
}

extension Hyperparameters {
    fileprivate mutating func scaleEmbeddingByWidth() {
        embeddingScale = Double(Float(hiddenSize).squareRoot())
    }
}
