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
                let widths = try keys.requiredIntegers(metadataKey, blocks: numbers.blockCount)
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
            members: [key, Gemma4ConfigTable.globalHeads],
            read: { keys, numbers in
                numbers.keyValueHeadCount = try Gemma4ConfigTable(keys, numbers).full.keyValueHeads
            },
            write: { numbers, config in
                let own = numbers.windowedSizes?.keyValueHeadCount
                config[key] = .integer(own ?? numbers.keyValueHeadCount)
                config[Gemma4ConfigTable.globalHeads] =
                    own == nil || own == numbers.keyValueHeadCount
                    ? .null : .integer(numbers.keyValueHeadCount)
            })
        number.metadata = MetadataPlace(
            keys: [metadataKey],
            read: { keys, numbers in
                let heads = try keys.requiredIntegers(metadataKey, blocks: numbers.blockCount)
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
            members: [
                ConfigFormat.headSize, Gemma4ConfigTable.globalWidth, Gemma4ConfigTable.overrides,
            ],
            read: { keys, numbers in
                numbers.headSize = try Gemma4ConfigTable(keys, numbers).full.headSize
            },
            write: { numbers, config in
                let own = numbers.windowedSizes?.headSize ?? numbers.headSize
                config[ConfigFormat.headSize] = .integer(own)
                config[Gemma4ConfigTable.globalWidth] = .integer(numbers.headSize)
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
            let name = keys.name(config: Gemma4ConfigTable.globalWidth, metadata: key)
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
                let table = try Gemma4ConfigTable(keys, numbers)
                let widens = try keys.flag(Gemma4ConfigTable.widens) ?? false
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
                    let heads = try keys.requiredIntegers("attention.head_count_kv", blocks: blocks)
                    let widths = try keys.requiredIntegers("feed_forward_length", blocks: blocks)
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
                members: ["sliding_window", Gemma4ConfigTable.types],
                read: { keys, numbers in
                    let size = try keys.required("sliding_window")
                    let table = try Gemma4ConfigTable(keys, numbers)
                    let rope = try keys.windowRope(format, headSize: table.window.headSize)
                    try numbers.changeKinds(keys) { block, kind in
                        guard table.windowed[block] else { return }
                        (kind.window, kind.rotation) = (size, .own(rope))
                    }
                },
                write: { numbers, config in
                    config["sliding_window"] = numbers.shortestWindow.map { .integer($0) } ?? .null
                    config[Gemma4ConfigTable.types] = .array(
                        numbers.windowed.map {
                            .string($0 ? Gemma4LayerType.windowed : Gemma4LayerType.full)
                        })
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
                members: [
                    Gemma4ConfigTable.shared, Gemma4ConfigTable.widens,
                    Gemma4ConfigTable.valuesAreKeys,
                ],
                read: { keys, numbers in
                    let table = try Gemma4ConfigTable(keys, numbers)
                    let valuesAreKeys = try keys.flag(Gemma4ConfigTable.valuesAreKeys) ?? false
                    try numbers.changeKinds(keys) { block, kind in
                        guard block >= table.firstShared else {
                            kind.valuesAreKeys = valuesAreKeys && !table.windowed[block]
                            return
                        }
                        kind.keySource = table.windowed[..<table.firstShared].lastIndex(
                            of: table.windowed[block])
                        guard kind.keySource != nil else {
                            throw keys.withoutKeys(
                                block, Gemma4ConfigTable.shared, of: table.sharing)
                        }
                    }
                },
                write: { numbers, config in
                    let kinds = numbers.blockKinds
                    config[Gemma4ConfigTable.shared] = .integer(kinds.count { $0.keySource != nil })
                    config[Gemma4ConfigTable.widens] = .bool(
                        kinds.contains { $0.feedForwardSize != nil })
                    config[Gemma4ConfigTable.valuesAreKeys] = .bool(
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
                Gemma4LayerType.full,
                .record(
                    ("partial_rotary_factor", .number(Double(2 * turned) / Double(headSize))),
                    ("rope_theta", .number(rope.base)), ("rope_type", .string("proportional")))
            ),
            (
                Gemma4LayerType.windowed,
                .record(
                    ("rope_theta", .number(windows?.base ?? 10_000)),
                    ("rope_type", .string("default")))
            ))
    }
}

extension ConfigKeys {
    /// Rotation of the first pairs of a head's halves, which divisors say: 1 for those, and for the others one that stops them.
    fileprivate func proportionalRope(
        _ format: ConfigFormat, headSize: Int
    ) throws -> RopeParameters {
        let rope = try ropeParameters(format, kind: Gemma4LayerType.full)
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
        let rope = try ropeParameters(format, kind: Gemma4LayerType.windowed)
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
