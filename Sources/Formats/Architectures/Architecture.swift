/// A model family as data: which weights it has, what files call them, how the files differ, and where outside
/// runtimes load a bias. Adding a family is adding one such value (see `Llama.swift`) to `Architecture.all`.
package struct Architecture: Sendable {
    /// The name in a GGUF file's `general.architecture`.
    package let name: String
    /// The `model_type` in a Hugging Face `config.json`.
    package let huggingFaceModelType: String
    /// The class in `architectures` of a Hugging Face `config.json`.
    package let huggingFaceClass: String
    /// Every weight the family has, in the order GGUF files are written.
    package let weights: [WeightRule]
    /// How the output of attention and of the feed-forward part reaches the residual stream.
    package let residualPath: ResidualPath
    /// The kind of all norms but those of queries and keys, which are RMS norms.
    package let norm: Norm
    package let positions: Positions
    /// Whether neighbouring dimensions of a head are rotated together in a folder, not one of each half.
    package let pairsNeighbours: Bool
    /// Whether values are normed head by head, without a weight.
    package let normsValues: Bool
    /// What llama.cpp computes between the projections of a feed-forward part.
    let activation: Activation
    /// What a `config.json` calls the numbers.
    let config: ConfigFormat
    /// Which of the numbers a GGUF file names, and in which order.
    let metadata: MetadataFormat
    /// Every number of a model, and where the family's files keep it.
    let numbers: [ModelNumber]
    /// Those for which the family has keys that not every family has, in the order of its `config.json`.
    let ownNumbers: [ModelNumber]
    /// What llama.cpp's converter makes of the tokenizer.
    package let tokenizer: TokenizerLayout
    /// GGUF keys, without the family's name, that llama.cpp reads for the family and rtedit does not compute with, and the
    /// values that change nothing.
    let metadataOnly: [(key: String, neutral: Neutral)]
    /// Whether a GGUF file that names the family is of it and of none of the same name; nil where it is if of no other.
    let mark: (@Sendable (GGUFKeys) -> Bool)?
    /// How the names of a folder's tensors begin.
    private(set) var folderNames: FolderNames
    /// Whether a GGUF file has no more rows of embeddings than the tokenizer has tokens.
    let cutsEmbedding: Bool
    /// How files keep blocks that predict further tokens, which are no part of the model; nil where none has any.
    let prediction: PredictionLayout?
    /// What the formats' runtimes make of more heads, where it was looked at.
    private let headGrowth: [FileFormat: HeadGrowth]

    /// The formats whose runtime loads a bias of the values, and computes with it, where it loads none of attention's output and
    /// takes no more heads, as a run has shown.
    package let valueBiasFormats: Set<FileFormat>
    /// Whether llama.cpp computes with scales beside the matrices of a feed-forward part; it loads them in every family.
    let scalesFeedForward: Bool

    /// What a runtime makes of a file to whose attention heads were appended that have a bias on their values: whether it
    /// takes the lengths of queries from heads × head width, and loads such a bias where that of the output is not.
    package enum HeadGrowth: Sendable, Hashable {
        /// It computes with them, as a run has shown.
        case loaded
        /// It sizes queries by the model's width.
        case refused
        /// Nobody looked.
        case untried
    }

    /// How norms are computed.
    package enum Norm: Sendable, Hashable {
        /// x / √(mean x² + ε) · w (arXiv 1910.07467)
        case rms
        /// (x − mean) / √(variance + ε) · w + b (arXiv 1607.06450)
        case layer
    }

    /// How the model knows of positions.
    package enum Positions: Sendable, Hashable {
        /// Queries and keys are rotated (arXiv 2104.09864).
        case rotary
        /// A learned vector is added to each embedding.
        case learned
    }

    init(
        name: String, huggingFaceModelType: String, huggingFaceClass: String, norm: Norm = .rms,
        positions: Positions = .rotary, pairsNeighbours: Bool = false,
        normsValues: Bool = false,
        activation: Activation = .silu,
        weights: [WeightRule], residualPath: ResidualPath = .direct,
        config: ConfigFormat = ConfigFormat(), metadata: MetadataFormat = MetadataFormat(),
        numbers own: [ModelNumber] = [], metadataOnly: [(key: String, neutral: Neutral)] = [],
        tokenizer: TokenizerLayout = .standard,
        mark: (@Sendable (GGUFKeys) -> Bool)? = nil,
        folderNames: FolderNames = .own, cutsEmbedding: Bool = false,
        prediction: PredictionLayout? = nil,
        headGrowth: [FileFormat: HeadGrowth] = [:], valueBiasFormats: Set<FileFormat> = [],
        scalesFeedForward: Bool = false
    ) {
        self.name = name
        self.huggingFaceModelType = huggingFaceModelType
        self.huggingFaceClass = huggingFaceClass
        self.norm = norm
        self.positions = positions
        self.pairsNeighbours = pairsNeighbours
        self.normsValues = normsValues
        self.activation = activation
        self.weights = weights
        self.residualPath = residualPath
        self.config = config
        self.metadata = metadata
        let table = ModelNumber.table(
            config, norm: norm, positions: positions, activation: activation)
        let names = Set(table.map(\.name))
        numbers =
            table.map { number in own.first { $0.name == number.name } ?? number }
            + own.filter { !names.contains($0.name) }
        ownNumbers = own
        self.metadataOnly = metadataOnly
        self.tokenizer = tokenizer
        self.mark = mark
        self.folderNames = folderNames
        self.cutsEmbedding = cutsEmbedding
        self.prediction = prediction
        self.headGrowth = headGrowth
        self.valueBiasFormats = valueBiasFormats
        self.scalesFeedForward = scalesFeedForward
    }

    /// The way from a sub-layer's last projection to the residual stream; it decides whether a bias there is the
    /// same as an addition to the stream.
    package enum ResidualPath: Sendable, Hashable {
        /// Added as it is: a bias equals an addition to the stream.
        case direct
        /// Multiplied by the model's residual scale first: a bias equals its multiple.
        case scaled
        /// Passes a norm first: a bias does not equal an addition.
        case normed
    }

    /// Every family rtedit knows.
    package static let all: [Architecture] = [
        .llama, .mistral, .mistralSmall, .ministral3, .mixtral, .qwen2, .qwen3, .qwen3Mixture,
        .gemma, .gemma2, .gemma3, .phi3, .gpt2, .gptNeoX, .olmo2, .olmo3, .granite, .granite4,
        .starCoder2, .stableLM, .smolLM3, .lfm2, .lfm2Mixture,
        .arcee, .exaone4, .cohere2, .glm4, .ernie45, .seedOSS, .qwen35, .qwen35Mixture, .qwen3Next,
        .gptOSS,
        .qwen2Mixture, .gemma4, .gemma4Unified,
    ]

    /// The family a GGUF file names, or nil. Where several share a name, the metadata tells them apart: experts make
    /// a `llama` a Mixtral, a window an `olmo2` an OLMo 3.
    package static func named(
        _ name: String, metadata: GGUFMetadata = GGUFMetadata()
    ) -> Architecture? {
        let candidates = all.filter { $0.name == name }
        let keys = GGUFKeys(metadata: metadata, prefix: name, file: "")
        return candidates.first { $0.mark?(keys) ?? false } ?? candidates.first { $0.mark == nil }
    }

    /// The family a `config.json` names, or nil.
    package static func huggingFace(modelType: String) -> Architecture? {
        all.first { $0.huggingFaceModelType == modelType }
    }

    /// The numbers that every family keeps.
    var commonNumbers: [ModelNumber] {
        numbers.filter { number in !ownNumbers.contains { $0.name == number.name } }
    }

    /// What people see of a model's numbers, as far as the family's files keep them.
    package func facts(of model: Hyperparameters) -> [(name: String, text: String)] {
        let own = Set(ownNumbers.map(\.name))
        return numbers.filter { !$0.config.members.isEmpty || own.contains($0.name) }
            .flatMap(\.parts).map { ($0.name, $0.text(model)) }
    }

    /// The members of `config.json` that change the family's numbers and that rtedit reads.
    var configMembers: Set<String> {
        Set(numbers.flatMap(\.config.members) + config.only.map(\.key) + config.copies.map(\.copy))
            .union(weights.compactMap { $0.bias?.huggingFaceFlag })
    }

    /// What the runtime of a format makes of more heads.
    package func headGrowth(in format: FileFormat) -> HeadGrowth {
        headGrowth[format] ?? .untried
    }

    /// The rule for a slot, or nil where the family has no such weight.
    package func rule(for slot: WeightRole.Slot) -> WeightRule? {
        weights.first { $0.place.matches(slot) }
            ?? prediction?.weights.first { $0.place.matches(slot) }
    }

    /// The role of the tensor a file of this format calls `name`, or nil.
    package func role(of name: String, in format: FileFormat) -> WeightRole? {
        for name in format == .safetensors ? folderNames.inRules(name) : [name] {
            for rule in weights {
                if let role = rule.role(of: name, in: format) { return role }
            }
        }
        return nil
    }

    /// Whether a tensor without a role is one that old checkpoints keep and every runtime computes anew: rotary
    /// frequencies, the mask of attention.
    package static func isRecomputed(_ name: String) -> Bool {
        let suffixes = [
            ".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", ".attention.bias",
            ".attention.masked_bias",
        ]
        return suffixes.contains(where: name.hasSuffix)
    }

    /// Whether feed-forward parts are mixtures of experts.
    package var hasExperts: Bool { weights.contains { $0.place.slot.isOfExperts } }

    /// Whether published folders have a tensor for each expert.
    package var separatesExperts: Bool { weights.contains(where: \.hasExperts) }

    /// Whether Hugging Face files hold the projections' matrices as their transposes.
    var isTransposedInHuggingFace: Bool { weights.contains { $0.transform == .transposed } }

    /// Whether files of a format have a weight at this place.
    package func hasPlace(for slot: WeightRole.Slot, in format: FileFormat) -> Bool {
        rule(for: slot)?.hasName(in: format) ?? false
    }

    /// The weights that blocks have in files of a format, those of each kind of block together.
    package func slots(in format: FileFormat) -> Set<BlockSlot> {
        slots(in: format) { _ in true }
    }

    /// The weights that a model's block has in files of a format.
    package func slots(
        in format: FileFormat, ofBlock block: Int, _ model: Hyperparameters
    ) -> Set<BlockSlot> {
        slots(in: format) { $0.stands(inBlock: block, of: model) }
    }

    private func slots(
        in format: FileFormat, where stands: (WeightRule) -> Bool
    ) -> Set<BlockSlot> {
        Set(
            weights.compactMap { rule in
                guard case .blocks(let slot) = rule.place, rule.hasName(in: format), stands(rule)
                else { return nil }
                return slot
            })
    }

    /// The matrix which holds a weight in files of a format that have no place for it alone, or nil.
    func fused(_ role: WeightRole, in format: FileFormat) -> WeightRole? {
        guard case .block(let block, let slot) = role.slot, !hasPlace(for: role.slot, in: format)
        else { return nil }
        return slots(in: format).first { $0 != slot && $0.parts.contains(slot) }
            .map { .block(block, $0, role.part) }
    }

    /// What a file of this format calls a weight, or nil where that format has no such weight.
    package func name(of role: WeightRole, in format: FileFormat) -> String? {
        let name = rule(for: role.slot)?.name(of: role, in: format)
        return format == .safetensors ? name.map(folderNames.inFile) : name
    }

    /// The family with other names in folders.
    func named(_ names: FolderNames) -> Architecture {
        var family = self
        family.folderNames = names
        return family
    }
}

extension Architecture: CustomStringConvertible {
    /// The family's name in `config.json`, and the one in GGUF files where it is another.
    package var description: String {
        name == huggingFaceModelType
            ? name : "\(huggingFaceModelType) (in GGUF files: \(name))"
    }
}

extension Architecture {
    /// The names of all families, those of folders and those of GGUF files, each once.
    package static var allNames: [String] {
        var seen: Set<String> = []
        return all.flatMap { [$0.huggingFaceModelType, $0.name] }.filter {
            seen.insert($0).inserted
        }
    }
}
