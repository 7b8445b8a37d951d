/// What Gemma 4's files say of its blocks.
///
/// The model's own heads, rotary embedding and key/value heads are those of the blocks that see all positions, as in GGUF files;
/// blocks with the window have others.
extension ModelNumber {
    // MARK: - Sizes of the model

    static let gemma4FeedForward = {
        let (key, metadataKey) = ("intermediate_size", "feed_forward_length")
        var number = ModelNumber("feed-forward width") { "\($0.feedForwardSize)" }
        number.config = ConfigPlace(
            members: [key],
            read: { keys, numbers in numbers.feedForwardSize = try keys.required(key) },
            write: { numbers, config in config[key] = .integer(numbers.feedForwardSize) })
        number.metadata = MetadataPlace(
            keys: [metadataKey],
            read: { keys, numbers in
                let widths = try keys.requiredList(metadataKey, blocks: numbers.blockCount)
                numbers.feedForwardSize = widths.first ?? 0
            },
            write: { numbers throws(CheckpointError) in
                [(metadataKey, .ofBlocks(numbers) { $0.feedForwardSize })]
            })
        number.check = { numbers, keys throws(CheckpointError) in
            try keys.require(
                numbers.feedForwardSize, keys.name(config: key, metadata: metadataKey))
        }
        return number
    }()

    static let gemma4KeyValueHeads = {
        let (key, metadataKey) = ("num_key_value_heads", "attention.head_count_kv")
        var number = ModelNumber("key/value heads") { "\($0.keyValueHeadCount)" }
        number.config = ConfigPlace(
            members: [key, ConfigTable.globalHeads],
            read: { keys, numbers in
                numbers.keyValueHeadCount = try ConfigTable(keys, numbers).full.keyValueHeads
            },
            write: { numbers, config in
                let own = numbers.windowedSizes?.keyValueHeadCount
                config[key] = .integer(own ?? numbers.keyValueHeadCount)
                config[ConfigTable.globalHeads] =
                    own == nil || own == numbers.keyValueHeadCount
                    ? .null : .integer(numbers.keyValueHeadCount)
            })
        number.metadata = MetadataPlace(
            keys: [metadataKey],
            read: { keys, numbers in
                let heads = try keys.requiredList(metadataKey, blocks: numbers.blockCount)
                let windowed = try keys.windowedBlocks(numbers.blockCount)
                let full = windowed.firstIndex(of: false) ?? 0
                numbers.keyValueHeadCount = heads[full]
            },
            write: { numbers throws(CheckpointError) in
                [(metadataKey, .ofBlocks(numbers) { $0.keyValueHeadCount })]
            })
        number.check = { numbers, keys throws(CheckpointError) in
            try keys.require(
                numbers.keyValueHeadCount, keys.name(config: key, metadata: metadataKey))
        }
        return number
    }()

    static let gemma4HeadSize = {
        let (key, valueKey) = ("attention.key_length", "attention.value_length")
        var number = ModelNumber("head width") { "\($0.headSize)" }
        number.config = ConfigPlace(
            members: [ConfigFormat.headSize, ConfigTable.globalWidth, ConfigTable.overrides],
            read: { keys, numbers in
                numbers.headSize = try ConfigTable(keys, numbers).full.headSize
            },
            write: { numbers, config in
                let own = numbers.windowedSizes?.headSize ?? numbers.headSize
                config[ConfigFormat.headSize] = .integer(own)
                config[ConfigTable.globalWidth] = .integer(numbers.headSize)
            })
        number.metadata = MetadataPlace(
            keys: [key, valueKey],
            read: { keys, numbers in
                let standard = numbers.hiddenSize / max(numbers.headCount, 1)
                numbers.headSize = try keys.integer(key) ?? standard
                try keys.require(valueKey, .only([.integer(numbers.headSize)]))
            },
            write: { numbers throws(CheckpointError) in
                [(key, .count(numbers.headSize)), (valueKey, .count(numbers.headSize))]
            })
        number.check = { numbers, keys throws(CheckpointError) in
            let name = keys.name(config: ConfigTable.globalWidth, metadata: key)
            try keys.require(numbers.headSize, name)
        }
        return number
    }()

    // MARK: - What blocks have of their own

