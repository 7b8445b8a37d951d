/// What the runtimes outside do with a bias on the attention output and on the feed-forward output, for every
/// architecture they load: facts about other programs, read off llama.cpp's model sources (commit 0c1e570) and
/// transformers 5.23's configurations. They decide whether a vector can be baked as a bias that survives loading.
package enum RuntimeBiasSlots {
    /// What llama.cpp does with a bias tensor.
    package enum Loading: Sendable, Hashable {
        /// Loads and uses it.
        case used
        /// Loads it, but the model's graph never reads it.
        case ignored
        /// Refuses the whole file: one tensor more than it created.
        case refused
    }

    private static let bothUsed: Set<String> = [
        "llama", "llama-embed", "deci", "granite", "granitemoe", "granitehybrid", "granite_swa",
        "minicpm", "mistral3", "mpt", "nemotron", "nemotron_h", "nemotron_h_moe", "gpt2", "gptneox",
        "bloom", "codeshell", "jais", "jais2", "phi2", "starcoder", "starcoder2",
    ]
    private static let bothIgnored: Set<String> = ["refact", "llada"]
    private static let attentionUsed: Set<String> = [
        "apertus", "paddleocr", "phimoe", "pangu-embedded", "gpt-oss",
    ]
    private static let attentionIgnored: Set<String> = ["ernie4_5", "ernie4_5-moe", "falcon-h1"]
    private static let feedForwardUsed: Set<String> = ["falcon-h1"]

    /// What llama.cpp does with `blk.N.attn_output.bias` or `blk.N.ffn_down.bias` in a GGUF of this architecture.
    ///
    /// - Parameter isMixture: whether the feed-forward part is a mixture of experts; llama's has no bias there.
    package static func llamaCpp(architecture: String, slot: BlockSlot, isMixture: Bool = false)
        -> Loading
    {
        if slot == .feedForwardDown, isMixture { return .refused }
        if bothUsed.contains(architecture) { return .used }
        if bothIgnored.contains(architecture) { return .ignored }
        if slot == .attentionOutput {
            if attentionUsed.contains(architecture) { return .used }
            return attentionIgnored.contains(architecture) ? .ignored : .refused
        }
        return feedForwardUsed.contains(architecture) ? .used : .refused
    }

    private static let attentionFlag: Set<String> = [
        "llama", "granite", "smollm3", "nemotron", "qwen3", "qwen3_moe", "qwen3_next", "gemma",
        "gemma2",
        "gemma3", "gemma3_text", "olmo", "olmo2", "olmo3", "olmoe", "cohere", "cohere2",
        "deepseek_v3",
        "granitemoe", "gpt_oss", "apertus", "phimoe", "bitnet", "hunyuan_v1_dense", "dots1",
        "diffllama",
        "nanochat", "starcoder2",
    ]
    private static let feedForwardFlag: Set<String> = [
        "llama", "granite", "smollm3", "nemotron", "seed_oss", "helium", "cwm", "starcoder2",
    ]
    private static let always: Set<String> = ["gpt2", "phi", "bloom", "gpt_neox"]

    /// Whether transformers can create a bias on this projection in a model of this `model_type`; where it cannot,
    /// it drops the tensor in silence.
    package static func transformers(modelType: String, slot: BlockSlot) -> Bool {
        let flagged = slot == .attentionOutput ? attentionFlag : feedForwardFlag
        return flagged.contains(modelType) || always.contains(modelType)
    }
}
