/// Gated delta nets in place of attention, and which blocks have them.
extension ModelNumber {
    static let deltaNet = {
        var number = ModelNumber("gated delta nets") { $0.deltaNetText }
        number.check = { numbers, keys throws(CheckpointError) in
            guard let net = numbers.deltaNet else { return }
            for (size, key) in net.named {
                try keys.require(size, keys.name(config: key.config, metadata: key.metadata))
            }
            try keys.require(net.keyWidth, "width of a gated delta net's keys")
            try keys.require(net.valueWidth, "width of a gated delta net's values")
            guard net.valueHeads % net.keyHeads == 0 else {
                let names = DeltaNetKeys.self
                throw .contradiction(
                    file: keys.file,
                    fact:
                        "\(keys.name(config: names.valueHeads.config, metadata: names.valueHeads.metadata)) "
                        + "\(net.valueHeads) is no multiple of "
                        + "\(keys.name(config: names.keyHeads.config, metadata: names.keyHeads.metadata)) "
                        + "\(net.keyHeads)")
            }
        }
        return number
    }()

    /// Those of Qwen 3.5 and its like: a list of blocks, or attention in every block of a number.
    static let qwenDeltaNet = deltaNet.kept(
        ConfigPlace(
            members: DeltaNetKeys.sizes.map(\.config) + [
                DeltaNetKeys.layers, DeltaNetKeys.interval,
            ],
            read: { keys, numbers in
                let interval = try keys.integer(DeltaNetKeys.interval) ?? 4
                try keys.require(interval, DeltaNetKeys.interval)
                numbers.deltaNet = DeltaNetSizes(
                    keyHeads: try keys.required(DeltaNetKeys.keyHeads.config),
                    valueHeads: try keys.required(DeltaNetKeys.valueHeads.config),
                    keySize: try keys.required(DeltaNetKeys.keySize.config),
                    valueSize: try keys.required(DeltaNetKeys.valueSize.config),
                    taps: try keys.required(DeltaNetKeys.taps.config), statedInterval: interval)
                let listed = try keys.mixers(blocks: numbers.blockCount)
                try numbers.setMixers(keys, listed)
            },
            write: { numbers, config in
                guard let net = numbers.deltaNet else { return }
                for (size, key) in net.named { config[key.config] = .integer(size) }
                config[DeltaNetKeys.layers] = .array(
                    numbers.recurrentBlocks.map {
                        .string($0 ? DeltaNetKeys.linear : DeltaNetKeys.full)
                    })
                config[DeltaNetKeys.interval] = .integer(net.statedInterval)
            }),
        MetadataPlace(
            keys: DeltaNetKeys.sizes.map(\.metadata)
                + [DeltaNetKeys.innerSize, DeltaNetKeys.recurrent, DeltaNetKeys.interval],
            read: { keys, numbers in try numbers.readDeltaNet(keys) },
            write: { numbers throws(CheckpointError) in try numbers.deltaNetEntries() }))

    /// How rotated dimensions are shared out among a picture's positions, which llama.cpp asks for in every file of the family.
    static let ropeSections = ModelNumber("rotary sections", loss: .told) { numbers in
        numbers.ropeSections.map { $0.map(String.init).joined(separator: ", ") } ?? "none"
    }

