/// What keys of metadata mean for a model, so that those which only describe it are told from those it computes with.
package enum MetadataKeys {
    /// The part of the model that a key of a GGUF file shapes; nil where it only describes the file.
    ///
    /// - Parameter architecture: the file's `general.architecture`, with which the keys of its numbers begin.
    package static func part(of key: String, architecture: String?) -> String? {
        switch key {
        case "general.architecture", "general.type", GGUFFormat.alignmentKey:
            return "what the file is read by"
        default: break
        }
        if isTemplate(key) || isOfHistory(key) { return nil }
        if key.hasPrefix("tokenizer.") { return "the tokenizer" }
        let prefixes = computing + (architecture.map { [$0 + "."] } ?? [])
        return prefixes.contains(where: key.hasPrefix) ? "the architecture" : nil
    }

    private static func isTemplate(_ key: String) -> Bool {
        key == template || key.hasPrefix(template + ".") || key == templates
    }

    /// The part of the model that a member of a `config.json` shapes; nil where no program computes with it.
    ///
    /// - Parameter architecture: the model's family; of one that is not known any member may.
    package static func part(ofMember key: String, architecture: Architecture?) -> String? {
        let computing: Set = [
            "architectures", "model_type", "hidden_act", "hidden_activation",
            "activation_function", "quantization_config", "quantization", "compression_config",
            "auto_map",
        ]
        if computing.contains(key) { return "the architecture" }
        if key.hasPrefix("_") || HarmlessMembers.all.contains(key) { return nil }
        let isKnown = architecture.map {
            $0.configMembers.contains(key) || $0.config.implied.contains(key)
                || HarmlessMembers.isForeign(key)
        }
        return isKnown ?? true ? "the architecture" : nil
    }

    /// Why a key cannot be changed at all; nil where it can.
    package static func layoutReason(of key: String) -> String? {
        key.hasPrefix("split.")
            ? "it belongs to a model of several files, and is written by whoever splits it" : nil
    }

    /// Whether a key says what was done to the model.
    package static func isOfHistory(_ key: String) -> Bool {
        key.hasPrefix(EditHistory.Key.prefix)
    }

    /// The key of the chat template.
    package static let template = "tokenizer.chat_template"
    private static let templates = "tokenizer.chat_templates"
    /// What the keys of files begin with that are no models, and of parts of them.
    private static let computing = ["adapter.", "controlvector.", "rtedit.", "imatrix.", "clip."]

    // MARK: - Types of new keys

    /// The type that readers want of a key; nil where nothing is known of it.
    static func type(of key: String) -> MetadataType? {
        if let known = known[key] { return known }
        if key.hasPrefix("general.sampling.") { return nil }
        return isTemplate(key) || key.hasPrefix("general.") ? MetadataType(.string) : nil
    }

    private static let known: [String: MetadataType] = [
        "general.alignment": MetadataType(.u32), "general.file_type": MetadataType(.u32),
        "general.quantization_version": MetadataType(.u32),
        "general.base_model.count": MetadataType(.u32),
        "general.dataset.count": MetadataType(.u32),
        "general.tags": MetadataType(.string, isArray: true),
        "general.languages": MetadataType(.string, isArray: true),
        "general.datasets": MetadataType(.string, isArray: true),
        "general.sampling.top_k": MetadataType(.i32),
        "general.sampling.top_p": MetadataType(.f32),
        "general.sampling.min_p": MetadataType(.f32),
        "general.sampling.temp": MetadataType(.f32),
        "general.sampling.penalty_repeat": MetadataType(.f32),
    ]
}
