/// Which of a family's numbers llama.cpp's converter writes to a GGUF file, and in which order.
struct MetadataFormat: Sendable {
    /// The keys without the family's name. Of the numbers of every family those in this list are written; the family's
    /// own follow where it does not place them.
    var order = standard
    /// Whether the rotary base is left out where it is 10000.
    var omitsUsualRopeBase = false

    /// Stands in the order for what every GGUF file has before the family's keys: type, name, size.
    static let general = "general"
    /// The type of the matrices, a key of every family.
    static let fileType = "general.file_type"
    /// The version of the blocks of quantised types, a key of every family.
    static let quantizationVersion = "general.quantization_version"

    /// For a family without rules of its own.
    static let standard =
        [
            general, "block_count", "context_length", "embedding_length", "feed_forward_length",
            "attention.head_count", "attention.head_count_kv",
        ] + ropeScaling + [
            "rope.freq_base", "rope.freq_base_swa", Architecture.Norm.rms.epsilonKey,
            Architecture.Norm.layer.epsilonKey, "expert_count", "expert_used_count",
        ] + headSize + [fileType]

    static let headSize = ["attention.key_length", "attention.value_length"]
    static let ropeScaling = [
        "rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length",
        "rope.scaling.attn_factor",
    ]
}
