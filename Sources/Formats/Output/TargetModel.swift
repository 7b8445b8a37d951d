/// The model that an output is where edits make it another one: its family and its numbers.
struct TargetModel {
    let architecture: Architecture
    let numbers: Hyperparameters

    /// The metadata of a GGUF file of the source, made that of this model: keys take the family's name, the numbers that
    /// differ are written, and those that the family has no key for are removed. All other keys stay.
    ///
    /// - Parameter own: what the source is.
    /// - Throws: `CheckpointError.cannotExpress` where llama.cpp has no key for a number, or would compute something else.
    func metadata(
        from metadata: GGUFMetadata, of own: TargetModel, file: String, lacksFeedForwardNorm: Bool
    ) throws -> (metadata: GGUFMetadata, notes: [String]) {
        let prefix = own.architecture.name + "."
        func renamed(_ key: String) -> String {
            key.hasPrefix(prefix)
                ? architecture.name + "." + key.dropFirst(prefix.count) : key
        }
        var result = GGUFMetadata(
            metadata.entries.map { GGUFMetadata.Entry(renamed($0.key), $0.value) })
        result["general.architecture"] = .string(ByteString(architecture.name))
        func entries(_ model: TargetModel) throws -> [GGUFMetadata.Entry] {
            try model.numbers.metadata(architecture: model.architecture, namesHeadSize: true)
                .filter { !$0.key.hasPrefix("general.") }
                .map { GGUFMetadata.Entry(renamed($0.key), $0.value) }
        }
        let before = GGUFMetadata(try entries(own))
        let after = GGUFMetadata(try entries(self))
        for entry in before.entries where after[entry.key] == nil { result[entry.key] = nil }
        for entry in after.entries
        where result[entry.key] == nil || before[entry.key] != entry.value {
            result[entry.key] = entry.value
        }
        let notes = try ConversionLoss.notes(
            of: numbers, in: result, architecture, file: file,
            lacksFeedForwardNorm: lacksFeedForwardNorm)
        return (result, notes)
    }

    /// The `config.json` of a folder of the source, made that of this model in the same way.
    ///
    /// - Parameters:
    ///   - own: what the source is.
    ///   - flags: the flags that announce biases.
    /// - Throws: as `metadata`, of transformers.
    func config(
        from config: JSONObject, of own: TargetModel, flags: [String: Bool]
    ) throws -> (config: JSONObject, notes: [String]) {
        func members(_ model: TargetModel) -> JSONObject {
            var members = model.numbers.config(
                architecture: model.architecture, biasFlags: [:], type: .f32, tokenizer: nil)
            for key in ["bos_token_id", "eos_token_id", "pad_token_id", "torch_dtype"] {
                members[key] = nil
            }
            return members
        }
        let (before, after) = (members(own), members(self))
        var result = config
        // The same family keeps its spelling, such as rope_parameters for rope_theta. Another one gets rid of what the old
        // family names or always does, and of code that comes with it.
        let isSameFamily =
            own.architecture.huggingFaceModelType == architecture.huggingFaceModelType
        var gone = Set(before.members.map(\.key))
        // A number that changes loses every name that the family reads it by.
        var renewed: Set<String> = []
        for number in own.architecture.numbers {
            let names = number.config.members
            if names.contains(where: { before[$0] != after[$0] }) { renewed.formUnion(names) }
        }
        gone.formUnion(renewed)
        if !isSameFamily {
            gone.formUnion(own.architecture.configMembers)
            gone.formUnion(own.architecture.config.implied.union(["auto_map"]))
        }
        for key in gone where after[key] == nil { result[key] = nil }
        // What is missing may have stood in a member that is gone, and what is there may have been meant beside one.
        for member in after.members
        where before[member.key] != member.value
            || !isSameFamily && result[member.key] == nil
            || renewed.contains(member.key)
                && !(result[member.key].map { Neutral.isSame($0, member.value) } ?? false)
        {
            result[member.key] = member.value
        }
        for (flag, value) in flags.sorted(by: { $0.key < $1.key }) { result[flag] = .bool(value) }
        return (result, try ConversionLoss.notes(of: numbers, in: result, architecture))
    }
}

extension Checkpoint {
    /// What the checkpoint is itself.
    ///
    /// - Throws: as `storedHyperparameters`.
    func model() throws -> TargetModel {
        TargetModel(
            architecture: try requireArchitecture(), numbers: try storedHyperparameters())
    }
}