    /// - Parameter standard: what holds where a `config.json` does not say.
    static func ropeSections(_ format: ConfigFormat, standard: [Int]) -> ModelNumber {
        let (member, key) = ("mrope_section", "rope.dimension_sections")
        var number = ropeSections.kept(
            ConfigPlace(
                read: { keys, numbers in
                    let listed = try keys.ropeParameters(format).numbers(member)
                    numbers.ropeSections =
                        listed.map { $0.map { Int(exactly: $0) ?? -1 } } ?? standard
                },
                write: { numbers, config in config.gatherRope(numbers, format, sections: member) }),
            MetadataPlace(
                keys: [key],
                read: { keys, numbers in
                    guard let sections = keys.metadata[keys.full(key)]?.array?.integers else {
                        throw CheckpointError.missingKey(file: keys.file, key: keys.full(key))
                    }
                    // The fourth is of another kind of position, which these models have not.
                    numbers.ropeSections =
                        sections.count == 4 && sections[3] == 0
                        ? Array(sections[..<3]) : sections
                },
                write: { numbers throws(CheckpointError) in
                    guard let sections = numbers.ropeSections else { return [] }
                    return [(key, .array(.i32((sections + [0]).map { Int32(clamping: $0) })))]
                }))
        number.check = { numbers, keys throws(CheckpointError) in
            guard let sections = numbers.ropeSections else { return }
            guard sections.count == 3, sections.allSatisfy({ (0...(1 << 16)).contains($0) }) else {
                throw .outOfRange(
                    file: keys.file, key: keys.name(config: member, metadata: key),
                    value: "\(sections)", range: "three numbers from 0 on")
            }
        }
        return number
    }
}

/// What files call the sizes of gated delta nets, and which blocks have one.
private enum DeltaNetKeys {
    typealias Key = (config: String, metadata: String)
    static let keyHeads: Key = ("linear_num_key_heads", "ssm.group_count")
    static let valueHeads: Key = ("linear_num_value_heads", "ssm.time_step_rank")
    static let keySize: Key = ("linear_key_head_dim", "ssm.state_size")
    /// A GGUF file has the product with the number of heads.
    static let valueSize: Key = ("linear_value_head_dim", innerSize)
    static let taps: Key = ("linear_conv_kernel_dim", "ssm.conv_kernel")
    static let sizes = [keyHeads, valueHeads, keySize, valueSize, taps]
    static let innerSize = "ssm.inner_size"
    static let layers = "layer_types"
    static let interval = "full_attention_interval"
    static let recurrent = "attention.recurrent_layers"
    static let linear = "linear_attention"
    static let full = "full_attention"
}

extension DeltaNetSizes {
    /// The sizes and their names, in the order of a `config.json`.
    fileprivate var named: [(size: Int, key: DeltaNetKeys.Key)] {
        [
            (taps, DeltaNetKeys.taps), (keySize, DeltaNetKeys.keySize),
            (valueSize, DeltaNetKeys.valueSize), (keyHeads, DeltaNetKeys.keyHeads),
            (valueHeads, DeltaNetKeys.valueHeads),
        ]
    }
}

extension Hyperparameters {
    /// Whether each block has a gated delta net.
    fileprivate var recurrentBlocks: [Bool] {
        (0..<blockCount).map { kind(ofBlock: $0).mixer == .deltaNet }
    }

    fileprivate var deltaNetText: String {
        guard let net = deltaNet, recurrentBlocks.contains(true) else { return "none" }
        return
            "\(net.valueHeads) states of \(net.keySize) x \(net.valueSize), \(net.keyHeads) keys, "
            + "\(net.taps) positions" + Self.place(of: recurrentBlocks, of: blockCount)
    }

    /// - Parameter recurrent: whether each block has a gated delta net; nil for all but every block of the number that the
    ///   files state, counted from 1.
    fileprivate mutating func setMixers(_ keys: any NumberKeys, _ recurrent: [Bool]?) throws {
        let every = max(deltaNet?.statedInterval ?? 1, 1)
        try changeKinds(keys) { block, kind in
            let isRecurrent = recurrent?[block] ?? !(block + 1).isMultiple(of: every)
            kind.mixer = isRecurrent ? .deltaNet : .attention
        }
    }

