/// What `adapter_config.json` of a PEFT folder says about ranks and scales.
struct PEFTConfiguration {
    let rank: Int
    /// Whether a head that is tied to the embedding has the embedding's update.
    let ensuresWeightTying: Bool
    /// What the user should know about the configuration.
    let notes: [String]
    private let alpha: Double
    /// Whether the scale is alpha / √rank (rank-stabilised LoRA, arXiv 2312.03732) instead of alpha / rank.
    private let isRankStabilized: Bool
    private let rankPattern: [(key: NamePattern, value: Int)]
    private let alphaPattern: [(key: NamePattern, value: Double)]
    private let targetParameters: [String]
    private let file: String

    /// - Throws: `AdapterError` where a key is missing or wrong, or asks for what is not supported.
    ///
    /// - Parameter isTransposed: whether the base stores matrices as their transposes, as PEFT must be told.
    init(_ object: JSONObject, isTransposed: Bool, file: String) throws(AdapterError) {
        guard let kind = object["peft_type"]?.string else {
            throw .wrongValue(file: file, key: "peft_type", expected: "a string")
        }
        guard kind == "LORA" else {
            throw .unsupportedValue(
                file: file, key: "peft_type", value: "'\(kind)'",
                meaning: "another method than LORA")
        }
        try Self.refuseUnsupported(object, file: file)
        if !isTransposed, try Self.flag("fan_in_fan_out", in: object, file: file) {
            throw .unsupportedValue(
                file: file, key: "fan_in_fan_out", value: "true", meaning: "transposed weights")
        }
        guard let rank = object["r"]?.integer, rank > 0 else {
            throw .wrongValue(file: file, key: "r", expected: "an integer from 1 on")
        }
        guard let alpha = object["lora_alpha"]?.number, alpha.isFinite else {
            throw .wrongValue(file: file, key: "lora_alpha", expected: "a number")
        }
        self.rank = rank
        self.alpha = alpha
        self.file = file
        ensuresWeightTying = try Self.flag("ensure_weight_tying", in: object, file: file)
        targetParameters = try Self.texts("target_parameters", in: object, file: file)
        notes = Self.unknownKeys(object).map {
            "\(file): key \($0.quoted) is not known and has no effect, as in PEFT"
        }
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

    /// The rank of an update of a module such as `model.layers.3.self_attn.q_proj`, or of a parameter with its module's
    /// name before it.
    ///
    /// - Throws: `AdapterError.unsupportedValue` where a pattern is too costly to tell.
    func rank(of name: String) throws(AdapterError) -> Int {
        try matches(rankPattern, "rank_pattern", name).first?.value ?? rank
    }

    /// The scale of an update.
    ///
    /// - Throws: `AdapterError.unsupportedValue` where the patterns do not tell with which scale it was trained.
    func scale(of name: String) throws(AdapterError) -> Float {
        let found = try matches(alphaPattern, "alpha_pattern", name)
        // Python sorts strings by code points, which is the order of their UTF-8.
        let isSorted = zip(alphaPattern, alphaPattern.dropFirst()).allSatisfy {
            !$1.key.text.utf8.lexicographicallyPrecedes($0.key.text.utf8)
        }
        if isSorted, let first = found.first,
            let other = found.first(where: { $0.value != first.value })
        {
            throw .unsupportedValue(
                file: file, key: "alpha_pattern",
                value: "\(first.value) under '\(first.key.text)' and \(other.value) under "
                    + "'\(other.key.text)' for \(name)",
                meaning: "one or the other, as PEFT sorts keys on saving and takes the first")
        }
        let alpha = found.first?.value ?? alpha
        let rank = Double(try rank(of: name))
        return Float(alpha / (isRankStabilized ? rank.squareRoot() : rank))
    }

    /// Whether `target_parameters` names the parameter, given with its module's name before it.
    func targets(parameter: String) -> Bool {
        targetParameters.contains { parameter == $0 || parameter.hasSuffix("." + $0) }
    }

    // MARK: - Patterns

    /// PEFT takes the first entry whose key, a regular expression, matches the name or the end of it after a dot.
    private func matches<Value>(
        _ pattern: [(key: NamePattern, value: Value)], _ name: String, _ module: String
    ) throws(AdapterError) -> [(key: NamePattern, value: Value)] {
        var found: [(key: NamePattern, value: Value)] = []
        for entry in pattern {
            guard let isMatch = entry.key.matches(module) else {
                throw Self.regularExpression(entry.key.text, in: name, file: file)
            }
            if isMatch { found.append(entry) }
        }
        return found
    }

    private static func pattern<Value>(
        _ name: String, in object: JSONObject, file: String, _ read: (JSONValue) -> Value?
    ) throws(AdapterError) -> [(key: NamePattern, value: Value)] {
        switch object[name] {
        case nil, .null: return []
        case .object(let entries):
            var pattern: [(key: NamePattern, value: Value)] = []
            for entry in entries.members {
                guard let key = NamePattern(entry.key, matching: .modulePath) else {
                    throw regularExpression(entry.key, in: name, file: file)
                }
                guard let value = read(entry.value) else {
                    throw .wrongValue(
                        file: file, key: "\(name).\(entry.key)", expected: "a number it can have")
                }
                pattern.append((key, value))
            }
            return pattern
        default: throw .wrongValue(file: file, key: name, expected: "an object")
        }
    }

    private static func regularExpression(
        _ text: String, in name: String, file: String
    ) -> AdapterError {
        .unsupportedValue(
            file: file, key: name, value: text.quoted,
            meaning: "a regular expression beyond groups, sets, counts and alternatives")
    }

    // MARK: - What is not supported

    private static func texts(
        _ key: String, in object: JSONObject, file: String
    ) throws(AdapterError) -> [String] {
        guard let value = object[key], value != .null else { return [] }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            throw .wrongValue(file: file, key: key, expected: "an array of strings")
        }
        return texts
    }

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
            case let value?:
                throw .unsupportedValue(
                    file: file, key: key, value: text(value), meaning: meaning)
            }
        }
        if let bias = object["bias"]?.string, bias != "none" {
            throw .unsupportedValue(
                file: file, key: "bias", value: "'\(bias)'", meaning: "trained biases")
        }
        // These ways to begin change the base, so that the updates belong to another one.
        let changingBase = ["pissa", "olora", "corda", "loftq", "lora_ga"]
        if let start = object["init_lora_weights"]?.string,
            changingBase.contains(where: start.lowercased().hasPrefix)
        {
            throw .unsupportedValue(
                file: file, key: "init_lora_weights", value: "'\(start)'",
                meaning:
                    "a base that PEFT changed before training (convert the adapter with PEFT's "
                    + "path_initial_model_for_weight_conversion)")
        }
    }

    /// Keys that change nothing in what is merged.
    private static let harmless: Set<String> = [
        "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "exclude_modules",
        "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout",
        "lora_ga_config", "megatron_config", "megatron_core", "peft_version", "qalora_group_size",
        "revision", "runtime_config", "target_modules", "task_type",
    ]

    /// Keys that are read here.
    private static let read: Set<String> = [
        "alpha_pattern", "bias", "ensure_weight_tying", "fan_in_fan_out", "init_lora_weights",
        "lora_alpha", "peft_type", "r", "rank_pattern", "target_parameters", "use_rslora",
    ]

    /// Keys that no version of PEFT up to 0.21 has, and that say something.
    private static func unknownKeys(_ object: JSONObject) -> [String] {
        let known = harmless.union(read).union(unsupported.map(\.key))
        return object.members.filter { member in
            let isEmpty: Bool =
                switch member.value {
                case .null, .bool(false), .array([]), .object(JSONObject()), .string(""): true
                default: false
                }
            return !known.contains(member.key) && !isEmpty
        }.map(\.key)
    }

    private static func text(_ value: JSONValue) -> String {
        let text = String(decoding: JSONWriter().bytes(value), as: UTF8.self)
        return text.count > 80 ? text.prefix(80) + "…" : text
    }
}
