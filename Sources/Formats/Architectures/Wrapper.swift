/// A kind of multimodal folder whose text decoder is of a family that rtedit knows: where the decoder's numbers and tensors
/// are. Everything else in such a folder is carried as it is.
///
/// From the classes of transformers 5.23 and the folders they save.
package struct Wrapper: Sendable {
    /// The `model_type` of the folder.
    package let modelType: String
    /// What transformers 4 calls it, where that is another.
    let olderType: String?
    /// What `text_config` may be of.
    let families: [Architecture]
    /// The `model_type` of a `text_config` that does not say.
    let standardType: String
    /// Beginnings of the decoder's names, those of published folders first.
    let names: FolderNames
    /// Beginnings of the names of what goes with the decoder.
    let carried: [String]
    /// Whether the embedding is the head where `config.json` does not say: the folder's class decides, whatever the
    /// decoder's own says.
    let tiesEmbeddings: Bool

    /// Every wrapper that rtedit knows.
    static let all = [gemma3, mistral3, lfm2, qwen35, qwen35Mixture, gemma4, gemma4Unified]

    /// Gemma 3 from 4B on.
    static let gemma3 = Wrapper(
        modelType: "gemma3", families: [.gemma3], standardType: "gemma3_text", names: llavaNames,
        carried: llavaParts, tiesEmbeddings: true)

    /// Mistral Small from 3.1 on, Ministral 3 and Devstral 2.
    static let mistral3 = Wrapper(
        modelType: "mistral3", families: [.mistralSmall, .ministral3], standardType: "mistral",
        names: llavaNames, carried: llavaParts, tiesEmbeddings: true)

    /// LFM 2 and LFM 2.5 with images, whose files have the names of the modules.
    static let lfm2 = Wrapper(
        modelType: "lfm2_vl", olderType: "lfm2-vl", families: [.lfm2], standardType: "lfm2",
        names: FolderNames(places: [.init(own: "model.", inFiles: ["model.language_model."])]),
        carried: ["model.vision_tower.", "model.multi_modal_projector."], tiesEmbeddings: true)

    /// Qwen 3.5, 3.6 and 3.8 as they are published, whose files have the names of the modules.
    static let qwen35 = Wrapper(
        modelType: "qwen3_5", families: [.qwen35], standardType: "qwen3_5_text",
        names: FolderNames(places: [.init(own: "model.", inFiles: ["model.language_model."])]),
        carried: ["model.visual."], tiesEmbeddings: false)

    /// The same with mixtures of experts.
    static let qwen35Mixture = Wrapper(
        modelType: "qwen3_5_moe", families: [.qwen35Mixture], standardType: "qwen3_5_moe_text",
        names: qwen35.names, carried: qwen35.carried, tiesEmbeddings: false)

    /// Gemma 4 with towers for pictures and sound.
    static let gemma4 = Wrapper(
        modelType: "gemma4", families: [.gemma4], standardType: "gemma4_text", names: gemma4Names,
        carried: [
            "model.vision_tower.", "model.audio_tower.", "model.embed_vision.",
            "model.embed_audio.",
        ], tiesEmbeddings: true)

    /// Gemma 4 without them.
    static let gemma4Unified = Wrapper(
        modelType: "gemma4_unified", families: [.gemma4Unified],
        standardType: "gemma4_unified_text", names: gemma4Names,
        carried: ["model.vision_embedder.", "model.embed_vision.", "model.embed_audio."],
        tiesEmbeddings: true)

    private static let gemma4Names = FolderNames(places: [
        .init(own: "model.", inFiles: ["model.language_model."]),
        .init(own: "lm_head.", inFiles: ["lm_head."]),
    ])

    /// As files have them, and as the modules of transformers 5 are called.
    private static let llavaNames = FolderNames(places: [
        .init(own: "model.", inFiles: ["language_model.model.", "model.language_model."]),
        .init(own: "lm_head.", inFiles: ["language_model.lm_head.", "lm_head."]),
    ])

    private static let llavaParts = ["vision_tower.", "multi_modal_projector."].flatMap {
        [$0, "model." + $0]
    }

    /// The wrapper that a `config.json` is of, or nil.
    init?(_ config: JSONObject?) {
        guard let name = config?["model_type"]?.string,
            let known = Self.all.first(where: { [$0.modelType, $0.olderType].contains(name) })
        else { return nil }
        self = known
    }

    private init(
        modelType: String, olderType: String? = nil, families: [Architecture],
        standardType: String, names: FolderNames, carried: [String], tiesEmbeddings: Bool
    ) {
        self.modelType = modelType
        self.olderType = olderType
        self.families = families
        self.standardType = standardType
        self.names = names
        self.carried = carried
        self.tiesEmbeddings = tiesEmbeddings
    }

    // MARK: - Configuration

    static let textKey = "text_config"
    private static let tieKey = "tie_word_embeddings"
    private static let identifiers = ["bos_token_id", "eos_token_id", "pad_token_id"]

    /// The decoder's members as its family's own `config.json` would have them; nil where there are none.
    func textConfig(of config: JSONObject) -> JSONObject? {
        guard var text = config[Self.textKey]?.object else { return nil }
        if text["model_type"] == nil { text["model_type"] = .string(standardType) }
        text[Self.tieKey] = config[Self.tieKey] ?? .bool(tiesEmbeddings)
        for key in Self.identifiers {
            if let outside = config[key], outside != .null { text[key] = outside }
        }
        return text
    }

    /// A `config.json` with other members of its decoder, each where the folder's class reads it.
    func config(_ config: JSONObject, with text: JSONObject) -> JSONObject {
        guard let before = textConfig(of: config), var inner = config[Self.textKey]?.object else {
            return config
        }
        var outer = config
        for key in Set((before.members + text.members).map(\.key)).sorted()
        where before[key] != text[key] {
            let standsOutside =
                key == Self.tieKey || Self.identifiers.contains(key) && outer[key] != nil
            if standsOutside { outer[key] = text[key] }
            if !standsOutside || inner[key] != nil { inner[key] = text[key] }
        }
        outer[Self.textKey] = .object(inner)
        return outer
    }

    /// The family of the decoder, its names those of a folder; nil where rtedit does not know it.
    ///
    /// - Parameter names: the folder's tensors, as whose new ones are called.
    func architecture(_ config: JSONObject, names: [String]) -> Architecture? {
        let type = textConfig(of: config)?["model_type"]?.string
        return families.first { $0.huggingFaceModelType == type }?
            .named(self.names.preferring(names))
    }
}

extension Wrapper: CustomStringConvertible {
    /// The wrapper, and what it may wrap.
    package var description: String {
        "\(modelType) with \(families.map(\.huggingFaceModelType).joined(separator: " or "))"
    }
}

extension Wrapper {
    /// Whether a tensor of this name goes with the decoder.
    func carries(_ name: String) -> Bool { carried.contains(where: name.hasPrefix) }
}

extension ConfigKeys {
    /// What errors call the place of a language model's numbers.
    static func file(in folder: String, wrapped: Bool) -> String {
        folder + "/config.json" + (wrapped ? " (\(Wrapper.textKey))" : "")
    }
}
