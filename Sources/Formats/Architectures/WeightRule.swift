/// One weight of a family: its place, its name and shape, and what differs between file formats.
package struct WeightRule: Sendable {
    /// Where the weight stands: once in the model, or once in blocks.
    package enum Place: Sendable, Hashable {
        case model(WeightRole.Slot)
        case blocks(BlockSlot)

        /// The slot itself, of the first block where there is one in each.
        var slot: WeightRole.Slot {
            switch self {
            case .model(let slot): slot
            case .blocks(let slot): .block(0, slot)
            }
        }

        func matches(_ slot: WeightRole.Slot) -> Bool {
            switch (self, slot) {
            case (.model(let own), _): own == slot
            case (.blocks(let own), .block(_, let other)): own == other
            default: false
            }
        }
    }

    /// Which blocks have a weight that stands in blocks.
    package enum Holders: Sendable, Hashable {
        case all
        /// Those whose tokens are mixed so.
        case mixing(BlockKind.Mixer)
        /// Those whose feed-forward part is dense.
        case dense
        /// Those that have a mixture of experts.
        case mixtures
        /// Those that make keys of their own.
        case keyMakers
        /// Those that make values of their own, which are not their keys.
        case valueMakers
        /// All, of models whose blocks have inputs beside the stream.
        case perLayerInputs
    }

    /// Whether a checkpoint must have the weight.
    package enum Presence: Sendable, Hashable {
        case required
        case optional
        /// Required unless the embeddings are tied.
        case unlessTied
        /// The same in a Hugging Face file; llama.cpp wants the tensor in every file of the family.
        case unlessTiedInHuggingFace
        /// Required unless attention and the feed-forward part read the same normed input.
        case unlessParallel
    }

    /// A length that the hyperparameters give.
    package enum Dimension: Sendable, Hashable {
        case vocabulary, hidden, feedForward, queryWidth, keyValueWidth, rotaryPairs
        /// One head.
        case headSize
        case headCount
        /// Queries, keys and values together.
        case queryKeyValueWidth
        /// Gate and up together.
        case gateUpWidth
        /// Learned positions.
        case positions
        case experts, expertFeedForward, sharedExpertFeedForward
        /// Gate and up of one expert together.
        case expertGateUpWidth
        /// A single row.
        case one
        /// An embedding and a state of the stream together.
        case twiceHidden
        /// What a short convolution convolves, and the gates before and after it.
        case gatedConvolutionWidth
        /// The positions that a short convolution sees.
        case convolutionLength
        /// Queries and the gate on attention's output together.
        case queryGateWidth
        /// A gated delta net's queries, keys and values together, or its values alone.
        case deltaWidth, deltaValueWidth
        /// Its heads of values, and one of them.
        case deltaHeads, deltaValueSize
        /// Queries, keys, values and gates together, and strengths with decays.
        case deltaGatedWidth, deltaRates
        /// The positions that its convolution sees.
        case deltaTaps
        /// What a block gets beside the stream, and all blocks together.
        case perLayerInput, perLayerInputsOfAllBlocks
    }

    /// How a weight's data differs between a Hugging Face file and a GGUF file.
    package enum Transform: Sendable, Hashable {
        case none
        /// The rows of each head are permuted in GGUF; `heads` says how many heads there are.
        case rotaryRows(heads: Heads)
        /// Hugging Face stores what is added to 1, GGUF the sum (the norms of Gemma).
        case plusOne
        /// Hugging Face stores the transpose (the `Conv1D` of GPT-2).
        case transposed
        /// Hugging Face stores (channels, 1, taps), the `Conv1d` of torch that keeps channels apart, GGUF (channels, taps).
        case channelwise
        /// Hugging Face stores the transpose of each expert's matrix, but for packed ones (gpt-oss).
        case transposedExperts
        /// Rows are (head, {query, key, value}, head size) in Hugging Face, ({query, key, value}, head, head size) in
        /// GGUF (GPT-NeoX).
        case headwiseRows
        /// Hugging Face stores the logarithm of the negative.
        case logarithms
        /// Something of each head of a gated delta net's values: neighbouring heads share a key in Hugging Face, heads that
        /// have the same rest by the number of keys in GGUF.
        case valueHeads(ValueHeads)
    }

    /// What of a weight belongs to heads of a gated delta net's values.
    package enum ValueHeads: Sendable, Hashable {
        /// All rows, a head's width of them for each.
        case rows
        /// One row for each.
        case singleRows
        /// The same, of what Hugging Face stores the logarithm of the negative of.
        case logarithms
        /// The last rows, after those of queries and keys.
        case lastRows
        /// The same of a convolution's channels; Hugging Face's shape has a 1 between them and the taps.
        case lastChannels
        /// The columns.
        case columns
    }

    /// Whose heads a matrix has.
    package enum Heads: Sendable, Hashable { case query, keyValue }

    /// Where a bias of this weight comes from, and which runtimes load it.
    package struct Bias: Sendable, Hashable {
        /// The boolean in `config.json` that makes transformers create the biases of all rules that share it; nil
        /// where every model of the family has the bias.
        package let huggingFaceFlag: String?
        /// The flag's value where a `config.json` does not say; llama.cpp requires biases that are there by default.
        package let isDefault: Bool
        /// The formats whose runtimes load it.
        package let formats: Set<FileFormat>

        /// A bias that every model of the family has.
        package static let always = Bias(
            huggingFaceFlag: nil, isDefault: true, formats: [.gguf, .safetensors])

        /// A bias that llama.cpp loads where a file has it; transformers' class has none.
        package static let onlyInGGUF = Bias(
            huggingFaceFlag: nil, isDefault: false, formats: [.gguf])

        /// A bias that a boolean in `config.json` turns on.
        package static func flag(
            _ name: String, isDefault: Bool = false, isInGGUF: Bool = true
        ) -> Bias {
            Bias(
                huggingFaceFlag: name, isDefault: isDefault,
                formats: isInGGUF ? [.gguf, .safetensors] : [.safetensors])
        }
    }

    package let place: Place
    /// Which blocks have it, where it stands in blocks.
    package let holders: Holders
    /// The name without `.weight`; `#` stands for the block, `@` for the expert where there is a tensor for each. Nil
    /// where the format has no such tensor.
    package let huggingFace: String?
    package let gguf: String?
    /// In C order.
    package let shape: [Dimension]
    package let presence: Presence
    /// Nil where the weight never has a bias.
    package let bias: Bias?
    package let transform: Transform
    /// The formats in which the names above are whole: the weight's has no `.weight`, and its bias's ends in `_bias`.
    package let bareNames: Set<FileFormat>
    /// Whether a GGUF file may have a scale beside the matrix; not where another weight has that name.
    let takesScale: Bool

    package init(
        _ place: Place, in holders: Holders = .all, huggingFace: String?, gguf: String?,
        shape: [Dimension], presence: Presence = .required, bias: Bias? = nil,
        transform: Transform = .none, bareNames: Set<FileFormat> = [], takesScale: Bool = true
    ) {
        self.place = place
        self.holders = holders
        self.huggingFace = huggingFace
        self.gguf = gguf
        self.shape = shape
        self.presence = presence
        self.bias = bias
        self.transform = transform
        self.bareNames = bareNames
        self.takesScale = takesScale && place.slot.takesScale
    }

    /// The shape of the canonical weight or of its bias in a model of this size; of all experts together where there
    /// are several.
    package func shape(of role: WeightRole, in model: Hyperparameters) -> [Int] {
        let dimensions =
            switch role.part {
            case .weight: shape
            case .bias: Array(shape.prefix(place.slot.isOfExperts ? 2 : 1))
            case .scale, .inputScale: shape.filter { $0 == .experts }
            }
        guard role.part.isOfValues || !dimensions.isEmpty else { return [1] }
        let block = model.sizes(ofBlock: role.block ?? 0)
        return dimensions.map { dimension in
            switch dimension {
            case .vocabulary: model.vocabularySize
            case .hidden: model.hiddenSize
            case .feedForward: block.feedForwardSize
            case .queryWidth: block.queryWidth
            case .keyValueWidth: block.keyValueWidth
            case .rotaryPairs: model.rope.dimensions / 2
            case .headSize: block.headSize
            case .headCount: block.headCount
            case .queryKeyValueWidth: block.queryWidth + 2 * block.keyValueWidth
            case .gateUpWidth: 2 * block.feedForwardSize
            case .positions: model.contextLength
            case .experts: model.experts?.count ?? 0
            case .expertFeedForward: model.experts?.feedForwardSize ?? 0
            case .gatedConvolutionWidth: 3 * model.hiddenSize
            case .convolutionLength: model.convolutionLength ?? 0
            case .queryGateWidth: 2 * block.queryWidth
            case .deltaWidth: model.deltaNet?.width ?? 0
            case .deltaValueWidth: model.deltaNet?.valueWidth ?? 0
            case .deltaHeads: model.deltaNet?.valueHeads ?? 0
            case .deltaGatedWidth: model.deltaNet.map { $0.width + $0.valueWidth } ?? 0
            case .deltaRates: 2 * (model.deltaNet?.valueHeads ?? 0)
            case .deltaValueSize: model.deltaNet?.valueSize ?? 0
            case .deltaTaps: model.deltaNet?.taps ?? 0
            case .expertGateUpWidth: 2 * (model.experts?.feedForwardSize ?? 0)
            case .sharedExpertFeedForward: model.experts?.sharedFeedForwardSize ?? 0
            case .one: 1
            case .perLayerInput: model.perLayerInputSize ?? 0
            case .perLayerInputsOfAllBlocks: model.blockCount * (model.perLayerInputSize ?? 0)
            case .twiceHidden: 2 * model.hiddenSize
            }
        }
    }

    /// The shape that a file of this format gives the weight, the bias, or one expert's matrix.
    package func shape(
        of role: WeightRole, in model: Hyperparameters, format: FileFormat
    ) -> [Int] {
        let canonical = shape(of: role, in: model)
        return form(of: role, in: format, model).shape(
            of: role.expert == nil ? canonical : Array(canonical.dropFirst()))
    }

    /// Whether a Hugging Face file has a tensor for each expert.
    var hasExperts: Bool { huggingFace?.utf8.contains(UInt8(ascii: "@")) ?? false }

    /// Whether the block with this 0-based index has the weight.
    package func stands(inBlock block: Int, of model: Hyperparameters) -> Bool {
        switch holders {
        case .all: true
        case .mixing(let mixer): model.kind(ofBlock: block).mixer == mixer
        case .dense: model.experts(ofBlock: block) == nil
        case .mixtures: model.experts(ofBlock: block) != nil
        case .keyMakers: model.kind(ofBlock: block).keySource == nil
        case .valueMakers:
            model.kind(ofBlock: block).keySource == nil
                && !model.kind(ofBlock: block).valuesAreKeys
        case .perLayerInputs: model.perLayerInputSize != nil
        }
    }

    /// Whether files may have the weight in a block that does not compute with it: published ones keep keys and values of
    /// blocks that read those of others.
    package func isSpare(inBlock block: Int, of model: Hyperparameters) -> Bool {
        [.keyMakers, .valueMakers].contains(holders) && model.kind(ofBlock: block).keySource != nil
    }

    /// The roles of this rule in a model's file of this format.
    func roles(
        in model: Hyperparameters, part: WeightRole.Part = .weight, format: FileFormat
    ) -> [WeightRole] {
        let roles = roles(in: model, part: part)
        guard hasExperts, format == .safetensors else { return roles }
        return roles.flatMap { role in
            (0..<(model.experts?.count ?? 0)).map { WeightRole(role.slot, part, expert: $0) }
        }
    }

    /// The roles of this rule in a model, all experts together.
    package func roles(
        in model: Hyperparameters, part: WeightRole.Part = .weight
    ) -> [WeightRole] {
        switch place {
        case .model(let slot):
            holders == .perLayerInputs && model.perLayerInputSize == nil
                ? [] : [WeightRole(slot, part)]
        case .blocks(let slot):
            (0..<model.blockCount).filter { stands(inBlock: $0, of: model) }
                .map { .block($0, slot, part) }
        }
    }

    /// Whether files of a format have the weight.
    func hasName(in format: FileFormat) -> Bool { pattern(in: format) != nil }

    private func pattern(in format: FileFormat) -> String? {
        format == .gguf ? gguf : huggingFace
    }

    func name(of role: WeightRole, in format: FileFormat) -> String? {
        guard let pattern = pattern(in: format),
            (role.expert != nil) == (hasExperts && format == .safetensors)
        else { return nil }
        guard has(role.part, in: format) else { return nil }
        let numbered = pattern.map { character in
            switch character {
            case "#": role.block.map(String.init) ?? ""
            case "@": role.expert.map(String.init) ?? ""
            default: String(character)
            }
        }
        return numbered.joined() + ending(of: role.part, in: format)
    }

    /// How the name of a part ends.
    private func ending(of part: WeightRole.Part, in format: FileFormat) -> String {
        guard bareNames.contains(format) else { return "." + part.rawValue }
        return part == .weight ? "" : "_" + part.rawValue
    }

    func role(of name: String, in format: FileFormat) -> WeightRole? {
        guard let pattern = pattern(in: format), let (stem, part) = split(name, in: format),
            has(part, in: format), let numbers = Self.numbers(in: stem, of: pattern)
        else { return nil }
        switch place {
        case .model(let slot): return WeightRole(slot, part)
        case .blocks(let slot):
            guard let block = numbers.first else { return nil }
            return WeightRole(
                .block(block, slot), part, expert: numbers.count > 1 ? numbers[1] : nil)
        }
    }

    /// A name without its ending, and the part that the ending tells; nil where it tells none.
    private func split(
        _ name: String, in format: FileFormat
    ) -> (stem: Substring.UTF8View, part: WeightRole.Part)? {
        guard !bareNames.contains(format) else {
            let ending = ending(of: .bias, in: format)
            guard bias != nil, name.hasSuffix(ending) else { return (name.utf8[...], .weight) }
            return (name.utf8.dropLast(ending.utf8.count), .bias)
        }
        guard let point = name.utf8.lastIndex(of: UInt8(ascii: ".")),
            let part = WeightRole.Part(rawValue: String(name[name.utf8.index(after: point)...]))
        else { return nil }
        return (name.utf8[..<point], part)
    }

    /// Whether files of this format have such a tensor of the layer.
    private func has(_ part: WeightRole.Part, in format: FileFormat) -> Bool {
        switch part {
        case .weight: true
        case .bias: bias?.formats.contains(format) ?? false
        case .scale, .inputScale: format == .gguf && takesScale
        }
    }

    /// The numbers that stand in a name for the marks of a pattern, or nil where the name does not follow it.
    private static func numbers(in name: Substring.UTF8View, of pattern: String) -> [Int]? {
        let marks = [UInt8(ascii: "#"), UInt8(ascii: "@")]
        let pieces = pattern.utf8.split(omittingEmptySubsequences: false) { marks.contains($0) }
        var rest = name
        var numbers: [Int] = []
        for (index, piece) in pieces.enumerated() {
            if index > 0 {
                let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                // The canonical spelling only: "01" is another name.
                guard let text = String(digits), let number = Int(text), String(number) == text
                else { return nil }
                numbers.append(number)
                rest = rest.dropFirst(digits.count)
            }
            guard rest.starts(with: piece) else { return nil }
            rest = rest.dropFirst(piece.count)
        }
        return rest.isEmpty ? numbers : nil
    }
}
