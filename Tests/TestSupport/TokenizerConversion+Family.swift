package import Formats

extension TokenizerConversion {
    /// The conversion for the family that the configuration names.
    package init(folder: String, config: JSONObject, name: String? = nil) {
        let family = Architecture.huggingFace(modelType: config["model_type"]?.string ?? "")
        self.init(
            folder: folder, config: config, layout: family?.tokenizer ?? .standard, name: name)
    }
}
