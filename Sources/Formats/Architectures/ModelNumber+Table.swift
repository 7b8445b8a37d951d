/// The table: every number of `Hyperparameters`, in the order in which people see them and in which they are read. A
/// number that not every family has is here without keys; a family lists it with its own (`Architecture.ownNumbers`).
extension ModelNumber {
    /// The table of a family with these names in `config.json`.
    static func table(
        _ format: ConfigFormat, norm: Architecture.Norm, positions: Architecture.Positions,
        activation: Activation
    ) -> [ModelNumber] {
        [
            size("blocks", \.blockCount, format.blockCount, "block_count"),
            size("width", \.hiddenSize, format.hiddenSize, "embedding_length"),
            feedForwardSize(format),
            size(
                "heads", \.headCount, format.headCount, "attention.head_count", isOfBlocks: true),
            keyValueHeads(format), headSize(format), vocabularySize, contextLength(format),
            normEpsilon(format, norm), rope(format, positions), tiedHead,
            function(format, activation), parallelResidual, attentionScale, queryGrowth, scoreCap,
            logitCap, blockSizes, window, unrotated, sharedKeys, shortConvolution, deltaNet,
            ropeSections, predictionBlocks, embeddingScale, residualScale, logitScale,
            perLayerInputs, experts, originalContext,
        ]
    }

    // MARK: - Sizes

    /// A size that both formats must name.
    ///
    /// - Parameter isOfBlocks: whether a GGUF file may list it block by block.
    static func size(
        _ name: String, _ member: any WritableKeyPath<Hyperparameters, Int> & Sendable,
        _ key: String, _ metadataKey: String, isOfBlocks: Bool = false,
        limit: Int = Hyperparameters.largestSize
    ) -> ModelNumber {
        var number = ModelNumber(name) { "\($0[keyPath: member])" }
        number.config = ConfigPlace(
            members: [key],
            read: { keys, numbers in numbers[keyPath: member] = try keys.required(key) },
            write: { numbers, config in config[key] = .integer(numbers[keyPath: member]) })
        number.metadata = MetadataPlace(
            keys: [metadataKey],
            read: { keys, numbers in
                numbers[keyPath: member] =
                    isOfBlocks
                    ? try keys.required(metadataKey, blocks: numbers.blockCount)
                    : try keys.required(metadataKey)
            },
            write: { numbers throws(CheckpointError) in
                [(metadataKey, .count(numbers[keyPath: member]))]
            })
        number.check = { numbers, keys throws(CheckpointError) in
            try keys.require(
                numbers[keyPath: member], in: limit,
                keys.name(config: key, metadata: metadataKey))
        }
        return number
    }

    private static func contextLength(_ format: ConfigFormat) -> ModelNumber {
        size(
            "context length", \.contextLength, format.contextLength, "context_length",
            limit: Int(Int32.max))
    }

    /// Some families work it out of the width where a `config.json` does not say.
    static func feedForwardSize(_ format: ConfigFormat) -> ModelNumber {
        let key = format.feedForwardSize
        var number = size(
            "feed-forward width", \.feedForwardSize, key, "feed_forward_length", isOfBlocks: true)
        guard let multiple = format.feedForwardMultiple else { return number }
        number.config.read = { keys, numbers in
            let (product, overflow) = numbers.hiddenSize.multipliedReportingOverflow(by: multiple)
            numbers.feedForwardSize = try keys.integer(key) ?? (overflow ? 0 : product)
        }
        return number
    }

    /// That of a family all of whose blocks have experts: a file may name it, and nothing is as wide.
    static func unusedFeedForwardSize(_ format: ConfigFormat) -> ModelNumber {
        let (key, metadataKey) = (format.feedForwardSize, "feed_forward_length")
        var number = ModelNumber("feed-forward width", loss: .told) {
            $0.feedForwardSize == 0 ? "none" : "\($0.feedForwardSize)"
        }
        number.config = ConfigPlace(
            members: [key],
            read: { keys, numbers in numbers.feedForwardSize = try keys.count(key) ?? 0 },
            write: { numbers, config in
                if numbers.feedForwardSize > 0 { config[key] = .integer(numbers.feedForwardSize) }
            })
        number.metadata = MetadataPlace(
            keys: [metadataKey],
            read: { keys, numbers in
                let size = try keys.integer(metadataKey, blocks: numbers.blockCount) ?? 0
                numbers.feedForwardSize = size
            },
            write: { numbers throws(CheckpointError) in
                numbers.feedForwardSize > 0
                    ? [(metadataKey, .count(numbers.feedForwardSize))] : []
            })
        number.check = { numbers, keys throws(CheckpointError) in
            let size = numbers.feedForwardSize
            guard size != 0 else { return }
            try keys.require(size, keys.name(config: key, metadata: metadataKey))
        }
        return number
    }

