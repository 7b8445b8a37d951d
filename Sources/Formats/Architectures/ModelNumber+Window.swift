/// How a family's files say which blocks have a window, and how those are rotated.
struct WindowKeys: Sendable {
    /// The switch of `config.json` without which a window does not count; nil where it always does.
    var flag: String?
    /// The member that numbers the first block with the window; nil where there is none.
    var firstBlock: String?
    /// Which blocks see all positions where a file does not say: every block of this number, counted from 1; 0 for none.
    var fullEvery = 0
    /// The member that says so; nil where there is none.
    var interval: String?
    /// Whether `layer_types` says of each block what it is.
    var hasLayerTypes = false
    var rope = Rope.ofModel
    /// Whether blocks that see all positions are not rotated where the files name a window.
    var rotatesOnlyWindows = false
    var runtime = Runtime.notRead

    /// How blocks with the window are rotated.
    enum Rope: Sendable {
        case ofModel
        /// By a base of their own, unscaled. llama.cpp takes this base without a key and applies the attention factor of the
        /// model's scaling (Gemma 3).
        case own(ConfigFormat, standard: Double)
        /// The same, and llama.cpp takes the model's base whatever the key says (OLMo 3).
        case unscaled(ConfigFormat, standard: Double)
    }

    /// What llama.cpp makes of a family's GGUF keys for the window.
    enum Runtime: Sendable {
        /// It does not read them, whatever a file says.
        case notRead
        /// It reads the size and computes no window all the same.
        case unused
        /// There is a window where the key is there and not 0.
        case optional
        /// The same; the converter always says which blocks have it.
        case listed
        /// There always is one, of this size where the key is missing.
        case always(standard: Int)
        /// There always is one, and the key says of which size.
        case required
        /// There is one in models of so many blocks only, of this size where the key is missing; the converter says of all
        /// models that have one which blocks have it.
        case atBlocks(Int, standard: Int)
    }

    static let sizeKey = "attention.sliding_window"
    static let patternKey = "attention.sliding_window_pattern"
    static let baseKey = "rope.freq_base_swa"

    /// The members of `config.json` that are read.
    var members: [String] {
        let types = hasLayerTypes ? "layer_types" : nil
        let named = ["sliding_window", flag, firstBlock, interval, types].compactMap(\.self)
        guard case .own = rope else { return named }
        return named + ["rope_local_base_freq", "_sliding_window_pattern"]
    }

    /// The GGUF keys that are read.
    var metadataKeys: [String] {
        switch runtime {
        case .notRead: []
        case .unused: [Self.sizeKey]
        case .optional, .listed, .always, .required, .atBlocks:
            [Self.sizeKey, Self.patternKey, Self.baseKey]
        }
    }

    /// Whether a block has the window where every block of a number sees all positions, counted from 1; 0 for none.
    private static func isWindowed(fullEvery: Int) -> (Int) -> Bool {
        { fullEvery == 0 || !($0 + 1).isMultiple(of: fullEvery) }
    }
}

extension ModelNumber {
    /// Attention that sees only the last positions, in some blocks or in all.
    static func window(_ window: WindowKeys) -> ModelNumber {
        Self.window.kept(
            ConfigPlace(
                members: window.members, read: { try window.read($0, &$1) },
                write: { window.write($0, &$1) }),
            MetadataPlace(
                keys: window.metadataKeys, read: { try window.read($0, &$1) },
                write: { numbers throws(CheckpointError) in window.entries(numbers) }))
    }
}

// MARK: - config.json

extension WindowKeys {
    /// The kinds of attention in `layer_types`.
    private enum Layer {
        static let windowed = "sliding_attention"
        static let full = "full_attention"
        /// The second name is the one that older files have.
        static let allFull = [full, "attention"]
    }

    fileprivate func read(_ keys: ConfigKeys, _ numbers: inout Hyperparameters) throws {
        if case .required = runtime { _ = try keys.required("sliding_window") }
        guard let size = try keys.integer("sliding_window"),
            try flag.map({ name in try keys.flag(name) ?? false }) ?? true
        else { return }
        try fill(
            &numbers, keys, size: size, rotation: rotation(keys, numbers.rope),
            windowed: windowed(keys, blocks: numbers.blockCount))
    }

