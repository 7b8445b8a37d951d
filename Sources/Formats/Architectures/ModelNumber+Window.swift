/// Windows, and which blocks have them.
extension ModelNumber {
    /// Attention that sees only the last positions.
    ///
    /// - Parameters:
    ///   - flag: the switch of `config.json` without which a window does not count; nil where it always does.
    ///   - firstBlock: the key of the first block that has the window; nil where all have it.
    ///   - globalEvery: which blocks see all positions where the files do not say.
    ///   - pattern: the key of that interval; nil where there is none.
    ///   - hasLayerTypes: whether `layer_types` says which blocks have the window.
    ///   - localRope: the format of the family whose blocks with the window have rotary parameters of their own.
    ///   - metadata: what llama.cpp makes of the GGUF keys.
    static func window(
        flag: String? = nil, firstBlock: String? = nil, globalEvery: Int = 0,
        pattern: String? = nil, hasLayerTypes: Bool = false, localRope: ConfigFormat? = nil,
        metadata runtime: WindowMetadata = .notRead
    ) -> ModelNumber {
        let key = "sliding_window"
        let types = hasLayerTypes ? "layer_types" : nil
        let config = ConfigPlace(
            members: [key, flag, firstBlock, pattern, types].compactMap(\.self)
                + (localRope == nil ? [] : ["rope_local_base_freq", "_sliding_window_pattern"]),
            read: { keys, numbers in
                guard let size = try keys.integer(key),
                    try flag.map({ name in try keys.flag(name) ?? false }) ?? true
                else { return }
                let pattern = try pattern.flatMap { try keys.integer($0) } ?? globalEvery
                let layers = try layers(
                    keys, numbers, hasTypes: hasLayerTypes, firstBlock: firstBlock)
                guard
                    let every = try globalInterval(
                        layers, blocks: numbers.blockCount, preferred: pattern, file: keys.file)
                else { return }
                numbers.window = SlidingWindow(
                    size: size, globalEvery: every,
                    ropeBase: try localRope.map { try localBase(keys, $0) })
            },
            write: { numbers, config in
                let size = numbers.window?.size ?? numbers.unusedWindow
                config[key] = size.map { .integer($0) } ?? .null
                if let flag { config[flag] = .bool(numbers.window != nil) }
                guard let window = numbers.window, globalEvery > 0 else { return }
                config["layer_types"] = .array(
                    (0..<numbers.blockCount).map { block in
                        .string(window.covers(block: block) ? Layer.windowed : Layer.full)
                    })
                if let base = window.ropeBase { config["rope_local_base_freq"] = .number(base) }
            })
        let sizeKey = WindowMetadata.sizeKey
        let metadata = MetadataPlace(
            keys: runtime.keys,
            read: { keys, numbers in
                var size: Int?
                switch runtime {
                case .notRead: return
                case .unused:
                    numbers.unusedWindow = try keys.nonZero(sizeKey)
                    return
                case .optional: size = try keys.nonZero(sizeKey)
                case .always(let standard): size = try keys.integer(sizeKey) ?? standard
                }
                guard let size,
                    let every = try globalInterval(
                        keys, blocks: numbers.blockCount, standard: globalEvery)
                else { return }
                let base = try keys.number("rope.freq_base_swa")
                numbers.window = SlidingWindow(
                    size: size, globalEvery: every,
                    ropeBase: localRope == nil ? nil : base ?? 10_000)
            },
            write: { numbers throws(CheckpointError) in
                let size =
                    switch runtime {
                    case .notRead: Int?.none
                    case .unused: numbers.window?.size ?? 0
                    case .optional, .always: numbers.window?.size
                    }
                return (size.map { [(sizeKey, .count($0))] } ?? [])
                    + (numbers.window?.ropeBase.map { [("rope.freq_base_swa", .f32(Float($0)))] }
                        ?? [])
            })
        return window.kept(config, metadata)
    }

    /// What llama.cpp makes of a family's GGUF keys for the window.
    enum WindowMetadata {
        /// It does not read them, whatever a file says.
        case notRead
        /// It reads the size and computes no window all the same.
        case unused
        /// There is a window where the key is there and not 0.
        case optional
        /// There always is one, of this size where the key is missing.
        case always(standard: Int)

        static let sizeKey = "attention.sliding_window"

        var keys: [String] {
            switch self {
            case .notRead: []
            case .unused: [Self.sizeKey]
            case .optional, .always:
                [Self.sizeKey, "attention.sliding_window_pattern", "rope.freq_base_swa"]
            }
        }
    }

    /// The kinds of attention in `layer_types`.
    private enum Layer {
        static let windowed = "sliding_attention"
        static let full = "full_attention"
        /// The second name is the one that older files have.
        static let allFull = [full, "attention"]
    }

    /// Which blocks have the window where `config.json` says so block by block, or nil.
    private static func layers(
        _ keys: ConfigKeys, _ numbers: Hyperparameters, hasTypes: Bool, firstBlock: String?
    ) throws -> [Bool]? {
        if hasTypes, let types = try keys.texts("layer_types") {
            guard types.count == numbers.blockCount else {
                throw CheckpointError.contradiction(
                    file: keys.file,
                    fact: "layer_types has \(types.count) entries for \(numbers.blockCount) blocks")
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
        return (0..<numbers.blockCount).map { $0 >= first }
    }

    /// The interval as a GGUF file has it: a number, a list with a boolean for each block, or the family's own.
    private static func globalInterval(
        _ keys: GGUFKeys, blocks: Int, standard: Int
    ) throws -> Int? {
        let key = "attention.sliding_window_pattern"
        guard standard > 0, keys.metadata[keys.full(key)] != nil else { return standard }
        guard let layers = keys.flags(key) else {
            let interval = try keys.integer(key)
            return interval == 1 ? nil : interval
        }
        guard layers.count == blocks else {
            throw CheckpointError.contradiction(
                file: keys.file,
                fact: "\(keys.full(key)) has \(layers.count) entries for \(blocks) blocks")
        }
        return try globalInterval(layers, blocks: blocks, preferred: standard, file: keys.file)
    }

    /// The interval of blocks that see all positions, 0 where none does, nil where all do.
    private static func globalInterval(
        _ layers: [Bool]?, blocks: Int, preferred: Int, file: String
    ) throws -> Int? {
        guard let layers else { return preferred == 1 ? nil : preferred }
        guard layers.contains(true) else { return nil }
        let firstGlobal = layers.firstIndex(of: false).map { $0 + 1 } ?? 0
        for interval in [preferred, firstGlobal] {
            let pattern = SlidingWindow(size: 1, globalEvery: interval)
            if layers.indices.allSatisfy({ pattern.covers(block: $0) == layers[$0] }) {
                return interval
            }
        }
        throw CheckpointError.unsupportedFeature(
            file: file,
            fact: "blocks with a sliding window that follow no regular pattern are not supported")
    }

    /// The rotary base of blocks with a window; their frequencies must not be scaled.
    private static func localBase(_ keys: ConfigKeys, _ format: ConfigFormat) throws -> Double {
        let local = try keys.ropeParameters(format, kind: Layer.windowed)
        for key in ["rope_type", "type"] { try local.require(key, .string("default")) }
        try local.require("partial_rotary_factor", .number(1))
        return try local.number("rope_theta") ?? keys.number("rope_local_base_freq") ?? 10_000
    }
}
