import Glibc

extension RopeParameters {
    /// Reads the rotary embedding from `config.json`: `rope_parameters` as transformers 5 writes them, or the keys of
    /// transformers 4.
    ///
    /// - Throws: `CheckpointError` for values of the wrong kind and scalings that are not supported.
    init(_ keys: ConfigKeys, format: ConfigFormat, headSize: Int, context: Int) throws {
        let parameters = try keys.ropeParameters()
        // Gemma 3's are sorted by the kind of attention.
        let full = parameters["full_attention"]?.object ?? parameters
        let rope = ConfigKeys(config: full, file: keys.file)
        base = try rope.number("rope_theta") ?? keys.number(format.ropeBase) ?? 10_000
        dimensions = headSize
        let share =
            try rope.number("partial_rotary_factor")
            ?? keys.number(format.rotaryShare ?? "partial_rotary_factor") ?? 1
        if share != 1 {
            guard format.rotaryShare != nil else {
                throw CheckpointError.unsupportedFeature(
                    file: keys.file,
                    fact: "partial_rotary_factor \(share) is not supported in this family")
            }
            guard share > 0, share <= 1 else {
                throw CheckpointError.outOfRange(
                    file: keys.file, key: format.rotaryShare ?? "", value: "\(share)",
                    range: "more than 0 and at most 1")
            }
            dimensions = Int(exactly: (Double(headSize) * share).rounded(.down)) ?? headSize
        }
        let original =
            try rope.integer("original_max_position_embeddings")
            ?? keys.integer("original_max_position_embeddings")
        scaling = try Self.scaling(rope, original: original ?? context, context: context)
        guard case .longrope(let short, let long, _, _) = scaling else { return }
        for (key, list) in [("short_factor", short), ("long_factor", long)]
        where list.count != dimensions / 2 {
            throw CheckpointError.contradiction(
                file: keys.file,
                fact: "\(key) has \(list.count) values for \(dimensions) rotary dimensions")
        }
    }

    /// The members of `config.json`, as transformers 4 wrote them; transformers 5, vLLM and others read them too.
    func configMembers(
        _ format: ConfigFormat, headSize: Int, context: Int
    ) -> [JSONObject.Member] {
        var members: [JSONObject.Member] = [.init(format.ropeBase, .number(base))]
        if let key = format.rotaryShare {
            var share = Double(dimensions) / Double(headSize)
            // transformers rounds the product down.
            if Int(Double(headSize) * share) < dimensions { share = share.nextUp }
            members.append(.init(key, .number(share)))
        }
        members.append(.init("rope_scaling", scalingMember(context: context)))
        return members
    }

    private func scalingMember(context: Int) -> JSONValue {
        let members: [JSONObject.Member]
        switch scaling {
        case .none: return .null
        case .linear(let factor):
            members = [.init("rope_type", .string("linear")), .init("factor", .number(factor))]
        case .dynamic(let factor, let original):
            members = [
                .init("rope_type", .string("dynamic")), .init("factor", .number(factor)),
                .init("original_max_position_embeddings", .integer(original)),
            ]
        case .llama3(let ramp): members = Self.members(ramp)
        case .divisors(let divisors):
            guard let ramp = Llama3(divisors: divisors, base: base, dimensions: dimensions) else {
                // A long rope can list any divisors.
                let list = divisors.map { Double($0.description) ?? Double($0) }
                let same = RopeParameters(
                    base: base, dimensions: dimensions,
                    scaling: .longrope(
                        short: list, long: list, originalContext: context, attentionFactor: 1))
                return same.scalingMember(context: context)
            }
            members = Self.members(ramp)
        case .longrope(let short, let long, let original, let attention):
            let standard = Self.longRopeAttention(
                factor: Double(context) / Double(original), originalContext: original)
            members =
                [
                    .init("rope_type", .string("longrope")),
                    .init("short_factor", .array(short.map { .number($0) })),
                    .init("long_factor", .array(long.map { .number($0) })),
                    .init("original_max_position_embeddings", .integer(original)),
                ]
                + (Float(attention) == Float(standard)
                    ? [] : [.init("attention_factor", .number(attention))])
        case .yarn(let factor, let original, let attention, let fast, let slow):
            members =
                [
                    .init("rope_type", .string("yarn")), .init("factor", .number(factor)),
                    .init("original_max_position_embeddings", .integer(original)),
                    .init("beta_fast", .number(fast)), .init("beta_slow", .number(slow)),
                ] + (attention.map { [.init("attention_factor", .number($0))] } ?? [])
        }
        return .object(JSONObject(members))
    }

    private static func members(_ ramp: Llama3) -> [JSONObject.Member] {
        [
            .init("rope_type", .string("llama3")), .init("factor", .number(ramp.factor)),
            .init("low_freq_factor", .number(ramp.lowFrequencyFactor)),
            .init("high_freq_factor", .number(ramp.highFrequencyFactor)),
            .init("original_max_position_embeddings", .integer(ramp.originalContext)),
        ]
    }

    /// The attention factor of a long rope where a configuration names none.
    private static func longRopeAttention(factor: Double, originalContext: Int) -> Double {
        guard factor > 1, originalContext > 1 else { return 1 }
        return (1 + log(factor) / log(Double(originalContext))).squareRoot()
    }

    private static func scaling(
        _ keys: ConfigKeys, original: Int, context: Int
    ) throws -> RopeParameters.Scaling {
        let kind = try keys.text("rope_type") ?? keys.text("type") ?? "default"
        func factor() throws(CheckpointError) -> Double { try keys.requiredNumber("factor") }
        switch kind {
        case "default": return .none
        case "linear": return .linear(factor: try factor())
        case "dynamic": return .dynamic(factor: try factor(), originalContext: original)
        case "llama3":
            return .llama3(
                Llama3(
                    factor: try factor(),
                    lowFrequencyFactor: try keys.requiredNumber("low_freq_factor"),
                    highFrequencyFactor: try keys.requiredNumber("high_freq_factor"),
                    originalContext: original))
        case "yarn":
            for key in ["mscale", "mscale_all_dim"] where try keys.number(key) != nil {
                throw CheckpointError.unsupportedFeature(
                    file: keys.file, fact: "yarn with '\(key)' is not supported")
            }
            return .yarn(
                factor: try factor(), originalContext: original,
                attentionFactor: try keys.number("attention_factor"),
                betaFast: try keys.number("beta_fast") ?? yarnBeta.fast,
                betaSlow: try keys.number("beta_slow") ?? yarnBeta.slow)
        case "longrope", "su":
            let stretch = try keys.number("factor") ?? Double(context) / Double(max(original, 1))
            return .longrope(
                short: try list("short_factor", keys), long: try list("long_factor", keys),
                originalContext: original,
                attentionFactor: try keys.number("attention_factor")
                    ?? longRopeAttention(factor: stretch, originalContext: original))
        default:
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact: "rope scaling '\(kind)' is not supported; supported: default, linear, "
                    + "dynamic, llama3, yarn, longrope")
        }
    }

    private static func list(_ key: String, _ keys: ConfigKeys) throws -> [Double] {
        guard let list = try keys.numbers(key) else {
            throw CheckpointError.missingKey(file: keys.file, key: key)
        }
        return list
    }
}
