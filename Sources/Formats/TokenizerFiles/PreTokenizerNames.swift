/// What a name in `tokenizer.ggml.pre` means, as llama.cpp's loader reads it.
struct PreTokenizerName: Sendable {
    let preTokenizer: TokenizerDefinition.PreTokenizer
    /// Pieces that are tokens are kept whole. A GGUF file has no key for it: the name decides.
    let ignoresMerges: Bool
    /// What holds when the file has no `add_bos_token`.
    let addsBeginningOfText: Bool
    /// The names; the first is written.
    let names: [String]

    /// Only names whose rules are exactly one of ours; llama.cpp knows others with similar expressions.
    static let all = [
        PreTokenizerName(
            preTokenizer: .gpt2, ignoresMerges: false, addsBeginningOfText: false,
            names: [
                "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat",
                "a.x-4.0", "mellum", "modern-bert", "mpt", "olmo", "jais", "trillion",
                "granite-docling", "exaone4",
            ]),
        PreTokenizerName(
            preTokenizer: .smolLM, ignoresMerges: false, addsBeginningOfText: false,
            names: [
                "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
                "mellum2",
            ]),
        PreTokenizerName(
            preTokenizer: .llama3, ignoresMerges: true, addsBeginningOfText: true,
            names: [
                "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
                "lfm2", "jina-v5-nano",
            ]),
        PreTokenizerName(
            preTokenizer: .llama3, ignoresMerges: false, addsBeginningOfText: false,
            names: ["smaug-bpe", "dbrx"]),
        PreTokenizerName(
            preTokenizer: .qwen2, ignoresMerges: false, addsBeginningOfText: false,
            names: [
                "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "hunyuan", "megrez",
                "solar-open", "grok-2",
            ]),
    ]

    static func named(_ name: String) -> PreTokenizerName? {
        all.first { $0.names.contains(name) }
    }

    /// The name to write for these rules; nil where llama.cpp has none.
    static func name(
        of preTokenizer: TokenizerDefinition.PreTokenizer, ignoresMerges: Bool
    ) -> String? {
        all.first { $0.preTokenizer == preTokenizer && $0.ignoresMerges == ignoresMerges }?
            .names.first
    }

    static var supported: String { all.flatMap(\.names).joined(separator: ", ") }
}
