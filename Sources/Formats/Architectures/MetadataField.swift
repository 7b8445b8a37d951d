/// A piece of a GGUF file's metadata: one key, or a few that stand together. A family lists its own in the order in
/// which llama.cpp's converter writes them.
enum MetadataField: Sendable {
    /// What every GGUF file has before the family's keys: type, name, size.
    case general
    /// The type of the matrices.
    case fileType
    case blockCount, contextLength, embeddingLength, feedForwardLength, headCount, keyValueHeadCount
    /// Key and value length, where the configuration names them or they do not follow from the width.
    case headSize
    case vocabularySize
    case normEpsilon
    case ropeDimensions, ropeBase, ropeScaling
    /// The base where it is not 10000; the converter leaves it out for some families.
    case unusualRopeBase
    /// The base of blocks with a window.
    case windowRopeBase
    /// The context length before a long rope.
    case originalContext
    /// What a long rope multiplies cosines and sines by.
    case longRopeFactor
    case expertCounts, expertFeedForward
    case window
    /// The window, 0 where there is none.
    case windowOrZero
    case scoreCap, logitCap, isParallel
    case attentionScale, embeddingScale, residualScale, logitScale

    /// What the converter writes for a family without rules of its own.
    static let standard: [MetadataField] = [
        .general, .blockCount, .contextLength, .embeddingLength, .feedForwardLength, .headCount,
        .keyValueHeadCount, .ropeScaling, .ropeBase, .windowRopeBase, .normEpsilon, .expertCounts,
        .headSize, .fileType,
    ]

    /// The entries for a model.
    ///
    /// - Parameter context: what does not follow from the numbers alone.
    /// - Throws: `CheckpointError.cannotExpress` for numbers that llama.cpp has no key for.
    func entries(
        for numbers: Hyperparameters, in architecture: Architecture, _ context: Context
    ) throws(CheckpointError) -> [GGUFMetadata.Entry] {
        func count(_ key: String, _ value: Int?) -> [GGUFMetadata.Entry] {
            guard let value else { return [] }
            return [.init(architecture.name + "." + key, .u32(UInt32(clamping: value)))]
        }
        func number(_ key: String, _ value: Double?) -> [GGUFMetadata.Entry] {
            guard let value else { return [] }
            return [.init(architecture.name + "." + key, .f32(Float(value)))]
        }
        let rope = numbers.rope
        switch self {
        case .general: return context.general
        case .fileType: return [.init("general.file_type", .u32(context.fileType))]
        case .blockCount: return count("block_count", numbers.blockCount)
        case .contextLength: return count("context_length", numbers.contextLength)
        case .embeddingLength: return count("embedding_length", numbers.hiddenSize)
        case .feedForwardLength: return count("feed_forward_length", numbers.feedForwardSize)
        case .headCount: return count("attention.head_count", numbers.headCount)
        case .keyValueHeadCount:
            return count("attention.head_count_kv", numbers.keyValueHeadCount)
        case .headSize:
            let isUnusual = numbers.headSize * numbers.headCount != numbers.hiddenSize
            guard context.namesHeadSize || isUnusual else { return [] }
            return count("attention.key_length", numbers.headSize)
                + count("attention.value_length", numbers.headSize)
        case .vocabularySize: return count("vocab_size", numbers.vocabularySize)
        case .normEpsilon:
            return [
                .init(
                    architecture.name + "." + architecture.norm.epsilonKey,
                    .f32(numbers.normEpsilon))
            ]
        case .ropeDimensions: return count("rope.dimension_count", rope.dimensions)
        case .ropeBase: return number("rope.freq_base", rope.base)
        case .unusualRopeBase:
            return number("rope.freq_base", rope.base == 10_000 ? nil : rope.base)
        case .ropeScaling: return try rope.scalingEntries(architecture.name)
        case .windowRopeBase: return number("rope.freq_base_swa", numbers.window?.ropeBase)
        case .originalContext:
            return count("rope.scaling.original_context_length", numbers.originalContextLength)
        case .longRopeFactor:
            guard case .longrope(_, _, _, let factor) = rope.scaling else { return [] }
            return number("rope.scaling.attn_factor", factor)
        case .expertCounts:
            return count("expert_count", numbers.experts?.count)
                + count("expert_used_count", numbers.experts?.usedCount)
        case .expertFeedForward:
            return count("expert_feed_forward_length", numbers.experts?.feedForwardSize)
        case .window: return count("attention.sliding_window", numbers.window?.size)
        case .windowOrZero: return count("attention.sliding_window", numbers.window?.size ?? 0)
        case .scoreCap: return number("attn_logit_softcapping", numbers.scoreCap)
        case .logitCap: return number("final_logit_softcapping", numbers.logitCap)
        case .isParallel:
            return [.init(architecture.name + ".use_parallel_residual", .bool(numbers.isParallel))]
        case .attentionScale: return number("attention.scale", numbers.attentionScale)
        case .embeddingScale: return number("embedding_scale", numbers.embeddingScale)
        case .residualScale: return number("residual_scale", numbers.residualScale)
        // llama.cpp divides by it, as Granite's configuration does.
        case .logitScale: return number("logit_scale", 1 / numbers.logitScale)
        }
    }

    /// What a GGUF file's metadata says beside the model's numbers.
    struct Context {
        var general: [GGUFMetadata.Entry] = []
        var fileType: UInt32 = 0
        /// Whether the length of a head is named even where it follows from the width.
        var namesHeadSize = false
    }
}

extension Architecture.Norm {
    /// The GGUF key of the norms' epsilon, without the family's prefix.
    var epsilonKey: String {
        switch self {
        case .rms: "attention.layer_norm_rms_epsilon"
        case .layer: "attention.layer_norm_epsilon"
        }
    }
}
