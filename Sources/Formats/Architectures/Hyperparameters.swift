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
    /// β where queries are multiplied by 1 + β ln(1 + ⌊position / context⌋) after rotation, the context being the one before
    /// YaRN; nil where they are not.
    package var queryGrowth: Double?
    /// Attention's scores s become cap · tanh(s / cap); nil leaves them as they are.
    package var scoreCap: Double?
    /// The same for the logits.
    package var logitCap: Double?
    /// The table of blocks, in their order; blocks beyond it are plain.
    package var blockKinds: [BlockKind] = []
    /// A window that the file names and its runtime does not compute; a Hugging Face folder gets it back.
    package var unusedWindow: Int?
    /// The same of blocks that the model does not have.
    package var unusedStateSpace: StateSpaceSizes?
    /// The width of an input that each block has beside the stream; nil where there is none.
    package var perLayerInputSize: Int?
    /// What embeddings are multiplied by.
    package var embeddingScale = 1.0
    /// What a sub-layer's output is multiplied by before it joins the residual stream.
    package var residualScale = 1.0
    /// What the head's outputs are multiplied by.
    package var logitScale = 1.0
    /// How many positions a short convolution sees, a token's own among them; nil where no block has one.
    package var convolutionLength: Int?
    /// The gated delta nets in place of attention in some blocks; nil where none has one.
    package var deltaNet: DeltaNetSizes?
    /// Blocks after the last whose output is a guess at further tokens; nothing of the model's own depends on them.
    package var predictionBlocks = 0
    /// How many pairs of rotated dimensions turn with each of a picture's three positions; text has one position, by which all
    /// turn. Nil where files do not say.
    package var ropeSections: [Int]?
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
}
