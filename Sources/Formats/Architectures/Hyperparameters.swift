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
        blockCount: Int, hiddenSize: Int, feedForwardSize: Int, headCount: Int, keyValueHeadCount: Int,
        headSize: Int, vocabularySize: Int, contextLength: Int, normEpsilon: Float, rope: RopeParameters,
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

    /// Checks that the numbers fit together; `name` gives the file's own name of a number for the message.
    func validate(file: String, name: (PartialKeyPath<Hyperparameters> & Sendable) -> String) throws(CheckpointError) {
        let sizes: [KeyPath<Hyperparameters, Int> & Sendable] = [
            \.blockCount, \.hiddenSize, \.feedForwardSize, \.headCount, \.keyValueHeadCount, \.headSize,
            \.vocabularySize, \.contextLength,
        ]
        for size in sizes {
            let value = self[keyPath: size]
            let limit = size == \.contextLength ? Int(Int32.max) : Self.largestSize
            guard value >= 1, value <= limit else {
                throw .outOfRange(
                    file: file, key: name(size), value: String(value), range: "1…\(limit)")
            }
        }
        guard headCount % keyValueHeadCount == 0 else {
            throw .contradiction(
                file: file,
                fact: "\(name(\.headCount)) \(headCount) is no multiple of "
                    + "\(name(\.keyValueHeadCount)) \(keyValueHeadCount)")
        }
        guard rope.dimensions >= 2, rope.dimensions % 2 == 0, rope.dimensions <= headSize else {
            throw .contradiction(
                file: file,
                fact: "\(rope.dimensions) rotary dimensions do not fit heads of \(headSize)")
        }
        guard normEpsilon.isFinite, normEpsilon >= 0 else {
            throw .outOfRange(
                file: file, key: name(\.normEpsilon), value: "\(normEpsilon)", range: "0 or more")
        }
        guard rope.base.isFinite, rope.base > 0 else {
            throw .outOfRange(
                file: file, key: name(\.rope), value: "\(rope.base)", range: "more than 0")
        }
        try rope.scaling.validate(file: file)
    }
}
