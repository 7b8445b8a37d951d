/// The numbers that shape a model, read from GGUF metadata or `config.json`.
public struct Hyperparameters: Sendable, Hashable {
    public var blockCount: Int
    /// Width of the residual stream.
    public var hiddenSize: Int
    public var feedForwardSize: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    /// Width of one attention head.
    public var headSize: Int
    public var vocabularySize: Int
    public var contextLength: Int
    public var normEpsilon: Float
    public var rope: RopeParameters
    /// Whether the output head is the token embedding.
    public var tiesEmbeddings: Bool

    public init(
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
    }

    /// Checks that the numbers are in range and fit together.
    func validate(file: String, names: Names) throws(CheckpointError) {
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
        guard rope.dimensions >= 2, rope.dimensions % 2 == 0, rope.dimensions <= headSize else {
            throw .contradiction(
                file: file,
                fact: "\(rope.dimensions) rotary dimensions do not fit heads of \(headSize)")
        }
        guard normEpsilon.isFinite, normEpsilon >= 0 else {
            throw .outOfRange(
                file: file, key: names.normEpsilon, value: "\(normEpsilon)", range: "0 or more")
        }
        guard rope.base.isFinite, rope.base > 0 else {
            throw .outOfRange(
                file: file, key: names.ropeBase, value: "\(rope.base)", range: "more than 0")
        }
        try rope.scaling.validate(file: file)
    }
}
