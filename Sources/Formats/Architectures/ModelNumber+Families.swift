import Glibc

/// The keys of numbers that some families have.
extension ModelNumber {
    /// Attention and the feed-forward part both read the block's input.
    ///
    /// - Parameter followsNorm: whether llama.cpp decides by the norm before the feed-forward part, which is missing
    ///   then, and reads no key.
    static func parallelResidual(followsNorm: Bool) -> ModelNumber {
        let key = "use_parallel_residual"
        return parallelResidual.kept(
            ConfigPlace(
                members: [key],
                read: { keys, numbers in numbers.isParallel = try keys.flag(key) ?? false },
                write: { numbers, config in config[key] = .bool(numbers.isParallel) }),
            MetadataPlace(
                keys: followsNorm ? [] : [key],
                read: { keys, numbers in
                    guard !followsNorm else {
                        numbers.isParallel = keys.tensors.lacksFeedForwardNorm
                        return
                    }
                    guard let flag = try keys.flag(key) else {
                        throw CheckpointError.missingKey(file: keys.file, key: keys.full(key))
                    }
                    numbers.isParallel = flag
                },
                write: { numbers throws(CheckpointError) in [(key, .bool(numbers.isParallel))] }))
    }

    /// The cap of attention's scores.
    ///
    /// - Parameter standard: what llama.cpp takes without a key; nil where it never caps them, and so does transformers.
    static func scoreCap(standard: Double?) -> ModelNumber {
        let key = "attn_logit_softcapping"
        return scoreCap.kept(
            ConfigPlace(
                members: [key],
                read: { keys, numbers in
                    if standard != nil { numbers.scoreCap = try keys.number(key) }
                },
                write: { numbers, config in
                    config[key] = numbers.scoreCap.map { .number($0) } ?? .null
                }),
            MetadataPlace(
                keys: standard == nil ? [] : [key],
                read: { keys, numbers in
                    if let standard { numbers.scoreCap = try keys.number(key) ?? standard }
                },
                write: { numbers throws(CheckpointError) in
                    numbers.scoreCap.map { [(key, .f32(Float($0)))] } ?? []
                }))
    }

    /// The cap of the logits.
    ///
    /// - Parameter standard: what llama.cpp takes without a key; nil where that, and 0, is no cap.
    static func logitCap(standard: Double?) -> ModelNumber {
        let key = "final_logit_softcapping"
        return logitCap.kept(
            ConfigPlace(
                members: [key],
                read: { keys, numbers in numbers.logitCap = try keys.number(key) },
                write: { numbers, config in
                    config[key] = numbers.logitCap.map { .number($0) } ?? .null
                }),
            MetadataPlace(
                keys: [key],
                read: { keys, numbers in
                    numbers.logitCap =
                        try standard == nil ? keys.scale(key) : keys.number(key) ?? standard
                },
                write: { numbers throws(CheckpointError) in
                    numbers.logitCap.map { [(key, .f32(Float($0)))] } ?? []
                }))
    }

    /// Gemma's embeddings, multiplied by the square root of their width.
    static let embeddingScaleByWidth = embeddingScale.kept(
        ConfigPlace(read: { _, numbers in numbers.scaleEmbeddingByWidth() }),
        MetadataPlace(read: { _, numbers in numbers.scaleEmbeddingByWidth() }))

    /// Gemma's scores, multiplied by 1/√`query_pre_attn_scalar`.
    ///
    /// GGUF has no key for it: llama.cpp takes the head's width, but hidden size / heads in the model of `largeBlocks`
    /// blocks.
    static func queryScale(largeBlocks: Int) -> ModelNumber {
        let key = "query_pre_attn_scalar"
        return attentionScale.kept(
            ConfigPlace(
                members: [key],
                read: { keys, numbers in
                    if let scalar = try keys.number(key) {
                        numbers.attentionScale = 1 / scalar.squareRoot()
                    }
                },
                write: { numbers, config in
                    let width = 1 / pow(numbers.attentionScale ?? 0, 2)
                    let scalar = width.isFinite ? Int(width.rounded()) : numbers.headSize
                    config[key] = .integer(scalar)
                }),
            MetadataPlace(read: { _, numbers in
                let isLarge = numbers.blockCount == largeBlocks
                let width =
                    isLarge ? numbers.hiddenSize / max(numbers.headCount, 1) : numbers.headSize
                numbers.attentionScale = 1 / Double(width).squareRoot()
            }))
    }

