/// What a name in `tokenizer.ggml.pre` means, as llama.cpp's loader reads it.
struct PreTokenizerName: Sendable {
    let rule: PreTokenizerRule.SplitRule
    /// Pieces that are tokens are kept whole. A GGUF file has no key for it: the name decides.
    let ignoresMerges: Bool
    /// What holds when the file has no `add_bos_token`.
    let addsBeginningOfText: Bool
    /// The names; the first is written where the model's family does not ask for another.
    let names: [String]

    /// Only names whose rules are exactly one of ours; llama.cpp knows others with similar expressions. For `tekken`
    /// and `gpt-4o` it runs approximations of the models' expressions, and we the expressions themselves.
    static let all = [
        PreTokenizerName(
            rule: .gpt2, ignoresMerges: false, addsBeginningOfText: false,
            names: [
                "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat",
                "a.x-4.0", "mellum", "modern-bert", "mpt", "olmo", "jais", "trillion",
                "granite-docling", "exaone4",
            ]),
        PreTokenizerName(
            rule: .smolLM, ignoresMerges: false, addsBeginningOfText: false,
            names: [
                "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
                "mellum2",
            ]),
        PreTokenizerName(
            rule: .llama3, ignoresMerges: true, addsBeginningOfText: true,
            names: [
                "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
                "lfm2", "jina-v5-nano",
            ]),
        PreTokenizerName(
            rule: .llama3, ignoresMerges: true, addsBeginningOfText: false,
            names: ["glm4", "glm5"]),
        PreTokenizerName(
            rule: .llama3, ignoresMerges: false, addsBeginningOfText: false,
            names: ["dbrx", "smaug-bpe", "chatglm-bpe"]),
        PreTokenizerName(
            rule: .qwen2, ignoresMerges: false, addsBeginningOfText: false,
            names: [
                "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "hunyuan", "megrez",
                "solar-open", "grok-2",
            ]),
        PreTokenizerName(
            rule: .tekken, ignoresMerges: true, addsBeginningOfText: true, names: ["tekken"]),
        PreTokenizerName(
            rule: .gpt4o, ignoresMerges: false, addsBeginningOfText: false,
            names: ["gpt-4o", "llama4", "kanana2", "talkie"]),
    ]

    /// The names that llama.cpp's converter finds for the published models of a family, where several fit.
    private static let ofFamily = [
        "gpt_neox": ["olmo"], "olmo2": ["dbrx"], "granite": ["refact", "dbrx"],
        "starcoder2": ["starcoder"], "stablelm": ["stablelm2", "olmo"],
    ]

    static func named(_ name: String) -> PreTokenizerName? {
        all.first { $0.names.contains(name) }
    }

    /// The name to write for these rules; nil where llama.cpp has none.
    ///
    /// - Parameter family: `model_type` of `config.json`
    static func name(
        of rule: PreTokenizerRule.SplitRule, ignoresMerges: Bool, family: String
    ) -> String? {
        let names = all.filter { $0.rule == rule && $0.ignoresMerges == ignoresMerges }
            .flatMap(\.names)
        return ofFamily[family]?.first { names.contains($0) } ?? names.first
    }

    static var supported: String { all.flatMap(\.names).joined(separator: ", ") }
}