    fileprivate mutating func readDeltaNet(_ keys: GGUFKeys) throws {
        let interval = try keys.integer(DeltaNetKeys.interval) ?? 4
        try keys.require(interval, keys.full(DeltaNetKeys.interval))
        let heads = try keys.required(DeltaNetKeys.valueHeads.metadata)
        let inner = try keys.required(DeltaNetKeys.innerSize)
        guard heads > 0, inner % heads == 0 else {
            throw CheckpointError.contradiction(
                file: keys.file,
                fact: "\(keys.full(DeltaNetKeys.innerSize)) \(inner) is no multiple of "
                    + "\(keys.full(DeltaNetKeys.valueHeads.metadata)) \(heads)")
        }
        deltaNet = DeltaNetSizes(
            keyHeads: try keys.required(DeltaNetKeys.keyHeads.metadata), valueHeads: heads,
            keySize: try keys.required(DeltaNetKeys.keySize.metadata), valueSize: inner / heads,
            taps: try keys.required(DeltaNetKeys.taps.metadata), statedInterval: interval)
        let listed = keys.flags(DeltaNetKeys.recurrent)
        let total = blockCount + predictionBlocks
        if let listed, listed.count != total {
            throw CheckpointError.contradiction(
                file: keys.file,
                fact: "\(keys.full(DeltaNetKeys.recurrent)) has \(listed.count) entries for "
                    + "\(total) blocks")
        }
        try setMixers(keys, listed)
    }

    /// - Throws: `CheckpointError.cannotExpress` for heads of values that are not as wide as those of keys.
    fileprivate func deltaNetEntries() throws(CheckpointError) -> [ModelNumber.MetadataPlace.Entry]
    {
        guard let net = deltaNet else { return [] }
        guard net.keySize == net.valueSize else {
            throw .cannotExpress(
                fact:
                    "llama.cpp loads no gated delta net whose keys are \(net.keySize) wide and values "
                    + "\(net.valueSize)")
        }
        return [
            (DeltaNetKeys.taps.metadata, .count(net.taps)),
            (DeltaNetKeys.keySize.metadata, .count(net.keySize)),
            (DeltaNetKeys.keyHeads.metadata, .count(net.keyHeads)),
            (DeltaNetKeys.valueHeads.metadata, .count(net.valueHeads)),
            (DeltaNetKeys.innerSize, .count(net.valueWidth)),
            (
                DeltaNetKeys.recurrent,
                .array(.bool(recurrentBlocks + [Bool](repeating: false, count: predictionBlocks)))
            ),
            (DeltaNetKeys.interval, .count(net.statedInterval)),
        ]
    }
}

extension ConfigKeys {
    /// Which blocks `layer_types` gives a gated delta net; nil where there is no list.
    fileprivate func mixers(blocks: Int) throws(CheckpointError) -> [Bool]? {
        guard let types = try texts(DeltaNetKeys.layers) else { return nil }
        guard types.count == blocks else {
            throw .contradiction(
                file: file,
                fact: "\(DeltaNetKeys.layers) has \(types.count) entries for \(blocks) blocks")
        }
        for type in types where ![DeltaNetKeys.linear, DeltaNetKeys.full].contains(type) {
            throw .unsupportedFeature(
                file: file, fact: "blocks of type '\(type)' are not supported in this family")
        }
        return types.map { $0 == DeltaNetKeys.linear }
    }
}

extension JSONObject {
    /// Puts the rotary members where the family's class has them all, which no release of transformers 4 knows.
    fileprivate mutating func gatherRope(
        _ numbers: Hyperparameters, _ format: ConfigFormat, sections: String
    ) {
        var rope =
            self["rope_scaling"]?.object ?? JSONObject([.init("rope_type", .string("default"))])
        rope["rope_theta"] = self[format.ropeBase]
        if let share = format.rotaryShare {
            rope[share] = self[share]
            self[share] = nil
        }
        if let own = numbers.ropeSections {
            rope[sections] = .array(own.map { .integer($0) })
            rope["mrope_interleaved"] = .bool(true)
        }
        self["rope_parameters"] = .object(rope)
        self["rope_scaling"] = nil
        self[format.ropeBase] = nil
    }
}
