/// What `adapter_config.json` of a PEFT folder says about ranks and scales.
struct PEFTConfiguration {
    let rank: Int
    private let alpha: Double
    /// Whether the scale is alpha / √rank (rank-stabilised LoRA, arXiv 2312.03732) instead of alpha / rank.
    private let isRankStabilized: Bool
    private let rankPattern: [(key: String, value: Int)]
    private let alphaPattern: [(key: String, value: Double)]

    /// - Throws: `AdapterError` where a key is missing or wrong, or asks for what is not supported.
    ///
    /// - Parameter isTransposed: whether the base stores matrices as their transposes, as PEFT must be told.
    init(_ object: JSONObject, isTransposed: Bool, file: String) throws(AdapterError) {
        guard let kind = object["peft_type"]?.string else {
            throw .wrongValue(file: file, key: "peft_type", expected: "a string")
        }
        guard kind == "LORA" else {
            throw .unsupportedValue(file: file, key: "peft_type", meaning: "'\(kind)'")
        }
        try Self.refuseUnsupported(object, file: file)
        if !isTransposed, try Self.flag("fan_in_fan_out", in: object, file: file) {
            throw .unsupportedValue(
                file: file, key: "fan_in_fan_out", meaning: "transposed weights")
        }
        guard let rank = object["r"]?.integer, rank > 0 else {
            throw .wrongValue(file: file, key: "r", expected: "an integer from 1 on")
        }
        guard let alpha = object["lora_alpha"]?.number, alpha.isFinite else {
            throw .wrongValue(file: file, key: "lora_alpha", expected: "a number")
        }
        self.rank = rank
        self.alpha = alpha
        isRankStabilized = try Self.flag("use_rslora", in: object, file: file)
        rankPattern = try Self.pattern("rank_pattern", in: object, file: file) { value in
            value.integer.flatMap { $0 > 0 ? $0 : nil }
        }
        alphaPattern = try Self.pattern("alpha_pattern", in: object, file: file) { value in
            value.number.flatMap { $0.isFinite ? $0 : nil }
        }
    }

    /// The alpha that gives the same scale without rank stabilisation.
    var plainAlpha: Double { isRankStabilized ? alpha * Double(rank).squareRoot() : alpha }

    /// The rank of a module such as `model.layers.3.self_attn.q_proj`.
    func rank(of module: String) -> Int {
        rankPattern.first { Self.matches($0.key, module) }?.value ?? rank
    }

    /// The scale of a module's update.
    func scale(of module: String) -> Float {
        let alpha = alphaPattern.first { Self.matches($0.key, module) }?.value ?? alpha
        let rank = Double(rank(of: module))
        return Float(alpha / (isRankStabilized ? rank.squareRoot() : rank))
    }

    // MARK: - Patterns

    /// PEFT takes the first key that is the module's name or the end of it after a dot.
    private static func matches(_ key: String, _ module: String) -> Bool {
        key.hasPrefix("^")
            ? module == key.dropFirst() : module == key || module.hasSuffix("." + key)
    }

    private static func pattern<Value>(
        _ name: String, in object: JSONObject, file: String, _ read: (JSONValue) -> Value?
    ) throws(AdapterError) -> [(key: String, value: Value)] {
        switch object[name] {
        case nil, .null: return []
        case .object(let entries):
            var pattern: [(key: String, value: Value)] = []
            for entry in entries.members {
                // PEFT reads keys as regular expressions; in a plain name only the dot is special, and harmless.
                let isPlain = entry.key.utf8.drop { $0 == UInt8(ascii: "^") }.allSatisfy {
                    ($0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z"))
                        || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                        || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
                }
                guard isPlain else {
                    throw .unsupportedValue(
                        file: file, key: name, meaning: "the regular expression '\(entry.key)'")
                }
                guard let value = read(entry.value) else {
                    throw .wrongValue(
                        file: file, key: "\(name).\(entry.key)", expected: "a number it can have")
                }
                pattern.append((entry.key, value))
            }
            return pattern
        default: throw .wrongValue(file: file, key: name, expected: "an object")
        }
    }

    // MARK: - What is not supported

    private static func flag(
        _ key: String, in object: JSONObject, file: String
    ) throws(AdapterError) -> Bool {
        switch object[key] {
        case nil, .null: return false
        case .bool(let value): return value
        default: throw .wrongValue(file: file, key: key, expected: "true or false")
        }
    }

    /// Keys that change what an adapter does to its base.
    private static let unsupported: [(key: String, meaning: String)] = [
        ("use_dora", "DoRA"), ("use_qalora", "QALoRA"), ("use_bdlora", "block-diagonal LoRA"),
        ("lora_bias", "biases in B"),
        ("modules_to_save", "whole modules beside the updates"),
        ("trainable_token_indices", "single tokens' embeddings"),
        ("target_parameters", "updates of bare parameters"),
        ("layer_replication", "repeated layers"),
        ("alora_invocation_tokens", "an adapter that begins at certain tokens"),
        ("arrow_config", "Arrow routing"), ("kasa_config", "KaSA"), ("velora_config", "VeLoRA"),
        ("monteclora_config", "MonteCLoRA"),
    ]

    private static func refuseUnsupported(
        _ object: JSONObject, file: String
    ) throws(AdapterError) {
        for (key, meaning) in unsupported {
            switch object[key] {
            case nil, .null, .bool(false), .array([]), .object(JSONObject()): continue
            default: throw .unsupportedValue(file: file, key: key, meaning: meaning)
            }
        }
        if let bias = object["bias"]?.string, bias != "none" {
            throw .unsupportedValue(file: file, key: "bias", meaning: "trained biases ('\(bias)')")
        }
        // These ways to begin change the base, so that the updates belong to another one.
        let changingBase = ["pissa", "olora", "corda", "loftq", "lora_ga"]
        if let start = object["init_lora_weights"]?.string,
            changingBase.contains(where: start.lowercased().hasPrefix)
        {
            throw .unsupportedValue(
                file: file, key: "init_lora_weights", meaning: "a changed base ('\(start)')")
        }
    }
}