    /// Fills in which blocks have a window.
    private func fill(
        _ numbers: inout Hyperparameters, _ keys: any NumberKeys, size: Int,
        rotation: BlockKind.Rotation, windowed: (Int) -> Bool
    ) throws {
        let full = rotatesOnlyWindows ? BlockKind(rotation: .none) : .plain
        try numbers.changeKinds(keys) { block, kind in
            kind = windowed(block) ? BlockKind(window: size, rotation: rotation) : full
        }
    }

    /// Which blocks `config.json` gives the window.
    private func windowed(_ keys: ConfigKeys, blocks: Int) throws -> (Int) -> Bool {
        if let layers = try layers(keys, blocks: blocks) { return { layers[$0] } }
        let every = try interval.flatMap { try keys.count($0) } ?? fullEvery
        return Self.isWindowed(fullEvery: every)
    }

    /// Which blocks have the window where `config.json` says so block by block, or nil.
    private func layers(_ keys: ConfigKeys, blocks: Int) throws -> [Bool]? {
        if hasLayerTypes, let types = try keys.texts("layer_types") {
            guard types.count == blocks else {
                throw CheckpointError.contradiction(
                    file: keys.file,
                    fact: "layer_types has \(types.count) entries for \(blocks) blocks")
            }
            return try types.map { type in
                guard type == Layer.windowed || Layer.allFull.contains(type) else {
                    throw CheckpointError.unsupportedFeature(
                        file: keys.file, fact: "attention of type '\(type)' is not supported")
                }
                return type == Layer.windowed
            }
        }
        guard let firstBlock, let first = try keys.integer(firstBlock) else { return nil }
        try keys.require(blocks, in: Hyperparameters.largestTable, "number of blocks")
        return (0..<blocks).map { $0 >= first }
    }

    /// How `config.json` rotates blocks with the window, whose frequencies must not be scaled where they have their own.
    private func rotation(
        _ keys: ConfigKeys, _ model: RopeParameters
    ) throws -> BlockKind.Rotation {
        let (format, standard): (ConfigFormat, Double)
        switch rope {
        case .ofModel: return .model
        case .own(let own, let base), .unscaled(let own, let base): (format, standard) = (own, base)
        }
        let local = try keys.ropeParameters(format, kind: Layer.windowed)
        for key in ["rope_type", "type"] { try local.require(key, .string("default")) }
        try local.require("partial_rotary_factor", .number(1))
        var base = try local.number("rope_theta")
        if case .own = rope { base = try base ?? keys.number("rope_local_base_freq") }
        return .unscaled(base: base ?? standard, beside: model)
    }

    fileprivate func write(_ numbers: Hyperparameters, _ config: inout JSONObject) {
        let size = numbers.shortestWindow ?? numbers.unusedWindow
        config["sliding_window"] = size.map { .integer($0) } ?? .null
        let windowed = numbers.windowed
        if let flag { config[flag] = .bool(windowed.contains(true)) }
        guard hasLayerTypes, fullEvery > 0 || windowed.contains(true) else { return }
        config["layer_types"] = .array(
            windowed.map { .string($0 ? Layer.windowed : Layer.full) })
        guard let first = windowed.firstIndex(of: true),
            let base = numbers.rope(ofBlock: first)?.base
        else { return }
        switch rope {
        case .ofModel: break
        case .own: config["rope_local_base_freq"] = .number(base)
        case .unscaled(_, let standard) where base == standard: break
        case .unscaled:
            // Of the others, the older members say more.
            let kind = JSONObject.Member("rope_type", .string("default"))
            config["rope_parameters"] = .object(
                JSONObject([
                    .init(Layer.full, .object(JSONObject([kind]))),
                    .init(
                        Layer.windowed,
                        .object(JSONObject([kind, .init("rope_theta", .number(base))]))),
                ]))
        }
    }
}

// MARK: - GGUF

