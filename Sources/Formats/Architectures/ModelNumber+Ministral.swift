import Glibc

/// What Mistral's families of 2025 compute with beyond a Mistral.
extension ModelNumber {
    /// Queries that grow with their position: after rotation they are multiplied by 1 + β ln(1 + ⌊position / context⌋), the
    /// context being the one before YaRN, so that attention stays as sharp over longer texts.
    static func queryGrowth(_ format: ConfigFormat) -> ModelNumber {
        let (key, metadataKey) = (RopeMembers.growth, "attention.temperature_scale")
        return queryGrowth.kept(
            ConfigPlace(
                read: { keys, numbers in
                    let rope = try keys.ropeParameters(format)
                    numbers.queryGrowth = try rope.requiredNumber(key)
                },
                write: { numbers, config in config.sortIntoRopeParameters(numbers) }),
            MetadataPlace(
                keys: [metadataKey],
                read: { keys, numbers in numbers.queryGrowth = try keys.scale(metadataKey) },
                write: { numbers throws(CheckpointError) in
                    numbers.queryGrowth.map { [(metadataKey, .f32(Float($0)))] } ?? []
                }))
    }

    /// The rotary embedding of llama.cpp's `mistral3`, which reads the bounds of YaRN's ramp and the logarithm's factor in the
    /// attention factor's denominator (`mscale_all_dim`; the numerator's is 1).
    static func mistral3Rope(_ format: ConfigFormat) -> ModelNumber {
        var number = rope(format, .rotary)
        let place = number.metadata
        number.metadata.keys += YarnKeys.all
        number.metadata.read = { keys, numbers in
            try place.read(keys, &numbers)
            guard case .yarn(var yarn) = numbers.rope.scaling else { return }
            yarn.betaFast = try keys.number(YarnKeys.betaFast) ?? yarn.betaFast
            yarn.betaSlow = try keys.number(YarnKeys.betaSlow) ?? yarn.betaSlow
            if let scale = try keys.scale(YarnKeys.logarithm) {
                yarn.attentionFactor = yarn.attention / Yarn.attention(yarn.factor, scale: scale)
            }
            numbers.rope.scaling = .yarn(yarn)
        }
        number.metadata.write = { numbers throws(CheckpointError) in
            guard case .yarn(var yarn) = numbers.rope.scaling else {
                return try place.write(numbers)
            }
            var plain = numbers
            let logarithm = yarn.logarithmScale
            yarn.attentionFactor = nil
            plain.rope.scaling = .yarn(yarn)
            return try place.write(plain) + [
                (YarnKeys.betaFast, .f32(Float(yarn.betaFast))),
                (YarnKeys.betaSlow, .f32(Float(yarn.betaSlow))),
            ] + (logarithm == 0 ? [] : [(YarnKeys.logarithm, .f32(Float(logarithm)))])
        }
        return number
    }

    /// GGUF keys of YaRN that llama.cpp reads for `mistral3`.
    private enum YarnKeys {
        static let betaFast = "rope.scaling.yarn_beta_fast"
        static let betaSlow = "rope.scaling.yarn_beta_slow"
        static let logarithm = "rope.scaling.yarn_log_multiplier"
        static let all = [betaFast, betaSlow, logarithm]
    }
}

extension Hyperparameters {
    /// What queries at a position are multiplied by after rotation, in f32 as in both runtimes.
    package func queryFactor(at position: Int) -> Float {
        guard let queryGrowth, case .yarn(let yarn) = rope.scaling else { return 1 }
        return 1 + Float(queryGrowth) * log(Float(1 + position / yarn.originalContext))
    }
}

/// Members of Ministral's `rope_parameters`.
private enum RopeMembers {
    static let growth = "llama_4_scaling_beta"
}

extension Yarn {
    /// The m with which attention(factor, scale: 1) / attention(factor, scale: m) is the attention factor.
    fileprivate var logarithmScale: Double {
        let stretch = 0.1 * log(factor)
        guard attentionFactor != nil, stretch > 0 else { return 0 }
        return ((1 + stretch) / attention - 1) / stretch
    }
}

extension JSONObject {
    /// Puts the rotary members where Ministral's class has them all, which no release of transformers 4 knows.
    fileprivate mutating func sortIntoRopeParameters(_ numbers: Hyperparameters) {
        guard var rope = self["rope_scaling"]?.object, let base = self["rope_theta"] else { return }
        if case .yarn(let yarn) = numbers.rope.scaling, yarn.logarithmScale != 0 {
            rope["attention_factor"] = nil
            rope["mscale"] = .number(1)
            rope["mscale_all_dim"] = .shortest(Float(yarn.logarithmScale))
        }
        rope["rope_theta"] = base
        rope[RopeMembers.growth] = numbers.queryGrowth.map { .number($0) }
        self["rope_parameters"] = .object(rope)
        self["rope_scaling"] = nil
        self["rope_theta"] = nil
    }
}