    /// Head widths, key/value heads and feed-forward widths.
    static let gemma4BlockSizes = {
        let (key, valueKey) = ("attention.key_length_swa", "attention.value_length_swa")
        return blockSizes.kept(
            ConfigPlace(read: { keys, numbers in
                let table = try ConfigTable(keys, numbers)
                let widens = try keys.flag(ConfigTable.widens) ?? false
                let (product, overflow) = numbers.feedForwardSize.multipliedReportingOverflow(by: 2)
                let wide = overflow ? 0 : product
                let (heads, width) = (numbers.keyValueHeadCount, numbers.headSize)
                try numbers.changeKinds(keys) { block, kind in
                    let own = table.windowed[block] ? table.window : table.full
                    kind.headSize = own.headSize == width ? nil : own.headSize
                    kind.keyValueHeadCount = own.keyValueHeads == heads ? nil : own.keyValueHeads
                    kind.feedForwardSize = widens && block >= table.firstShared ? wide : nil
                }
            }),
            MetadataPlace(
                keys: [key, valueKey],
                read: { keys, numbers in
                    let blocks = numbers.blockCount
                    let windowed = try keys.windowedBlocks(blocks)
                    let heads = try keys.requiredList("attention.head_count_kv", blocks: blocks)
                    let widths = try keys.requiredList("feed_forward_length", blocks: blocks)
                    let width = try keys.required(key)
                    try keys.require(valueKey, .only([.integer(width)]))
                    let model = numbers
                    try numbers.changeKinds(keys) { block, kind in
                        let own = windowed[block] ? width : model.headSize
                        kind.headSize = own == model.headSize ? nil : own
                        kind.keyValueHeadCount =
                            heads[block] == model.keyValueHeadCount ? nil : heads[block]
                        kind.feedForwardSize =
                            widths[block] == model.feedForwardSize ? nil : widths[block]
                    }
                },
                write: { numbers throws(CheckpointError) in
                    let width = GGUFValue.count(
                        numbers.windowedSizes?.headSize ?? numbers.headSize)
                    return [(key, width), (valueKey, width)]
                }))
    }()

    /// The window, and how blocks with it are rotated.
    static func gemma4Windows(_ format: ConfigFormat) -> ModelNumber {
        let dimensionsKey = "rope.dimension_count_swa"
        return window.kept(
            ConfigPlace(
                members: ["sliding_window", ConfigTable.types],
                read: { keys, numbers in
                    let size = try keys.required("sliding_window")
                    let table = try ConfigTable(keys, numbers)
                    let rope = try keys.windowRope(format, headSize: table.window.headSize)
                    try numbers.changeKinds(keys) { block, kind in
                        guard table.windowed[block] else { return }
                        (kind.window, kind.rotation) = (size, .own(rope))
                    }
                },
                write: { numbers, config in
                    config["sliding_window"] = numbers.shortestWindow.map { .integer($0) } ?? .null
                    config[ConfigTable.types] = .array(
                        numbers.windowed.map { .string($0 ? LayerType.windowed : LayerType.full) })
                }),
            MetadataPlace(
                keys: [
                    WindowKeys.sizeKey, WindowKeys.patternKey, WindowKeys.baseKey, dimensionsKey,
                ],
                read: { keys, numbers in
                    let size = try keys.required(WindowKeys.sizeKey)
                    let windowed = try keys.windowedBlocks(numbers.blockCount)
                    let rope = RopeParameters(
                        base: try keys.number(WindowKeys.baseKey) ?? 10_000,
                        dimensions: try keys.integer(dimensionsKey) ?? numbers.rope.dimensions)
                    try numbers.changeKinds(keys) { block, kind in
                        guard windowed[block] else { return }
                        (kind.window, kind.rotation) = (size, .own(rope))
                    }
                },
                write: { numbers throws(CheckpointError) in
                    let first = numbers.windowed.firstIndex(of: true)
                    guard let window = numbers.shortestWindow, let first,
                        let rope = numbers.rope(ofBlock: first)
                    else {
                        throw .cannotExpress(
                            fact: "a GGUF file of architecture 'gemma4' needs a block with a window"
                        )
                    }
                    return [
                        (WindowKeys.sizeKey, .count(window)),
                        (WindowKeys.patternKey, .array(.bool(numbers.windowed))),
                        (WindowKeys.baseKey, .f32(Float(rope.base))),
                        (dimensionsKey, .count(rope.dimensions)),
                    ]
                }))
    }

