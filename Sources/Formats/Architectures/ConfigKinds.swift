/// Which kind of value the members of a `config.json` have that every family shares and that no number of a model is read
/// from. Those that numbers are read from are checked where they are read.
enum ConfigKinds {
    private static let texts: Set<String> = [
        "model_type", "torch_dtype", "transformers_version", "_name_or_path", "tokenizer_class",
    ]
    private static let flags: Set<String> = ["use_cache", "tie_word_embeddings"]
    private static let identifiers: Set<String> = [
        "bos_token_id", "eos_token_id", "pad_token_id",
    ]
    private static let objects: Set<String> = [
        "rope_scaling", "rope_parameters", "quantization_config", "text_config",
    ]

    /// - Throws: `CheckpointError.wrongValue` for the first member of another kind, or with a control character in its
    ///   name.
    static func check(_ config: JSONObject, file: String) throws(CheckpointError) {
        for member in config.members {
            guard !member.key.hasControlCharacter else {
                throw .contradiction(
                    file: file, fact: "key \(member.key.quoted) has a control character")
            }
            guard member.value != .null, let expected = expected(member) else { continue }
            throw .wrongValue(file: file, key: member.key, expected: expected)
        }
    }

    private static func expected(_ member: JSONObject.Member) -> String? {
        let (key, value) = (member.key, member.value)
        if texts.contains(key) { return value.string == nil ? "a string" : nil }
        if flags.contains(key) { return value.bool == nil ? "true or false" : nil }
        if objects.contains(key) { return value.object == nil ? "an object" : nil }
        if identifiers.contains(key) {
            let isList = value.array?.allSatisfy { $0.integer != nil } ?? false
            return value.integer == nil && !isList ? "a token id" : nil
        }
        if key == "architectures" {
            let isList = value.array?.allSatisfy { $0.string != nil } ?? false
            return isList ? nil : "an array of strings"
        }
        return nil
    }
}
