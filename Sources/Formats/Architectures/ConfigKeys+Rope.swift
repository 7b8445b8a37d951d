extension ConfigKeys {
    /// The rotary parameters, wherever the file has them: `rope_scaling` of transformers 4 wins where it is filled, as in
    /// transformers 5.
    ///
    /// - Parameter kind: the kind of attention, for families that sort their parameters by it.
    /// - Throws: `CheckpointError.unsupportedFeature` for a member that transformers does not know.
    func ropeParameters(
        _ format: ConfigFormat, kind: String = "full_attention"
    ) throws(CheckpointError) -> ConfigKeys {
        let older = try object("rope_scaling") ?? JSONObject()
        let newer = try object("rope_parameters") ?? JSONObject()
        guard format.sortsRopeByAttention else {
            let isOld = !older.members.isEmpty
            let found = ConfigKeys(config: isOld ? older : newer, file: file)
            try found.requireKnownRope(in: isOld ? "rope_scaling" : "rope_parameters", format)
            return found
        }
        for member in newer.members where !Self.attentionKinds.contains(member.key) {
            throw unknown(member, in: "rope_parameters")
        }
        let sorted = ConfigKeys(config: newer, file: file)
        var found = try sorted.object(kind) ?? JSONObject()
        if kind == "full_attention" {
            // transformers has the kind "default" already and passes over its older spelling.
            if let type = older["type"], older["rope_type"] == nil, type != .string("default") {
                throw unknown(.init("type", type), in: "rope_scaling")
            }
            for member in older.members { found[member.key] = member.value }
        }
        let keys = ConfigKeys(config: found, file: file)
        try keys.requireKnownRope(in: "rope_parameters.\(kind)", format)
        return keys
    }

    private static let attentionKinds: Set<String> = ["full_attention", "sliding_attention"]

    /// What transformers 5.23 reads of rotary parameters, and what changes nothing.
    private static let ropeMembers: Set<String> = [
        "rope_theta", "rope_type", "type", "partial_rotary_factor", "factor",
        "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
        "short_factor", "long_factor", "low_freq_factor", "high_freq_factor", "mscale",
        "mscale_all_dim", "truncate",
        // Text has the same position in every section.
        "mrope_section", "mrope_interleaved",
        // Says that the model was trained with the scaling.
        "finetuned",
    ]

    /// Refuses members of rotary parameters that another runtime may compute with and transformers does not.
    private func requireKnownRope(
        in name: String, _ format: ConfigFormat
    ) throws(CheckpointError) {
        let known = Self.ropeMembers.union(format.ropeMembers)
        for member in config.members where !known.contains(member.key) {
            let isFactor = ["attn_factor", "extrapolation_factor"].contains(member.key)
            guard Neutral.absent.allows(member.value) || (isFactor && member.value.number == 1)
            else { throw unknown(member, in: name) }
        }
    }

    private func unknown(_ member: JSONObject.Member, in name: String) -> CheckpointError {
        .unsupportedFeature(
            file: file,
            fact: "'\(member.key)' of \(name) is \(JSONWriter().text(member.value)), which neither "
                + "transformers nor rtedit computes with")
    }
}
