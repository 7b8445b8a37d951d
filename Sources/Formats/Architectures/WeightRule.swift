/// One weight of a family: its place, its name and shape, and what differs between file formats.
public struct WeightRule: Sendable {
    /// Where the weight stands: once in the model, or once in every block.
    public enum Place: Sendable, Hashable {
        case model(WeightRole.Slot)
        case everyBlock(BlockSlot)

        func matches(_ slot: WeightRole.Slot) -> Bool {
            switch (self, slot) {
            case (.model(let own), _): own == slot
            case (.everyBlock(let own), .block(_, let other)): own == other
            default: false
            }
        }
    }

    /// Whether a checkpoint must have the weight.
    public enum Presence: Sendable, Hashable {
        case required
        case optional
        /// Required unless the embeddings are tied.
        case unlessTied
    }

    /// A length that the hyperparameters give.
    public enum Dimension: Sendable, Hashable {
        case vocabulary, hidden, feedForward, queryWidth, keyValueWidth, rotaryPairs
    }

    /// How a weight's data differs between a Hugging Face file and a GGUF file.
    public enum Transform: Sendable, Hashable {
        case none
        /// The rows of each head are permuted in GGUF; `heads` says how many heads there are.
        case rotaryRows(heads: Heads)
    }

    public enum Heads: Sendable, Hashable { case query, keyValue }

    /// What the runtimes outside do with a bias of this weight.
    public struct Bias: Sendable, Hashable {
        /// The boolean in `config.json` that makes transformers create the biases of all rules that share it.
        public let huggingFaceFlag: String
    }

    public let place: Place
    /// The name without `.weight`; `#` stands for the block. Nil where the format has no such tensor.
    public let huggingFace: String?
    public let gguf: String?
    /// In C order.
    public let shape: [Dimension]
    public let presence: Presence
    /// Nil where the weight never has a bias.
    public let bias: Bias?
    public let transform: Transform

    public init(
        _ place: Place, huggingFace: String?, gguf: String?, shape: [Dimension],
        presence: Presence = .required, biasFlag: String? = nil, transform: Transform = .none
    ) {
        self.place = place
        self.huggingFace = huggingFace
        self.gguf = gguf
        self.shape = shape
        self.presence = presence
        bias = biasFlag.map { Bias(huggingFaceFlag: $0) }
        self.transform = transform
    }

    /// The shape of the weight or of its bias in a model of this size.
    public func shape(of part: WeightRole.Part, in model: Hyperparameters) -> [Int] {
        let dimensions = part == .bias ? Array(shape.prefix(1)) : shape
        return dimensions.map { dimension in
            switch dimension {
            case .vocabulary: model.vocabularySize
            case .hidden: model.hiddenSize
            case .feedForward: model.feedForwardSize
            case .queryWidth: model.headCount * model.headSize
            case .keyValueWidth: model.keyValueHeadCount * model.headSize
            case .rotaryPairs: model.rope.dimensions / 2
            }
        }
    }

    /// The roles of this rule in a model with so many blocks.
    public func roles(blocks: Int, part: WeightRole.Part = .weight) -> [WeightRole] {
        switch place {
        case .model(let slot): [WeightRole(slot, part)]
        case .everyBlock(let slot): (0..<blocks).map { .block($0, slot, part) }
        }
    }

    func name(of role: WeightRole, in format: Checkpoint.Format) -> String? {
        guard let pattern = format == .gguf ? gguf : huggingFace else { return nil }
        guard role.part == .weight || bias != nil else { return nil }
        guard let block = role.block else { return pattern + "." + role.part.rawValue }
        return pattern.split(separator: "#", omittingEmptySubsequences: false)
            .joined(separator: String(block)) + "." + role.part.rawValue
    }

    func role(of name: String, in format: Checkpoint.Format) -> WeightRole? {
        guard let pattern = format == .gguf ? gguf : huggingFace else { return nil }
        let part: WeightRole.Part
        if name.hasSuffix(".weight") {
            part = .weight
        } else if name.hasSuffix(".bias"), bias != nil {
            part = .bias
        } else {
            return nil
        }
        let stem = name.dropLast(part.rawValue.count + 1)
        switch place {
        case .model(let slot):
            return stem == pattern ? WeightRole(slot, part) : nil
        case .everyBlock(let slot):
            let pieces = pattern.split(separator: "#", omittingEmptySubsequences: false)
            guard pieces.count == 2, stem.hasPrefix(pieces[0]), stem.hasSuffix(pieces[1]),
                stem.count > pieces[0].count + pieces[1].count
            else { return nil }
            let digits = stem.dropFirst(pieces[0].count).dropLast(pieces[1].count)
            // The canonical spelling only: "+1" and "01" are other names.
            guard let block = Int(digits), block >= 0, String(block) == digits else { return nil }
            return .block(block, slot, part)
        }
    }
}
