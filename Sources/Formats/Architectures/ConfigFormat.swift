/// What a family's `config.json` calls its numbers, and what transformers 5.23 takes where the file does not say.
struct ConfigFormat: Sendable {
    var blockCount = "num_hidden_layers"
    var hiddenSize = "hidden_size"
    var feedForwardSize = "intermediate_size"
    var headCount = "num_attention_heads"
    /// Nil where every head has a key and a value of its own.
    var keyValueHeadCount: String? = "num_key_value_heads"
    var contextLength = "max_position_embeddings"
    var normEpsilon = "rms_norm_eps"
    var activation = "hidden_act"
    /// The activation transformers takes where the file does not say.
    var standardActivation = "silu"
    var ropeBase = "rope_theta"
    /// The share of a head's dimensions that is rotated; nil where all are.
    var rotaryShare: String?
    /// Whether rotary parameters are sorted by the kind of attention, as transformers 5 writes Gemma 3's.
    var sortsRopeByAttention = false
    /// The kinds of rotary scaling that the family knows, and what each means; nil where all are what they say.
    var ropeKinds: [String: String]?
    /// Members of rotary parameters that the family's class knows and others do not.
    var ropeMembers: Set<String> = []
    /// The feed-forward part's width in hidden sizes where the file does not say; nil where it must.
    var feedForwardMultiple: Int?
    /// Whether transformers works out `head_dim` where the file does not say, so that llama.cpp's converter writes it.
    var fillsHeadSize = false
    static let headSize = "head_dim"

    /// Values of keys that a file leaves out.
    var standard: [String: JSONValue] = [:]
    /// Switches of transformers' models, and the only value of each that rtedit can run.
    var only: [(key: String, value: JSONValue)] = []

    /// What names of activations mean in the family, where it is not what they mean elsewhere.
    var renamedActivations: [String: Activation] = [:]

    /// Members that say what the family always does.
    var implied: Set<String> = []

    /// Members that are written once more under another name.
    var copies: [(copy: String, key: String)] = []

    /// The members of every family that stand first, as transformers writes them.
    var order: [String] {
        [
            "vocab_size", hiddenSize, feedForwardSize, blockCount, headCount,
            keyValueHeadCount ?? headCount, Self.headSize, activation, contextLength, normEpsilon,
        ]
    }

    static let activations: [(name: String, activation: Activation)] = [
        ("silu", .silu), ("swish", .silu), ("gelu", .gelu), ("gelu_python", .gelu),
        ("gelu_new", .geluTanh), ("gelu_fast", .geluTanh), ("gelu_accurate", .geluTanh),
        ("gelu_pytorch_tanh", .geluTanh), ("gelu_python_tanh", .geluTanh),
        ("relu2", .reluSquared),
    ]

    /// The sizes of transformers' class, which a file counts as having where it does not say; text decoders in multimodal
    /// folders are saved without them.
    ///
    /// - Parameter keyValueHeads: nil where it is as many as the file's heads.
    func sized(
        vocabulary: Int, width: Int, feedForward: Int?, blocks: Int, heads: Int,
        keyValueHeads: Int? = nil, context: Int
    ) -> ConfigFormat {
        var sizes = [
            "vocab_size": vocabulary, hiddenSize: width, blockCount: blocks, headCount: heads,
            contextLength: context,
        ]
        sizes[feedForwardSize] = feedForward
        if let keyValueHeadCount { sizes[keyValueHeadCount] = keyValueHeads }
        var changed = self
        changed.standard.merge(sizes.mapValues { .integer($0) }) { own, _ in own }
        return changed
    }

    /// The same with values of more keys that a file leaves out.
    func with(_ standard: [String: JSONValue]) -> ConfigFormat {
        var changed = self
        changed.standard.merge(standard) { _, new in new }
        return changed
    }

    /// LayerNorm, as the families before Llama have it.
    func withLayerNorm(_ epsilonKey: String = "layer_norm_eps") -> ConfigFormat {
        var changed = self
        changed.normEpsilon = epsilonKey
        changed.standard[epsilonKey] = .number(1e-5)
        return changed
    }
}

/// Typed look-ups in a `config.json`; null counts as absent, and only absent keys have a standard value.
struct ConfigKeys: NumberKeys {
    let config: JSONObject
    var standard: [String: JSONValue] = [:]
    let file: String

    func name(config: String, metadata: String) -> String { config }

    func full(_ key: String) -> String { key }

    /// The value read as one type, or nil where it is absent.
    private func value<Value>(
        _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(CheckpointError) -> Value? {
        guard let found = config[key] ?? standard[key], found != .null else { return nil }
        guard let value = read(found) else {
            throw .wrongValue(file: file, key: key, expected: expected)
        }
        return value
    }

    /// Whether the key has a value, be it the standard one.
    func isGiven(_ key: String) -> Bool {
        (config[key] ?? standard[key]).map { $0 != .null } ?? false
    }

    func integer(_ key: String) throws(CheckpointError) -> Int? {
        try value(key, "an integer") { $0.integer }
    }

    func number(_ key: String) throws(CheckpointError) -> Double? {
        try value(key, "a number") { $0.number ?? $0.floatByName }
    }

    func text(_ key: String) throws(CheckpointError) -> String? {
        try value(key, "a string") { $0.string }
    }

    func flag(_ key: String) throws(CheckpointError) -> Bool? {
        try value(key, "true or false") { $0.bool }
    }

    func object(_ key: String) throws(CheckpointError) -> JSONObject? {
        try value(key, "an object") { $0.object }
    }

    func texts(_ key: String) throws(CheckpointError) -> [String]? {
        try value(key, "an array of strings") { value in
            guard let items = value.array else { return nil }
            let texts = items.compactMap(\.string)
            return texts.count == items.count ? texts : nil
        }
    }

    func numbers(_ key: String) throws(CheckpointError) -> [Double]? {
        try value(key, "an array of numbers") { value in
            guard let items = value.array else { return nil }
            let numbers = items.compactMap(\.number)
            return numbers.count == items.count ? numbers : nil
        }
    }

    /// Refuses a switch that is not as rtedit needs it.
    func require(_ key: String, _ only: JSONValue) throws(CheckpointError) {
        guard let found = config[key], !Neutral.only([only]).allows(found) else { return }
        throw .unsupportedFeature(
            file: file,
            fact: "'\(key)' is \(Self.text(found)), but only \(Self.text(only)) is supported")
    }

    private static func text(_ value: JSONValue) -> String {
        String(decoding: JSONWriter().bytes(value), as: UTF8.self)
    }
}

extension JSONValue {
    /// A number that JSON has not, as transformers 5 writes it: `{"__float__": "Infinity"}`.
    fileprivate var floatByName: Double? {
        guard let object, object.members.count == 1, let name = object["__float__"]?.string else {
            return nil
        }
        return ["Infinity": .infinity, "-Infinity": -.infinity, "NaN": .nan][name]
    }
}