    /// Every head has a key and a value of its own where a file does not say.
    ///
    /// - Parameter isListed: whether the converter writes it for each block.
    static func keyValueHeads(_ format: ConfigFormat, isListed: Bool = false) -> ModelNumber {
        let (key, metadataKey) = (format.keyValueHeadCount, "attention.head_count_kv")
        let named = key ?? format.headCount
        var number = size("key/value heads", \.keyValueHeadCount, named, metadataKey)
        if key == nil { number.config = ConfigPlace() }
        number.config.read = { keys, numbers in
            numbers.keyValueHeadCount =
                try key.flatMap { key in try keys.integer(key) } ?? numbers.headCount
        }
        number.metadata.read = { keys, numbers in
            numbers.keyValueHeadCount =
                try keys.integer(metadataKey, blocks: numbers.blockCount) ?? numbers.headCount
        }
        if isListed {
            number.metadata.write = { numbers throws(CheckpointError) in
                let heads = Int32(clamping: numbers.keyValueHeadCount)
                return [
                    (
                        metadataKey,
                        .array(.i32([Int32](repeating: heads, count: numbers.blockCount)))
                    )
                ]
            }
        }
        let isInRange = number.check
        number.check = { numbers, keys throws(CheckpointError) in
            try isInRange(numbers, keys)
            guard numbers.headCount % numbers.keyValueHeadCount != 0 else { return }
            let heads = keys.name(config: format.headCount, metadata: "attention.head_count")
            throw .contradiction(
                file: keys.file,
                fact: "\(heads) \(numbers.headCount) is no multiple of "
                    + "\(keys.name(config: named, metadata: metadataKey)) "
                    + "\(numbers.keyValueHeadCount)")
        }
        return number
    }

