/// Which kind of value the keys of a GGUF file have that runtimes read whatever the family: a number where text belongs is
/// a file that was damaged or forged.
enum MetadataKinds {
    private static let texts: Set<String> = [
        "general.architecture", "general.type", "general.name", "general.basename",
        "general.finetune", "general.size_label", "general.author", "general.organization",
        "general.description", "general.license", GGUFTokenizerKey.model,
        GGUFTokenizerKey.preTokenizer, GGUFTokenizerKey.chatTemplate, "adapter.type",
    ]

    private static let integers: Set<String> =
        Set(GGUFTokenizerKey.ofRole.values).union([
            "general.file_type", "general.quantization_version", "split.no", "split.count",
            "split.tensors.count",
        ])

    private static let flags: Set<String> =
        Set(GGUFTokenizerKey.ofAddition.values).union([
            GGUFTokenizerKey.addsSpacePrefix, GGUFTokenizerKey.collapsesSpaces,
        ])

    private static let lists: Set<String> = [
        GGUFTokenizerKey.tokens, GGUFTokenizerKey.merges, GGUFTokenizerKey.chatTemplateNames,
    ]

    /// Keys with an architecture's prefix, without it.
    private static let ownTexts: Set<String> = ["rope.scaling.type", "tensor_data_layout"]
    private static let ownFlags: Set<String> = [
        "attention.causal", "use_parallel_residual", "rope.scaling.finetuned",
        "expert_weights_norm", "swin_norm",
    ]
    /// Keys of other families that are read as text or in several kinds.
    private static let free: Set<String> = [
        "classifier.output_labels", "hidden_activation", "attention.indexer.types", "pooling_type",
    ]

    /// - Throws: `CheckpointError.wrongValue` for the first key of another kind.
    static func check(_ metadata: GGUFMetadata, file: String) throws(CheckpointError) {
        let prefix = (metadata["general.architecture"]?.text ?? "") + "."
        for entry in metadata.entries {
            let own =
                entry.key.hasPrefix(prefix) ? String(entry.key.dropFirst(prefix.count)) : nil
            guard let expected = expected(entry.key, own: own, value: entry.value) else { continue }
            throw .wrongValue(file: file, key: entry.key, expected: expected)
        }
    }

    /// What the value should be and is not; nil where it is, or where the key is not known.
    private static func expected(_ key: String, own: String?, value: GGUFValue) -> String? {
        if texts.contains(key) { return value.text == nil ? "a string" : nil }
        if integers.contains(key) { return value.integer == nil ? "an integer" : nil }
        if flags.contains(key) { return value.bool == nil ? "true or false" : nil }
        if lists.contains(key) { return value.array?.strings == nil ? "an array of strings" : nil }
        guard let own, LlamaCppKeys.all.contains(own), !free.contains(own) else { return nil }
        if ownTexts.contains(own) { return value.text == nil ? "a string" : nil }
        if ownFlags.contains(own) {
            return value.bool == nil && value.array == nil ? "true or false" : nil
        }
        let isText = value.text != nil || value.array?.strings != nil
        return isText ? "a number" : nil
    }
}