    /// Granite's four multipliers, in the order of its `config.json`. llama.cpp divides by the logits', as Granite's
    /// configuration does.
    static let multipliers = [
        multiplier(embeddingScale, \.embeddingScale, "embedding_multiplier", "embedding_scale"),
        multiplier(residualScale, \.residualScale, "residual_multiplier", "residual_scale"),
        attentionScale.kept(
            ConfigPlace(
                members: ["attention_multiplier"],
                read: { keys, numbers in
                    numbers.attentionScale = try keys.number("attention_multiplier") ?? 1
                },
                write: { numbers, config in
                    let standard = 1 / Double(numbers.headSize).squareRoot()
                    config["attention_multiplier"] = .number(numbers.attentionScale ?? standard)
                }),
            MetadataPlace(
                keys: ["attention.scale"],
                read: { keys, numbers in
                    numbers.attentionScale = try keys.scale("attention.scale")
                },
                write: { numbers throws(CheckpointError) in
                    numbers.attentionScale.map { [("attention.scale", .f32(Float($0)))] } ?? []
                })),
        logitScale.kept(
            ConfigPlace(
                members: ["logits_scaling"],
                read: { keys, numbers in
                    numbers.logitScale = 1 / (try keys.number("logits_scaling") ?? 1)
                },
                write: { numbers, config in
                    config["logits_scaling"] = .shortest(Float(1 / numbers.logitScale))
                }),
            MetadataPlace(
                keys: ["logit_scale"],
                read: { keys, numbers in
                    numbers.logitScale = 1 / (try keys.requiredNumber("logit_scale"))
                },
                write: { numbers throws(CheckpointError) in
                    [("logit_scale", .f32(Float(1 / numbers.logitScale)))]
                })),
    ]

    private static func multiplier(
        _ number: ModelNumber, _ member: any WritableKeyPath<Hyperparameters, Double> & Sendable,
        _ key: String, _ metadataKey: String
    ) -> ModelNumber {
        number.kept(
            ConfigPlace(
                members: [key],
                read: { keys, numbers in numbers[keyPath: member] = try keys.number(key) ?? 1 },
                write: { numbers, config in config[key] = .number(numbers[keyPath: member]) }),
            MetadataPlace(
                keys: [metadataKey],
                read: { keys, numbers in
                    numbers[keyPath: member] = try keys.scale(metadataKey) ?? 1
                },
                write: { numbers throws(CheckpointError) in
                    [(metadataKey, .f32(Float(numbers[keyPath: member])))]
                }))
    }

    /// The context length before a long rope, which Phi-3's files name even where there is none, and what a long rope
    /// multiplies cosines and sines by.
    static let longRopeContext = originalContext.kept(
        ConfigPlace(
            members: ["original_max_position_embeddings"],
            read: { keys, numbers in
                numbers.originalContextLength = try keys.integer("original_max_position_embeddings")
            },
            write: { numbers, config in
                guard let length = numbers.originalContextLength else { return }
                config["original_max_position_embeddings"] = .integer(length)
            }),
        MetadataPlace(
            read: { keys, numbers in
                numbers.originalContextLength = try keys.integer(
                    "rope.scaling.original_context_length")
            },
            write: { numbers throws(CheckpointError) in
                var entries: [MetadataPlace.Entry] = []
                if case .longrope(_, _, _, let factor) = numbers.rope.scaling {
                    entries.append(("rope.scaling.attn_factor", .f32(Float(factor))))
                }
                if let length = numbers.originalContextLength {
                    entries.append(("rope.scaling.original_context_length", .count(length)))
                }
                return entries
            }))

