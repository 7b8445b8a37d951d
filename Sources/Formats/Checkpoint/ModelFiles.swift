/// Which files of a folder belong to the model in it: those that programs look for by name when they open it, and that
/// would change another model put in its place.
enum ModelFiles {
    private static let names: Set<String> = [
        "config.json", "generation_config.json", "params.json", "quantize_config.json",
        "quant_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt",
        "spiece.model", "sentencepiece.bpe.model", "tekken.json", "chat_template.jinja",
        "chat_template.json", "additional_chat_templates", "preprocessor_config.json",
        "processor_config.json", "tf_model.h5", "flax_model.msgpack", EditHistory.fileName,
    ]

    /// Weights in one file, in shards, and their index: `START.END`, `START-…END`, `START.END.index.json`.
    private static let weights = [
        ("model", ".safetensors"), ("pytorch_model", ".bin"), ("tf_model", ".h5"),
        ("flax_model", ".msgpack"), ("consolidated", ".safetensors"), ("consolidated", ".pth"),
    ]

    /// What makes a folder an adapter, which transformers adds to a model that lies beside it.
    private static let adapter: Set<String> = [
        "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin",
    ]

    /// The files of the model that a folder holds now; those of weights that an index names are among them, whatever
    /// their names.
    static func names(in folder: String) -> [String] {
        let names = (try? Folder.names(folder)) ?? []
        return names.filter(belongs) + indexed(in: folder, names)
    }

    /// The files of the adapter that a folder holds now.
    static func adapterNames(in folder: String) -> [String] {
        ((try? Folder.names(folder)) ?? []).filter(adapter.contains)
    }

    static func belongs(_ name: String) -> Bool {
        names.contains(name) || adapter.contains(name) || isWeights(name)
    }

    /// Whether a model's weights are called so, or their index.
    private static func isWeights(_ name: String) -> Bool {
        weights.contains { start, end in
            name == start + end || name == start + end + ".index.json"
                || (name.hasPrefix(start + "-") || name.hasPrefix(start + "."))
                    && name.hasSuffix(end)
        }
    }

    /// What programs read beside the weights of a folder: configuration, tokenizer, templates, an adapter.
    static func companions(in folder: String) -> [String] {
        let templates = "additional_chat_templates"
        let names = ((try? Folder.names(folder)) ?? []).filter { belongs($0) && !isWeights($0) }
        let inside = (try? Folder.names(PathParts.join(folder, templates))) ?? []
        return (names + inside.filter { $0.hasSuffix(".jinja") }.map { "\(templates)/\($0)" })
            .filter { OutputTarget.isRegularFile(PathParts.join(folder, $0)) }
    }

    /// The weight files that a folder's index names, or the only one where it has no index.
    private static func indexed(in folder: String, _ names: [String]) -> [String] {
        let own = names.filter { $0.hasSuffix(".safetensors") && !belongs($0) }
        guard !own.isEmpty else { return [] }
        if names.contains(SafetensorsIndex.fileName) {
            let path = PathParts.join(folder, SafetensorsIndex.fileName)
            let shards = (try? SafetensorsIndex(path: path).shards) ?? []
            let indexed = Set(shards.map { PathParts($0.path).name })
            return own.filter(indexed.contains)
        }
        let isAlone = names.filter { $0.hasSuffix(".safetensors") }.count == 1
        return isAlone && names.contains("config.json") ? own : []
    }
}
