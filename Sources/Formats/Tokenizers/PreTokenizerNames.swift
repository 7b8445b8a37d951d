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
            rule: .qwen35, ignoresMerges: false, addsBeginningOfText: false, names: ["qwen35"]),
        PreTokenizerName(
            rule: .tekken, ignoresMerges: true, addsBeginningOfText: true, names: ["tekken"]),
        PreTokenizerName(
            rule: .gpt4o, ignoresMerges: false, addsBeginningOfText: false,
            names: ["gpt-4o", "llama4", "kanana2", "talkie"]),
        PreTokenizerName(
            rule: .seedCoder, ignoresMerges: false, addsBeginningOfText: false,
            names: ["seed-coder"]),
    ]

    /// The names of published vocabularies of one rule by the SHA-256 of their merges, each ended by a new line.
    ///
    /// The converter knows a vocabulary by the ids it gives to a certain text. So it also knows SmolLM's where a folder
    /// has lost the rule that splits digits, as folders have that transformers makes of GGUF files.
    private static let ofVocabulary = [
        "ac33235097fe06d4a8fff0feac994644809e6eb6ab70669e1e9fd40ae032428e": "gpt-2",
        "d9826c39f608134a92ee45d09a9058cc82c4d977761b8d9aa332ecf9681c956a": "smollm",
        "44ed5dbdf42b067094aee83f9601a9f8b67f292cfe2f9ca425a8cee7d23bf3e4": "starcoder",
        "3d38bcb96998e147d6c4e870763b7da8d69333804b9964d7504d8c858c3a7aaa": "refact",
        "834303bc573effa945f832fe2ce65037f30c46158a0bfd27ad8e1a1f9d38f687": "command-r",
    ]

    static func named(_ name: String) -> PreTokenizerName? {
        all.first { $0.names.contains(name) }
    }

    /// The name to write for these rules; nil where llama.cpp has none.
    ///
    /// - Parameters:
    ///   - preferred: the names of the family's published models, see `TokenizerLayout`
    ///   - merges: as a GGUF file has them
    ///   - hasAddedSpaces: whether runs of spaces are added tokens, by which Phi-2's vocabulary differs from GPT-2's
    static func name(
        of rule: PreTokenizerRule.SplitRule, ignoresMerges: Bool, preferred: [String],
        merges: ByteStringList, hasAddedSpaces: Bool = false
    ) -> String? {
        if let published = ofVocabulary[fingerprint(of: merges)] {
            return published == "gpt-2" && hasAddedSpaces ? "phi-2" : published
        }
        let names = all.filter { $0.rule == rule && $0.ignoresMerges == ignoresMerges }
            .flatMap(\.names)
        return preferred.first { names.contains($0) } ?? names.first
    }

    private static func fingerprint(of merges: ByteStringList) -> String {
        var text: [UInt8] = []
        for merge in merges {
            text += merge
            text.append(UInt8(ascii: "\n"))
        }
        var hash = SHA256()
        text.withUnsafeBytes { hash.update($0) }
        return hash.hexDigest()
    }

    static var supported: String { all.flatMap(\.names).joined(separator: ", ") }
}