extension WindowKeys {
    fileprivate func read(_ keys: GGUFKeys, _ numbers: inout Hyperparameters) throws {
        var size: Int?
        switch runtime {
        case .notRead: return
        case .unused:
            numbers.unusedWindow = try keys.nonZero(Self.sizeKey)
            return
        case .optional, .listed: size = try keys.nonZero(Self.sizeKey)
        case .always(let standard): size = try keys.integer(Self.sizeKey) ?? standard
        case .required: size = try keys.required(Self.sizeKey)
        case .atBlocks(let count, let standard):
            guard numbers.blockCount == count else { return }
            size = try keys.integer(Self.sizeKey) ?? standard
        }
        guard let size else { return }
        try fill(
            &numbers, keys, size: size, rotation: rotation(keys, numbers.rope),
            windowed: pattern(keys, blocks: numbers.blockCount))
        guard numbers.shortestWindow != nil else { return }
        for key in ["attention.key_length_swa", "attention.value_length_swa"] {
            try keys.require(key, .only([.integer(numbers.headSize)]))
        }
        try keys.require(
            "rope.dimension_count_swa", .only([.integer(numbers.rope.dimensions)]))
    }

    /// Which blocks have the window: by a number, a list with a boolean for each block, or the family's own rule.
    private func pattern(_ keys: GGUFKeys, blocks: Int) throws -> (Int) -> Bool {
        let key = Self.patternKey
        guard fullEvery > 0, keys.metadata[keys.full(key)] != nil else {
            return Self.isWindowed(fullEvery: fullEvery)
        }
        guard let listed = keys.flags(key) else {
            return Self.isWindowed(fullEvery: try keys.count(key) ?? fullEvery)
        }
        guard listed.count == blocks else {
            throw CheckpointError.contradiction(
                file: keys.file,
                fact: "\(keys.full(key)) has \(listed.count) entries for \(blocks) blocks")
        }
        return { listed[$0] }
    }

    /// How llama.cpp rotates blocks with the window; what it computes and rtedit does not is refused.
    private func rotation(
        _ keys: GGUFKeys, _ model: RopeParameters
    ) throws -> BlockKind.Rotation {
        switch rope {
        case .ofModel:
            // The same base and scaling, unless the file gives them others.
            try keys.require(Self.baseKey, .only([.number(model.base)]))
            if try keys.text("rope.scaling.type") == "none" {
                try keys.require("rope.scaling.factor", .only([.integer(0), .integer(1)]))
            }
            return .model
        case .own(_, let standard):
            try keys.require("rope.scaling.attn_factor", .one)
            return .unscaled(base: try keys.number(Self.baseKey) ?? standard, beside: model)
        case .unscaled: return .unscaled(base: model.base, beside: model)
        }
    }

    fileprivate func entries(_ numbers: Hyperparameters) -> [ModelNumber.MetadataPlace.Entry] {
        let size = numbers.shortestWindow
        switch runtime {
        case .notRead: return []
        case .unused: return [(Self.sizeKey, .count(size ?? 0))]
        case .optional, .listed, .atBlocks: if size == nil { return [] }
        case .always, .required: break
        }
        let windowed = numbers.windowed
        var entries = size.map { [(Self.sizeKey, GGUFValue.count($0))] } ?? []
        var isListed =
            windowed != windowed.indices.map(Self.isWindowed(fullEvery: fullEvery))
        switch runtime {
        case .listed, .atBlocks: isListed = true
        default: break
        }
        if isListed { entries.append((Self.patternKey, .array(.bool(windowed)))) }
        if case .ofModel = rope { return entries }
        if let base = windowed.firstIndex(of: true).flatMap(numbers.rope(ofBlock:))?.base {
            entries.append((Self.baseKey, .f32(Float(base))))
        }
        return entries
    }
}

extension BlockKind.Rotation {
    /// Rotation by an unscaled base in a model with this rotary embedding.
    fileprivate static func unscaled(base: Double, beside model: RopeParameters) -> Self {
        let own = RopeParameters(base: base, dimensions: model.dimensions)
        return own == model ? .model : .own(own)
    }
}