    /// Values that are keys, and the last blocks, which read keys and values of earlier ones.
    static let gemma4Sharing = {
        let key = "attention.shared_kv_layers"
        return sharedKeys.kept(
            ConfigPlace(
                members: [ConfigTable.shared, ConfigTable.widens, ConfigTable.valuesAreKeys],
                read: { keys, numbers in
                    let table = try ConfigTable(keys, numbers)
                    let valuesAreKeys = try keys.flag(ConfigTable.valuesAreKeys) ?? false
                    try numbers.changeKinds(keys) { block, kind in
                        guard block >= table.firstShared else {
                            kind.valuesAreKeys = valuesAreKeys && !table.windowed[block]
                            return
                        }
                        kind.keySource = table.windowed[..<table.firstShared].lastIndex(
                            of: table.windowed[block])
                        guard kind.keySource != nil else {
                            throw keys.withoutKeys(block, ConfigTable.shared, of: table.sharing)
                        }
                    }
                },
                write: { numbers, config in
                    let kinds = numbers.blockKinds
                    config[ConfigTable.shared] = .integer(kinds.count { $0.keySource != nil })
                    config[ConfigTable.widens] = .bool(
                        kinds.contains { $0.feedForwardSize != nil })
                    config[ConfigTable.valuesAreKeys] = .bool(
                        kinds.contains(where: \.valuesAreKeys))
                }),
            MetadataPlace(
                keys: [key],
                read: { keys, numbers in
                    let count = try keys.count(key) ?? 0
                    let firstShared = numbers.blockCount - count
                    let windowed = try keys.windowedBlocks(numbers.blockCount)
                    try numbers.changeKinds(keys) { block, kind in
                        guard block >= firstShared else {
                            kind.valuesAreKeys = keys.tensors.blocksWithoutValues.contains(block)
                            return
                        }
                        // So llama.cpp has it, whatever stands there.
                        let source = firstShared - (windowed[block] ? 2 : 1)
                        guard source >= 0, windowed[source] == windowed[block] else {
                            throw keys.withoutKeys(block, keys.full(key), of: count)
                        }
                        kind.keySource = source
                    }
                },
                write: { numbers throws(CheckpointError) in
                    [(key, .count(numbers.blockKinds.count { $0.keySource != nil }))]
                }))
    }()

    // MARK: - What the whole model has

    /// Blocks that see all positions turn the first pairs of a head's halves and leave the others.
    static func gemma4Rope(_ format: ConfigFormat) -> ModelNumber {
        var number = rope(format, .rotary)
        let place = number.metadata
        number.config = ConfigPlace(
            members: ["rope_parameters"],
            read: { keys, numbers in
                numbers.rope = try keys.proportionalRope(format, headSize: numbers.headSize)
            },
            write: { numbers, config in config["rope_parameters"] = numbers.sortedRope })
        number.metadata.read = { keys, numbers in
            try place.read(keys, &numbers)
            guard case .divisors = numbers.rope.scaling else {
                throw CheckpointError.missingTensor(file: keys.file, name: "rope_freqs.weight")
            }
        }
        return number
    }

    /// Scores are not scaled: queries and keys are normed.
    static let unscaledAttention = attentionScale.kept(
        ConfigPlace(read: { _, numbers in numbers.attentionScale = 1 }),
        MetadataPlace(read: { _, numbers in numbers.attentionScale = 1 }))

    /// The width of what each block reads beside the stream.
    ///
    /// - Parameter isInConfig: whether the family's configuration has it; else there is none.
    static func gemma4PerLayerInputs(isInConfig: Bool) -> ModelNumber {
        let (key, rowsKey) = ("hidden_size_per_layer_input", "vocab_size_per_layer_input")
        let metadataKey = "embedding_length_per_layer_input"
        let config = ConfigPlace(
            members: [key, rowsKey],
            read: { keys, numbers in
                guard let size = try keys.integer(key), size != 0 else { return }
                numbers.perLayerInputSize = size
                let rows = try keys.required(rowsKey)
                guard rows == numbers.vocabularySize else {
                    throw CheckpointError.contradiction(
                        file: keys.file,
                        fact: "\(rowsKey) is \(rows), but vocab_size is \(numbers.vocabularySize)")
                }
            },
            write: { numbers, config in
                config[key] = .integer(numbers.perLayerInputSize ?? 0)
                config[rowsKey] = .integer(numbers.vocabularySize)
            })
        return perLayerInputs.kept(
            isInConfig ? config : ConfigPlace(),
            MetadataPlace(
                keys: [metadataKey],
                read: { keys, numbers in
                    let size = try keys.required(metadataKey)
                    numbers.perLayerInputSize = size == 0 ? nil : size
                },
                write: { numbers throws(CheckpointError) in
                    [(metadataKey, .count(numbers.perLayerInputSize ?? 0))]
                }))
    }
}

extension Hyperparameters {
    /// The sizes of a block with the window; nil where there is none.
    fileprivate var windowedSizes: BlockSizes? {
        windowed.firstIndex(of: true).map(sizes(ofBlock:))
    }

