extension Architecture {
    /// The members of `config.json` that change the family's numbers and that rtedit reads.
    var configMembers: Set<String> {
        var members: Set<String> = [
            config.blockCount, config.hiddenSize, config.feedForwardSize, config.headCount,
            config.contextLength, config.normEpsilon, config.activation, ConfigFormat.headSize,
            "vocab_size", "tie_word_embeddings",
        ]
        members.formUnion([config.keyValueHeadCount].compactMap(\.self))
        members.formUnion(config.only.map(\.key))
        members.formUnion(traits.flatMap(\.members))
        members.formUnion(weights.compactMap { $0.bias?.huggingFaceFlag })
        guard positions == .rotary else { return members }
        let rotary = [
            config.ropeBase, config.rotaryShare ?? "partial_rotary_factor", "rope_scaling",
            "rope_parameters", "original_max_position_embeddings",
        ]
        return members.union(rotary)
    }
}
