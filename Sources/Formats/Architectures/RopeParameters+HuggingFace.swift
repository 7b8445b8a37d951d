import Glibc

extension RopeParameters {
    /// Reads the rotary embedding from `config.json`: `rope_parameters` as transformers 5 writes them, or the keys of
    /// transformers 4.
    ///
    /// - Throws: `CheckpointError` for values of the wrong kind and scalings that are not supported.
    init(_ keys: ConfigKeys, format: ConfigFormat, headSize: Int, context: Int) throws {
        let rope = try keys.ropeParameters(format)
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
        // transformers lets the model's own member win over the one beside the scaling.
        let original =
            try
            (format.sortsRopeByAttention
            ? nil : keys.integer("original_max_position_embeddings"))
            ?? rope.integer("original_max_position_embeddings")
        scaling = try Self.scaling(
            rope, format, original: original ?? context, context: context)
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
        case .dynamic(let factor, _):
            members = [.init("rope_type", .string("dynamic")), .init("factor", .number(factor))]
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
        case .yarn(let yarn):
            members =
                [
                    .init("rope_type", .string("yarn")), .init("factor", .number(yarn.factor)),
                    .init("original_max_position_embeddings", .integer(yarn.originalContext)),
                    .init("beta_fast", .number(yarn.betaFast)),
                    .init("beta_slow", .number(yarn.betaSlow)),
                ] + (yarn.attentionFactor.map { [.init("attention_factor", .number($0))] } ?? [])
                + (yarn.roundsRamp ? [] : [.init("truncate", .bool(false))])
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
        _ keys: ConfigKeys, _ format: ConfigFormat, original: Int, context: Int
    ) throws -> RopeParameters.Scaling {
        var kind = try keys.text("rope_type") ?? keys.text("type") ?? "default"
        if let known = format.ropeKinds {
            guard let meant = known[kind] else {
                throw CheckpointError.unsupportedFeature(
                    file: keys.file,
                    fact: "rope scaling '\(kind)' is not supported in this family; supported: "
                        + known.keys.sorted().joined(separator: ", "))
            }
            kind = meant
        }
        func factor() throws(CheckpointError) -> Double { try keys.requiredNumber("factor") }
        switch kind {
        case "default": return .none
        case "linear": return .linear(factor: try factor())
        // transformers counts from max_position_embeddings, whatever the original context is said to be.
        case "dynamic": return .dynamic(factor: try factor(), originalContext: context)
        case "llama3":
            return .llama3(
                Llama3(
                    factor: try factor(),
                    lowFrequencyFactor: try keys.requiredNumber("low_freq_factor"),
                    highFrequencyFactor: try keys.requiredNumber("high_freq_factor"),
                    originalContext: original))
        case "yarn":
            return .yarn(try yarn(keys, original: original, context: context))
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

    /// YaRN as transformers reads it: a null factor is the stretch of the context, a beta of 0 is none.
    private static func yarn(
        _ keys: ConfigKeys, original: Int, context: Int
    ) throws(CheckpointError) -> Yarn {
        let factor =
            keys.config["factor"] == .null
            ? Double(context) / Double(max(original, 1)) : try keys.requiredNumber("factor")
        func beta(_ key: String, _ standard: Double) throws(CheckpointError) -> Double {
            guard let beta = try keys.number(key), beta != 0 else { return standard }
            return beta
        }
        var yarn = Yarn(
            factor: factor, originalContext: original,
            attentionFactor: try keys.number("attention_factor"),
            betaFast: try beta("beta_fast", Yarn.standardBeta.fast),
            betaSlow: try beta("beta_slow", Yarn.standardBeta.slow),
            roundsRamp: try keys.flag("truncate") ?? true)
        let scales = (try keys.number("mscale") ?? 0, try keys.number("mscale_all_dim") ?? 0)
        if yarn.attentionFactor == nil, scales.0 != 0, scales.1 != 0 {
            yarn.attentionFactor =
                Yarn.attention(factor, scale: scales.0) / Yarn.attention(factor, scale: scales.1)
        }
        return yarn
    }

    private static func list(_ key: String, _ keys: ConfigKeys) throws -> [Double] {
        guard let list = try keys.numbers(key) else {
            throw CheckpointError.missingKey(file: keys.file, key: key)
        }
        return list
    }
}