    /// Rotary parameters sorted by the kind of attention.
    fileprivate var sortedRope: JSONValue {
        let turned = rope.scaling.turnedPairs ?? rope.dimensions / 2
        let windows = windowed.firstIndex(of: true).flatMap(rope(ofBlock:))
        return .record(
            (
                LayerType.full,
                .record(
                    ("partial_rotary_factor", .number(Double(2 * turned) / Double(headSize))),
                    ("rope_theta", .number(rope.base)), ("rope_type", .string("proportional")))
            ),
            (
                LayerType.windowed,
                .record(
                    ("rope_theta", .number(windows?.base ?? 10_000)),
                    ("rope_type", .string("default")))
            ))
    }
}

/// The kinds of attention in `layer_types`.
private enum LayerType {
    static let windowed = "sliding_attention"
    static let full = "full_attention"
}

/// The table of blocks as a `config.json` has it, older ones by two numbers for all blocks that see all positions, newer ones by
/// what is other in each.
private struct ConfigTable {
    static let types = "layer_types"
    static let overrides = "per_layer_config"
    static let globalWidth = "global_head_dim"
    static let globalHeads = "num_global_key_value_heads"
    static let shared = "num_kv_shared_layers"
    static let widens = "use_double_wide_mlp"
    static let valuesAreKeys = "attention_k_eq_v"
    private static let heads = "num_key_value_heads"

    struct Sizes: Equatable {
        var headSize: Int
        var keyValueHeads: Int
    }

    /// Whether each block has the window.
    let windowed: [Bool]
    /// Of blocks that see all positions.
    let full: Sizes
    let window: Sizes
    /// The first block that reads another's keys and values.
    let firstShared: Int

    /// How many do.
    var sharing: Int { windowed.count - firstShared }

    /// - Throws: `CheckpointError` for lists of another length and blocks that differ where they may not.
    init(_ keys: ConfigKeys, _ numbers: Hyperparameters) throws {
        let blocks = numbers.blockCount
        windowed = try Self.windowed(keys, blocks: blocks)
        let count = try keys.count(Self.shared) ?? 0
        try keys.require(blocks - count, in: blocks, "blocks without those of '\(Self.shared)'")
        firstShared = blocks - count
        let plain = Sizes(
            headSize: try keys.required(ConfigFormat.headSize),
            keyValueHeads: try keys.required(Self.heads))
        guard let listed = try keys.object(Self.overrides) else {
            window = plain
            let valuesAreKeys = try keys.flag(Self.valuesAreKeys) ?? false
            full = Sizes(
                headSize: try keys.required(Self.globalWidth),
                keyValueHeads: try valuesAreKeys
                    ? keys.integer(Self.globalHeads) ?? plain.keyValueHeads : plain.keyValueHeads)
            return
        }
        let sizes = try Self.sizes(listed, plain, blocks: blocks, file: keys.file)
        let windowed = windowed
        func shared(by isWindowed: Bool) throws -> Sizes {
            let alike = windowed.indices.filter { windowed[$0] == isWindowed }
            let first = alike.first.map { sizes[$0] } ?? plain
            guard let other = alike.first(where: { sizes[$0] != first }) else { return first }
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact:
                    "\(Self.overrides): block \(other) has \(sizes[other].keyValueHeads) key/value heads "
                    + "of \(sizes[other].headSize) and block \(alike[0]) \(first.keyValueHeads) of "
                    + "\(first.headSize); blocks of one kind of attention must be alike")
        }
        (full, window) = (try shared(by: false), try shared(by: true))
    }

    /// Every sixth block sees all positions where the file does not say, and the last whatever it says.
    private static func windowed(_ keys: ConfigKeys, blocks: Int) throws -> [Bool] {
        try keys.require(blocks, in: Hyperparameters.largestTable, "number of blocks")
        var windowed = (0..<blocks).map { !($0 + 1).isMultiple(of: 6) }
        if let types = try keys.texts(Self.types) {
            guard types.count == blocks else {
                throw CheckpointError.contradiction(
                    file: keys.file,
                    fact: "\(Self.types) has \(types.count) entries for \(blocks) blocks")
            }
            windowed = try types.map { type in
                guard [LayerType.windowed, LayerType.full].contains(type) else {
                    throw CheckpointError.unsupportedFeature(
                        file: keys.file, fact: "attention of type '\(type)' is not supported")
                }
                return type == LayerType.windowed
            }
        }
        windowed[blocks - 1] = false
        return windowed
    }

    private static func sizes(
        _ overrides: JSONObject, _ plain: Sizes, blocks: Int, file: String
    ) throws -> [Sizes] {
        var sizes = [Sizes](repeating: plain, count: blocks)
        for member in overrides.members {
            guard let block = Int(member.key), sizes.indices.contains(block),
                let own = member.value.object
            else {
                throw CheckpointError.contradiction(
                    file: file,
                    fact: "\(Self.overrides) has an entry '\(member.key)' for \(blocks) blocks")
            }
            let known = [ConfigFormat.headSize, heads]
            if let other = own.members.first(where: { !known.contains($0.key) }) {
                throw CheckpointError.unsupportedFeature(
                    file: file,
                    fact: "\(Self.overrides): block \(block) has a '\(other.key)' of its own, "
                        + "which is not supported")
            }
            let keys = ConfigKeys(config: own, file: file)
            sizes[block].headSize = try keys.integer(ConfigFormat.headSize) ?? plain.headSize
            sizes[block].keyValueHeads = try keys.integer(heads) ?? plain.keyValueHeads
        }
        return sizes
    }
}