    /// Experts whose configuration has these keys.
    ///
    /// - Parameters:
    ///   - count: the first key is the one that is written.
    ///   - size: of one expert's width; nil where it is the feed-forward size.
    ///   - shares: the switch for shares that sum to 1; nil where they always do.
    ///   - normalizesInGGUF: whether llama.cpp makes them sum to 1, whatever a file says
    ///   - shared: of the width of the part that every token goes through; nil where there is none
    static func experts(
        count: [String], size: String?, shares: String?, normalizesInGGUF: Bool = true,
        shared: String? = nil
    ) -> ModelNumber {
        let (counts, used) = ("expert_count", "expert_used_count")
        let sharedWidth = shared == nil ? nil : "expert_shared_feed_forward_length"
        let width = size == nil ? nil : "expert_feed_forward_length"
        return experts.kept(
            ConfigPlace(
                members: count + ["num_experts_per_tok"]
                    + [size, shares, shared].compactMap(\.self),
                read: { keys, numbers in
                    let present = count.first { keys.config[$0] != nil } ?? count[0]
                    var experts = Experts(
                        count: try keys.required(present),
                        usedCount: try keys.required("num_experts_per_tok"),
                        feedForwardSize: try size.map { key in try keys.required(key) }
                            ?? numbers.feedForwardSize,
                        normalizesShares: try shares.map { try keys.flag($0) ?? false } ?? true)
                    experts.sharedFeedForwardSize = try shared.map { key in
                        try keys.required(key)
                    }
                    numbers.experts = experts
                },
                write: { numbers, config in
                    guard let experts = numbers.experts else { return }
                    config[count[0]] = .integer(experts.count)
                    config["num_experts_per_tok"] = .integer(experts.usedCount)
                    if let size { config[size] = .integer(experts.feedForwardSize) }
                    if let shares { config[shares] = .bool(experts.normalizesShares) }
                    if let shared {
                        config[shared] = experts.sharedFeedForwardSize.map { .integer($0) }
                    }
                }),
            MetadataPlace(
                keys: [counts, used] + [width, sharedWidth].compactMap(\.self),
                read: { keys, numbers in
                    let blocks = numbers.blockCount
                    let usedCount = try keys.required(used, blocks: blocks)
                    // What llama.cpp takes: it reads the key where experts have a width of their own.
                    let own = try width.map { key in
                        try keys.integer(key, blocks: blocks).flatMap { $0 == 0 ? nil : $0 }
                            ?? numbers.feedForwardSize / max(usedCount, 1)
                    }
                    var experts = Experts(
                        count: try keys.required(counts), usedCount: usedCount,
                        feedForwardSize: own ?? numbers.feedForwardSize,
                        normalizesShares: normalizesInGGUF)
                    experts.sharedFeedForwardSize = try sharedWidth.map { key in
                        try keys.nonZero(key) ?? numbers.feedForwardSize
                    }
                    numbers.experts = experts
                },
                write: { numbers throws(CheckpointError) in
                    guard let experts = numbers.experts else { return [] }
                    return [(counts, .count(experts.count)), (used, .count(experts.usedCount))]
                        + (width.map { [($0, .count(experts.feedForwardSize))] } ?? [])
                        + [(sharedWidth, experts.sharedFeedForwardSize)].compactMap { key, size in
                            key.flatMap { key in size.map { (key, .count($0)) } }
                        }
                }))
    }

    /// Blocks without experts: those that a list of `config.json` numbers, and all but each of a number, counted from 1.
    ///
    /// llama.cpp knows of none in these families.
    static func denseBlocks(listed list: String, step: String) -> ModelNumber {
        denseBlocks.kept(
            ConfigPlace(
                members: [list, step],
                read: { keys, numbers in
                    let every = try keys.integer(step) ?? 1
                    try keys.require(every, step)
                    let dense = Set(try keys.numbers(list) ?? [])
                    try numbers.changeKinds(keys) { block, kind in
                        kind.isDense =
                            !(block + 1).isMultiple(of: every) || dense.contains(Double(block))
                    }
                },
                write: { numbers, config in
                    config[list] = .array(numbers.denseBlocks.map { .integer($0) })
                    config[step] = .integer(1)
                }))
    }
}

extension Hyperparameters {
    fileprivate mutating func scaleEmbeddingByWidth() {
        embeddingScale = Double(Float(hiddenSize).squareRoot())
    }
}