    /// The width over the number of heads where a file does not say.
    private static func headSize(_ format: ConfigFormat) -> ModelNumber {
        let (key, metadataKey) = (ConfigFormat.headSize, "attention.key_length")
        var number = size("head width", \.headSize, key, metadataKey)
        number.config.read = { keys, numbers in
            numbers.headSize =
                try keys.integer(key) ?? numbers.hiddenSize / max(numbers.headCount, 1)
        }
        number.config.write = { numbers, config in
            guard format.fillsHeadSize || numbers.hasUnusualHeads else { return }
            config[key] = .integer(numbers.headSize)
        }
        number.metadata.keys.append("attention.value_length")
        number.metadata.read = { keys, numbers in
            numbers.headSize =
                try keys.integer(metadataKey) ?? numbers.hiddenSize / max(numbers.headCount, 1)
            guard let values = try keys.integer("attention.value_length"),
                values != numbers.headSize
            else { return }
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact: "attention heads with keys of \(numbers.headSize) and values of \(values) "
                    + "are not supported")
        }
        number.metadata.write = { numbers throws(CheckpointError) in
            let width = GGUFValue.count(numbers.headSize)
            return [(metadataKey, width), ("attention.value_length", width)]
        }
        let isInRange = number.check
        number.check = { numbers, keys throws(CheckpointError) in
            try isInRange(numbers, keys)
            let name = keys.name(config: key, metadata: metadataKey)
            guard numbers.hasUnusualHeads, !keys.isGiven(name) else { return }
            let width = keys.name(config: format.hiddenSize, metadata: "embedding_length")
            let heads = keys.name(config: format.headCount, metadata: "attention.head_count")
            throw .contradiction(
                file: keys.file,
                fact: "\(width) \(numbers.hiddenSize) is no multiple of \(heads) "
                    + "\(numbers.headCount), and '\(name)' is missing")
        }
        return number
    }

    static let vocabularySize = {
        var number = size("vocabulary size", \.vocabularySize, "vocab_size", "vocab_size")
        // What the metadata says is compared with the tensor when the checkpoint is validated.
        number.metadata.read = { keys, numbers in
            numbers.vocabularySize = keys.tensors.vocabularySize
        }
        return number
    }()

    // MARK: - What every family computes with

    private static func normEpsilon(
        _ format: ConfigFormat, _ norm: Architecture.Norm
    ) -> ModelNumber {
        let (key, metadataKey) = (format.normEpsilon, norm.epsilonKey)
        var number = ModelNumber("norm epsilon") { "\($0.normEpsilon)" }
        number.config = ConfigPlace(
            members: [key],
            read: { keys, numbers in
                numbers.normEpsilon = Float(try keys.number(key) ?? 1e-6)
            },
            write: { numbers, config in config[key] = .shortest(numbers.normEpsilon) })
        number.metadata = MetadataPlace(
            keys: [metadataKey],
            read: { keys, numbers in
                numbers.normEpsilon = Float(try keys.requiredNumber(metadataKey))
            },
            write: { numbers throws(CheckpointError) in
                [(metadataKey, .f32(numbers.normEpsilon))]
            })
        number.check = { numbers, keys throws(CheckpointError) in
            guard numbers.normEpsilon.isFinite, numbers.normEpsilon >= 0 else {
                throw .outOfRange(
                    file: keys.file, key: keys.name(config: key, metadata: metadataKey),
                    value: "\(numbers.normEpsilon)", range: "0 or more")
            }
        }
        return number
    }

    /// Base, dimensions and scaling. In families with learned positions they mean nothing.
    static func rope(
        _ format: ConfigFormat, _ positions: Architecture.Positions
    ) -> ModelNumber {
        var number = ModelNumber(
            name: "rotary embedding",
            parts: [
                Part(name: "rotary base") { "\(Float($0.rope.base))" },
                Part(name: "rotary dimensions") { "\($0.rope.dimensions)" },
                Part(name: ropeScalingName) { $0.rope.scalingText },
            ])
        number.metadata = MetadataPlace(
            read: { keys, numbers in
                numbers.rope = try RopeParameters(
                    keys, headSize: numbers.headSize, context: numbers.contextLength,
                    divisors: keys.tensors.divisors)
            },
            write: { numbers throws(CheckpointError) in try numbers.rope.entries() })
        guard positions == .rotary else {
            number.config.read = { _, numbers in
                numbers.rope = RopeParameters(base: 10_000, dimensions: numbers.headSize)
            }
            return number
        }
        number.config = ConfigPlace(
            members: [
                format.ropeBase, format.rotaryShare ?? "partial_rotary_factor", "rope_scaling",
                "rope_parameters", "original_max_position_embeddings",
            ],
            read: { keys, numbers in
                numbers.rope = try RopeParameters(
                    keys, format: format, headSize: numbers.headSize,
                    context: numbers.contextLength)
            },
            write: { numbers, config in
                config.members += numbers.rope.configMembers(
                    format, headSize: numbers.headSize, context: numbers.contextLength)
            })
        number.check = { numbers, keys throws(CheckpointError) in
            try numbers.rope.validate(
                headSize: numbers.headSize, file: keys.file,
                baseKey: keys.name(config: format.ropeBase, metadata: "rope.freq_base"))
        }
        return number
    }

    static let ropeScalingName = "rotary scaling"

    /// What the numbers say of the head. Which matrix it is decides (`Checkpoint.head`), and those are compared.
    static let tiedHead = ModelNumber("tied embeddings") { "\($0.tiesEmbeddings)" }.kept(
        ConfigPlace(
            members: ["tie_word_embeddings"],
            read: { keys, numbers in
                numbers.tiesEmbeddings = try keys.flag("tie_word_embeddings") ?? false
            },
            write: { numbers, config in
                config["tie_word_embeddings"] = .bool(numbers.tiesEmbeddings)
            }),
        MetadataPlace(read: { keys, numbers in
            numbers.tiesEmbeddings = keys.tensors.tiesEmbeddings
        }))

    /// llama.cpp has one function for each family; a folder that is written gets its configuration's standard one.
    private static func function(
        _ format: ConfigFormat, _ activation: Activation
    ) -> ModelNumber {
        let loss = Loss.toldWithin { $0.activation.kind }
        return ModelNumber("activation", loss: loss) { "\($0.activation)" }.kept(
            ConfigPlace(
                members: [format.activation],
                read: { keys, numbers in numbers.activation = try keys.activation(format) },
                write: { _, config in
                    config[format.activation] = .string(format.standardActivation)
                }),
            MetadataPlace(read: { _, numbers in numbers.activation = activation }))
    }

    // MARK: - What some families have

    static let parallelResidual = ModelNumber("parallel residual") { "\($0.isParallel)" }
    static let attentionScale = factor(
        "attention scale", loss: .told, \.attentionScale
    ) { numbers in
        text(numbers.attentionScale ?? 1 / Double(numbers.headSize).squareRoot())
    }
    static let queryGrowth = {
        var number = ModelNumber("growth of queries") { text($0.queryGrowth) }
        number.check = { numbers, keys throws(CheckpointError) in
            try keys.requirePositive(numbers.queryGrowth, "growth of queries")
            guard numbers.queryGrowth != nil else { return }
            guard case .yarn = numbers.rope.scaling else {
                throw .unsupportedFeature(
                    file: keys.file,
                    fact: "queries that grow with their position are not supported without yarn")
            }
        }
        return number
    }()
    static let scoreCap = factor("cap of scores", as: "cap of attention's scores", \.scoreCap)
    static let logitCap = factor("cap of logits", as: "cap of the logits", \.logitCap)
    static let embeddingScale = factor("embedding scale", \.embeddingScale.some)
    static let residualScale = factor("residual scale", \.residualScale.some)
    static let logitScale = factor("logit scale", \.logitScale.some)

    /// A factor, which must be above 0.
    ///
    /// - Parameter message: what messages about its range call it.
    private static func factor(
        _ name: String, as message: String? = nil, loss: Loss = .refused,
        _ member: any KeyPath<Hyperparameters, Double?> & Sendable,
        text: (@Sendable (Hyperparameters) -> String)? = nil
    ) -> ModelNumber {
        var number = ModelNumber(name, loss: loss) { numbers in
            text?(numbers) ?? Self.text(numbers[keyPath: member])
        }
        number.check = { numbers, keys throws(CheckpointError) in
            try keys.requirePositive(numbers[keyPath: member], message ?? name)
        }
        return number
    }

    static let window = {
        var number = ModelNumber(
            name: "sliding window",
            parts: [
                Part(name: "sliding window", loss: .told) { $0.windowText },
                Part(name: "rotary base of windows") { $0.ownRopeText },
            ])
        number.check = { numbers, keys throws(CheckpointError) in
            for (block, kind) in numbers.blockKinds.enumerated() {
                if let window = kind.window {
                    try keys.require(window, in: Int(Int32.max), "sliding window")
                }
                guard case .own(let rope) = kind.rotation else { continue }
                try rope.validate(
                    headSize: numbers.sizes(ofBlock: block).headSize, file: keys.file,
                    baseKey: "rotary base of windows")
            }
        }
        return number
    }()

    static let unrotated = ModelNumber("blocks without rotation") { $0.unrotatedText }

    static let shortConvolution = {
        var number = ModelNumber("short convolutions") { $0.shortConvolutionText }
        number.check = { numbers, keys throws(CheckpointError) in
            let isUsed = numbers.blockKinds.contains { $0.mixer == .shortConvolution }
            guard isUsed || numbers.convolutionLength != nil else { return }
            try keys.require(numbers.convolutionLength ?? 0, "length of a short convolution")
        }
        return number
    }()

    static let experts = {
        var number = ModelNumber(
            name: "experts",
            parts: [
                Part(name: "experts") { numbers in
                    numbers.experts.map {
                        let shared = $0.sharedFeedForwardSize.map { ", beside one \($0) wide" }
                        return "\($0.usedCount) of \($0.count), \($0.feedForwardSize) wide"
                            + (shared ?? "")
                    } ?? "none"
                },
                Part(
                    name: "shares of experts", loss: .toldWithin { $0.experts?.kindOfShares ?? "" }
                ) { numbers in
                    numbers.experts.map {
                        ($0.normalizesShares ? "normalised" : "as they are") + $0.kindOfShares
                    } ?? "none"
                },
            ])
        number.check = { numbers, keys throws(CheckpointError) in
            guard let experts = numbers.experts else { return }
            try keys.require(experts.count, "number of experts")
            try keys.require(
                experts.usedCount, in: experts.count, "number of experts a token uses")
            try keys.require(experts.feedForwardSize, "width of an expert")
            if let shared = experts.sharedFeedForwardSize {
                try keys.require(shared, "width of the shared expert")
            }
        }
        return number
    }()

    static let denseBlocks = ModelNumber("dense blocks") { numbers in
        let blocks = numbers.denseBlocks
        return blocks.isEmpty ? "none" : blocks.map(String.init).joined(separator: " ")
    }
    static let perLayerInputs = {
        var number = ModelNumber("inputs of each block") {
            $0.perLayerInputSize.map { "\($0) wide" } ?? "none"
        }
        number.check = { numbers, keys throws(CheckpointError) in
            guard let size = numbers.perLayerInputSize else { return }
            try keys.require(size, "width of each block's input")
            try keys.require(
                numbers.blockCount, in: Hyperparameters.largestSize / size,
                "number of blocks with inputs")
        }
        return number
    }()

    /// The context length before a long rope, where the files name it. Nothing computes with it but the rope, which has
    /// a copy.
    static let originalContext = ModelNumber(name: "original context length", parts: [])
}

extension Hyperparameters {
    /// Whether the heads' widths do not sum to the stream's.
    var hasUnusualHeads: Bool { headSize * headCount != hiddenSize }
}

extension GGUFValue {
    /// A size as the converter writes it.
    static func count(_ value: Int) -> GGUFValue { .u32(UInt32(clamping: value)) }
}

extension JSONValue {
    /// The shortest decimal that an f32 stands for.
    static func shortest(_ value: Float) -> JSONValue {
        .number(Double(value.description) ?? Double(value))
    }
}

extension Double {
    /// The number itself, for lists of factors some of which may be missing.
    fileprivate var some: Double? { self }
}

extension Architecture.Norm {
    /// The GGUF key of the norms' epsilon, without the family's prefix.
    var epsilonKey: String {
        switch self {
        case .rms: "attention.layer_norm_rms_epsilon"
        case .layer: "attention.layer_norm_epsilon"
        }
    }
}
