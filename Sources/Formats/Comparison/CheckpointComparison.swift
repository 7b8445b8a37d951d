/// Everything that two checkpoints do not share, whatever their formats: tensors as values, numbers, tokenizer, chat
/// template, metadata.
///
/// ```swift
/// let comparison = try CheckpointComparison(base, edited, crew: crew)
/// print(comparison.isSame ? "the same model" : "\(comparison.changed.count) tensors changed")
/// ```
package struct CheckpointComparison: Sendable {
    package let a: Checkpoint
    package let b: Checkpoint
    /// In the order of the first checkpoint, then what only the second has.
    package let tensors: [TensorDifference]
    /// Tensors that take no part in the model, or that the other format keeps elsewhere, with the reason.
    package let leftOut: [String]
    /// Numbers, keys and settings of generation that differ.
    package let settings: [SettingDifference]
    package let tokenizer: TokenizerComparison
    /// What could not be compared, one line each.
    package let notes: [String]

    /// Compares two checkpoints; all data of both is read once.
    ///
    /// - Parameter advance: called from any thread with the number of values compared since.
    /// - Throws: as `Checkpoint.validate`; `CheckpointError` where the formats differ and the numbers that tell how rows are ordered are unusable;
    ///   `JSONError` for a malformed `generation_config.json`.
    package init(
        _ a: Checkpoint, _ b: Checkpoint, crew: WorkCrew,
        advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        for checkpoint in [a, b] { try checkpoint.validate() }
        self.a = a
        self.b = b
        let compared = try TensorComparison(a, b, crew: crew, advance: advance)
        tensors = compared.tensors
        leftOut = compared.leftOut
        let settings = try SettingComparison(
            a, b, ignoresVocabularySize: tensors.contains { $0.pair?.ignoresPadding ?? false })
        tokenizer = try TokenizerComparison(a, b)
        self.settings = settings.differences
        notes = settings.notes + tokenizer.notes
    }

    /// How many values a comparison looks at: those of every pair, an embedding that stands for a head twice.
    ///
    /// - Throws: as the comparison does.
    package static func valueCount(_ a: Checkpoint, _ b: Checkpoint) throws -> Int {
        try TensorPairing(a, b).matches.reduce(0) { $0 + ($1.values.pair?.elementCount ?? 0) }
    }

    /// Whether both are the same model: equal values, numbers, tokenizer and chat template. Other keys do not count.
    package var isSame: Bool {
        changed.isEmpty && !settings.contains(where: \.isDifference) && !tokenizer.isDifference
    }

    /// The tensors that make it another model.
    package var changed: [TensorDifference] { tensors.filter(\.isDifference) }

    /// All differences of settings, those of the tokenizer included.
    package var allSettings: [SettingDifference] { settings + tokenizer.settings }
}
