/// Compares what stands beside the tensors and the tokenizer: the numbers that shape the models, whatever their files
/// call them; where both have the same format, the files' own keys too.
struct SettingComparison {
    private(set) var differences: [SettingDifference] = []
    /// What could not be compared, one line each.
    private(set) var notes: [String] = []

    private let a: Checkpoint
    private let b: Checkpoint

    /// - Parameter ignoresVocabularySize: whether the embeddings differ by rows that one format leaves out.
    /// - Throws: `JSONError` and others where a `generation_config.json` is malformed.
    init(_ a: Checkpoint, _ b: Checkpoint, ignoresVocabularySize: Bool) throws {
        self.a = a
        self.b = b
        let hasNumbers = compareNumbers(ignoresVocabularySize: ignoresVocabularySize)
        compareKeys(hasNumbers: hasNumbers)
        compareHistories()
        try compareGeneration()
    }

    // MARK: - Numbers

    /// Compares families and numbers.
    ///
    /// - Returns: whether both have numbers that rtedit understands.
    private mutating func compareNumbers(ignoresVocabularySize: Bool) -> Bool {
        guard let nameA = a.architectureName, let nameB = b.architectureName else {
            for checkpoint in [a, b] where checkpoint.isBare {
                notes.append(
                    "\(checkpoint.path): does not name an architecture, so only tensors are compared"
                )
            }
            return false
        }
        let families = (a.architecture?.name ?? nameA, b.architecture?.name ?? nameB)
        // A Mistral has two names in GGUF files.
        let isOneFamily =
            a.architecture.map { $0.huggingFaceModelType == b.architecture?.huggingFaceModelType }
            ?? false
        if families.0 != families.1, !isOneFamily {
            differences.append(
                SettingDifference(.hyperparameter, "architecture", families.0, families.1))
        }
        guard let first = numbers(of: a), let second = numbers(of: b) else { return false }
        let tables = [a, b].flatMap { $0.architecture?.numbers ?? [] }
        differences += Self.differences(first, second, tables).filter {
            !(ignoresVocabularySize && $0.name == ModelNumber.vocabularySize.name)
        }
        return true
    }

    /// The numbers that differ.
    ///
    /// - Parameter table: the numbers of both families; those of one name are compared once.
    static func differences(
        _ first: Hyperparameters, _ second: Hyperparameters, _ table: [ModelNumber]
    ) -> [SettingDifference] {
        // One ramp gives other divisors on another base, which is listed already.
        let isSameScaling = first.rope.scaling == second.rope.scaling
        var names: Set<String> = isSameScaling ? [ModelNumber.ropeScalingName] : []
        let parts = table.flatMap(\.parts).filter { names.insert($0.name).inserted }
        return SettingDifference.between(
            parts.map { ($0.name, $0.text(first)) }, parts.map { ($0.name, $0.text(second)) },
            .hyperparameter
        ) { $0 != ModelNumber.tiedHead.name }
    }

    private mutating func numbers(of checkpoint: Checkpoint) -> Hyperparameters? {
        guard checkpoint.architecture != nil else { return nil }
        do {
            return try checkpoint.hyperparameters()
        } catch {
            notes.append("numbers that cannot be compared: \(error)")
            return nil
        }
    }

    // MARK: - Keys of one format

    /// Lists the keys that differ. They count as differences where the numbers are not understood, unless they only
    /// describe the file.
    private mutating func compareKeys(hasNumbers: Bool) {
        switch (a.source, b.source) {
        case (.gguf(let first), .gguf(let second)):
            differences += SettingDifference.between(
                Self.keys(first.metadata), Self.keys(second.metadata), .key
            ) { !hasNumbers && !$0.hasPrefix("general.") && !MetadataKeys.isOfHistory($0) }
        case (.huggingFace(let first), .huggingFace(let second)):
            // Bare weights have no configuration to differ from.
            // A multimodal folder beside a language model by itself is compared by its text decoder's.
            let isOfDecoder = (a.wrapper == nil) != (b.wrapper == nil)
            guard let configA = isOfDecoder ? first.modelConfig : first.config,
                let configB = isOfDecoder ? second.modelConfig : second.config
            else { return }
            let descriptions = ["torch_dtype", "dtype", "transformers_version", "_name_or_path"]
            differences += SettingDifference.between(
                Self.fields(configA), Self.fields(configB), .key
            ) { !hasNumbers && !descriptions.contains($0) }
        default: break
        }
    }

    /// Lists what was done to one of the models and not to the other, where it stands among no keys.
    private mutating func compareHistories() {
        if a.format == .gguf, b.format == .gguf { return }
        let (first, second) = (history(of: a), history(of: b))
        differences += SettingDifference.between(first, second, .key) { _ in false }
    }

    private mutating func history(
        of checkpoint: Checkpoint
    ) -> [(name: String, value: SettingValue)] {
        do {
            return try checkpoint.history().entries.map { ($0.key, SettingValue($0.value)) }
        } catch {
            notes.append("\(error)")
            return []
        }
    }

    /// Keys but those of the tokenizer and of splits, and their values.
    private static func keys(_ metadata: GGUFMetadata) -> [(name: String, value: SettingValue)] {
        metadata.entries.filter {
            !$0.key.hasPrefix("tokenizer.") && !$0.key.hasPrefix("split.")
        }.map { ($0.key, SettingValue($0.value)) }
    }

    /// The members of an object, those of objects inside it under names with points.
    private static func fields(
        _ object: JSONObject, prefix: String = ""
    ) -> [(name: String, value: SettingValue)] {
        object.members.flatMap { member -> [(name: String, value: SettingValue)] in
            if let inner = member.value.object, !inner.members.isEmpty {
                return fields(inner, prefix: "\(prefix)\(member.key).")
            }
            return [(prefix + member.key, SettingValue(member.value))]
        }
    }

    // MARK: - Generation

    private mutating func compareGeneration() throws {
        let isDescription = { (_: String) in false }
        switch (a.source, b.source) {
        case (.huggingFace(let first), .huggingFace(let second)):
            guard first.config != nil, second.config != nil else { return }
            differences += SettingDifference.between(
                Self.fields(try first.generationConfig() ?? JSONObject()),
                Self.fields(try second.generationConfig() ?? JSONObject()), .generation,
                isDifference: isDescription)
        case (.huggingFace(let files), .gguf(let gguf)):
            differences += SettingDifference.between(
                try Self.sampling(files), Self.sampling(gguf), .generation,
                isDifference: isDescription)
        case (.gguf(let gguf), .huggingFace(let files)):
            differences += SettingDifference.between(
                Self.sampling(gguf), try Self.sampling(files), .generation,
                isDifference: isDescription)
        case (.gguf, .gguf): break  // among the keys
        }
    }

    private static func sampling(_ gguf: GGUFFile) -> [(name: String, value: SettingValue)] {
        fields(JSONObject(SamplingSettings.members(from: gguf.metadata)))
    }

    /// What a GGUF file keeps of a `generation_config.json`.
    private static func sampling(
        _ files: HuggingFaceFiles
    ) throws -> [(name: String, value: SettingValue)] {
        let entries = SamplingSettings.entries(from: try files.generationConfig() ?? JSONObject())
        return fields(JSONObject(SamplingSettings.members(from: GGUFMetadata(entries))))
    }
}