extension ConfigKeys {
    /// Rotation of the first pairs of a head's halves, which divisors say: 1 for those, and for the others one that stops them.
    fileprivate func proportionalRope(
        _ format: ConfigFormat, headSize: Int
    ) throws -> RopeParameters {
        let rope = try ropeParameters(format, kind: LayerType.full)
        try rope.require("rope_type", .string("proportional"))
        try rope.require("factor", .number(1))
        let share = try rope.number("partial_rotary_factor") ?? 1
        guard share >= 0, share <= 1 else {
            throw CheckpointError.outOfRange(
                file: file, key: "partial_rotary_factor", value: "\(share)", range: "0…1")
        }
        let pairs = headSize / 2
        let turned = Int(share * Double(headSize) / 2)
        return RopeParameters(
            base: try rope.requiredNumber("rope_theta"), dimensions: headSize,
            scaling: .divisors(
                (0..<pairs).map { $0 < turned ? 1 : RopeParameters.Scaling.stop }))
    }

    fileprivate func windowRope(_ format: ConfigFormat, headSize: Int) throws -> RopeParameters {
        let rope = try ropeParameters(format, kind: LayerType.windowed)
        try rope.require("rope_type", .string("default"))
        try rope.require("partial_rotary_factor", .number(1))
        return RopeParameters(base: try rope.requiredNumber("rope_theta"), dimensions: headSize)
    }
}

extension NumberKeys {
    fileprivate func withoutKeys(_ block: Int, _ key: String, of count: Int) -> CheckpointError {
        .unsupportedFeature(
            file: file,
            fact:
                "'\(key)' is \(count), but block \(block) finds no block of its kind of attention "
                + "whose keys and values it could read")
    }
}

extension GGUFKeys {
    /// A number of each block: one for all, or a list.
    fileprivate func requiredList(
        _ key: String, blocks: Int
    ) throws(CheckpointError) -> [Int] {
        try require(blocks, in: Hyperparameters.largestTable, "number of blocks")
        guard case .array(let array) = metadata[full(key)] else {
            return [Int](repeating: try required(key), count: blocks)
        }
        guard let list = array.integers else {
            throw .wrongValue(file: file, key: full(key), expected: "an integer or integers")
        }
        guard list.count == blocks else {
            throw .contradiction(
                file: file, fact: "\(full(key)) has \(list.count) entries for \(blocks) blocks")
        }
        return list
    }

    /// Whether each block has the window.
    fileprivate func windowedBlocks(_ blocks: Int) throws(CheckpointError) -> [Bool] {
        guard let flags = flags(WindowKeys.patternKey) else {
            throw .missingKey(file: file, key: full(WindowKeys.patternKey))
        }
        guard flags.count == blocks else {
            throw .contradiction(
                file: file,
                fact:
                    "\(full(WindowKeys.patternKey)) has \(flags.count) entries for \(blocks) blocks"
            )
        }
        return flags
    }
}

extension GGUFValue {
    /// A size: one for all blocks, or a list where they have their own.
    fileprivate static func ofBlocks(
        _ numbers: Hyperparameters, _ size: (BlockSizes) -> Int
    ) -> GGUFValue {
        let sizes = (0..<numbers.blockCount).map { size(numbers.sizes(ofBlock: $0)) }
        guard let first = sizes.first, sizes.contains(where: { $0 != first }) else {
            return .count(sizes.first ?? 0)
        }
        return .array(.i32(sizes.map { Int32(clamping: $0) }))
    }
}
