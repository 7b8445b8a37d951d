/// The numbers that shape a model, read from GGUF metadata or `config.json`.
package struct Hyperparameters: Sendable, Hashable {
    package var blockCount: Int
    /// Width of the residual stream.
    package var hiddenSize: Int
    package var feedForwardSize: Int
    package var headCount: Int
    package var keyValueHeadCount: Int
    /// Width of one attention head.
    package var headSize: Int
    package var vocabularySize: Int
    package var contextLength: Int
    package var normEpsilon: Float
    package var rope: RopeParameters
    /// Whether the output head is the token embedding.
    package var tiesEmbeddings: Bool
    /// The context length before a long rope, where the files name it.
    package var originalContextLength: Int?
    /// The function between the feed-forward part's projections.
    package var activation = Activation.silu
    /// Whether attention and the feed-forward part both read the block's input, as in GPT-NeoX.
    package var isParallel = false
    /// What attention's scores are multiplied by; nil for 1/√headSize.
    package var attentionScale: Double?
    /// Attention's scores s become cap · tanh(s / cap); nil leaves them as they are.
    package var scoreCap: Double?
    /// The same for the logits.
    package var logitCap: Double?
    /// Blocks that see only the last positions; nil where all see every position.
    package var window: SlidingWindow?
    /// A window that the file names and its runtime does not compute; a Hugging Face folder gets it back.
    package var unusedWindow: Int?
    /// What embeddings are multiplied by.
    package var embeddingScale = 1.0
    /// What a sub-layer's output is multiplied by before it joins the residual stream.
    package var residualScale = 1.0
    /// What the head's outputs are multiplied by.
    package var logitScale = 1.0
    /// A mixture of experts in place of every block's feed-forward part; nil where the model is dense.
    package var experts: Experts?

    package init(
        blockCount: Int, hiddenSize: Int, feedForwardSize: Int, headCount: Int,
        keyValueHeadCount: Int,
        headSize: Int, vocabularySize: Int, contextLength: Int, normEpsilon: Float,
        rope: RopeParameters,
        tiesEmbeddings: Bool
    ) {
        self.blockCount = blockCount
        self.hiddenSize = hiddenSize
        self.feedForwardSize = feedForwardSize
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headSize = headSize
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.normEpsilon = normEpsilon
        self.rope = rope
        self.tiesEmbeddings = tiesEmbeddings
    }

    /// The largest value a size may have; larger ones are mistakes or attacks, and would overflow products.
    static let largestSize = 1 << 24

    /// What a file calls the numbers, for messages.
    struct Names {
        let blockCount, hiddenSize, feedForwardSize, headCount, keyValueHeadCount, headSize: String
        let vocabularySize, contextLength, normEpsilon, ropeBase: String
        /// Whether the width of a head is that of the stream over their number, because the file does not say.
        let derivesHeadSize: Bool
    }

    /// Checks that the numbers are in range and fit together.
    func validate(
        file: String, names: Names, positions: Architecture.Positions
    ) throws(CheckpointError) {
        let sizes = [
            (names.blockCount, blockCount), (names.hiddenSize, hiddenSize),
            (names.feedForwardSize, feedForwardSize), (names.headCount, headCount),
            (names.keyValueHeadCount, keyValueHeadCount), (names.headSize, headSize),
            (names.vocabularySize, vocabularySize),
        ]
        for (name, value) in sizes where value < 1 || value > Self.largestSize {
            throw .outOfRange(
                file: file, key: name, value: String(value), range: "1…\(Self.largestSize)")
        }
        guard (1...Int(Int32.max)).contains(contextLength) else {
            throw .outOfRange(
                file: file, key: names.contextLength, value: String(contextLength),
                range: "1…\(Int32.max)")
        }
        guard headCount % keyValueHeadCount == 0 else {
            throw .contradiction(
                file: file,
                fact: "\(names.headCount) \(headCount) is no multiple of "
                    + "\(names.keyValueHeadCount) \(keyValueHeadCount)")
        }
        guard headSize * headCount == hiddenSize || !names.derivesHeadSize else {
            throw .contradiction(
                file: file,
                fact: "\(names.hiddenSize) \(hiddenSize) is no multiple of \(names.headCount) "
                    + "\(headCount), and '\(names.headSize)' is missing")
        }
        guard normEpsilon.isFinite, normEpsilon >= 0 else {
            throw .outOfRange(
                file: file, key: names.normEpsilon, value: "\(normEpsilon)", range: "0 or more")
        }
        guard positions == .rotary else { return }
        guard rope.dimensions >= 2, rope.dimensions % 2 == 0, rope.dimensions <= headSize else {
            throw .contradiction(
                file: file,
                fact: "\(rope.dimensions) rotary dimensions do not fit heads of \(headSize)")
        }
        guard rope.base.isFinite, rope.base > 1 else {
            throw .outOfRange(
                file: file, key: names.ropeBase, value: "\(rope.base)", range: "more than 1")
        }
        try rope.scaling.validate(file: file)
    }

    /// Checks the numbers that only some families have.
    func validateTraits(file: String) throws(CheckpointError) {
        if let experts {
            let sizes = [
                ("number of experts", experts.count, Self.largestSize),
                ("number of experts a token uses", experts.usedCount, experts.count),
                ("width of an expert", experts.feedForwardSize, Self.largestSize),
            ]
            for (name, value, limit) in sizes where value < 1 || value > limit {
                throw .outOfRange(file: file, key: name, value: String(value), range: "1…\(limit)")
            }
        }
        if let window {
            guard (1...Int(Int32.max)).contains(window.size), window.globalEvery >= 0 else {
                throw .outOfRange(
                    file: file, key: "sliding window", value: String(window.size),
                    range: "1…\(Int32.max)")
            }
        }
        let factors = [
            ("attention scale", attentionScale ?? 1), ("cap of attention's scores", scoreCap ?? 1),
            ("cap of the logits", logitCap ?? 1), ("embedding scale", embeddingScale),
            ("residual scale", residualScale), ("logit scale", logitScale),
            ("rotary base of windows", window?.ropeBase ?? 1),
        ]
        for (name, value) in factors where !(value.isFinite && value > 0) {
            throw .outOfRange(file: file, key: name, value: "\(value)", range: "more than 0")
        }
    }
}
