public import Formats

/// A projection: a matrix, and a bias where the checkpoint has one.
public struct Projection: Sendable {
    /// (outputs, inputs)
    public let weight: WeightMatrix
    /// (outputs)
    public let bias: FloatBuffer?
    /// A low-rank update beside the matrix.
    public let adapter: LowRankAdapter?
}

/// The weights of one block.
public struct BlockWeights: Sendable {
    /// (hidden size)
    public let attentionNorm: FloatBuffer
    public let query: Projection
    public let key: Projection
    public let value: Projection
    public let attentionOutput: Projection
    /// (hidden size)
    public let feedForwardNorm: FloatBuffer
    public let gate: Projection
    public let up: Projection
    public let down: Projection
}

/// The weights of a whole decoder.
///
/// Matrices stay in the file's type, mapped, unless the source holds them in memory; vectors are copied.
public struct DecoderWeights: Sendable {
    /// (vocabulary, hidden size)
    public let embedding: WeightMatrix
    public let blocks: [BlockWeights]
    /// (hidden size)
    public let outputNorm: FloatBuffer
    /// (vocabulary, hidden size): the checkpoint's own, else the embedding.
    public let head: Projection
    /// The role of the head's matrix: the embedding's where the two are tied.
    public let headRole: WeightRole

    /// Takes every weight from the source and checks its presence and shape.
    ///
    /// - Throws: `DecoderError.missingWeight`, `.wrongShape`, and what the source throws.
    public init(_ source: some WeightSource, _ configuration: DecoderConfiguration) throws {
        let sizes = configuration.sizes
        let loader = WeightLoader(source: source)
        embedding = try loader.matrix(
            WeightRole(.tokenEmbedding), rows: sizes.vocabularySize, columns: sizes.hiddenSize)
        outputNorm = try loader.vector(WeightRole(.outputNorm), count: sizes.hiddenSize)
        // As transformers does, a head of its own wins over a flag that says it is tied.
        let output = WeightRole(.output)
        let ownHead = try loader.optionalMatrix(
            output, rows: sizes.vocabularySize, columns: sizes.hiddenSize)
        guard ownHead != nil || sizes.tiesEmbeddings else {
            throw DecoderError.missingWeight(file: source.path, role: output)
        }
        head = Projection(
            weight: ownHead ?? embedding,
            bias: try loader.optionalVector(
                WeightRole(.output, .bias), count: sizes.vocabularySize),
            adapter: nil)
        headRole = ownHead == nil ? WeightRole(.tokenEmbedding) : output
        var blocks: [BlockWeights] = []
        for index in 0..<sizes.blockCount {
            blocks.append(try loader.block(index, configuration))
        }
        self.blocks = blocks
    }
}

/// Fetches weights by role and refuses those that do not fit.
private struct WeightLoader<Source: WeightSource> {
    let source: Source

    func block(_ index: Int, _ configuration: DecoderConfiguration) throws -> BlockWeights {
        let hidden = configuration.sizes.hiddenSize
        let feedForward = configuration.sizes.feedForwardSize
        let (query, keyValue) = (configuration.queryWidth, configuration.keyValueWidth)
        func projection(_ slot: BlockSlot, rows: Int, columns: Int) throws -> Projection {
            Projection(
                weight: try matrix(.block(index, slot), rows: rows, columns: columns),
                bias: try optionalVector(.block(index, slot, .bias), count: rows),
                adapter: try source.adapter(.block(index, slot)))
        }
        return BlockWeights(
            attentionNorm: try vector(.block(index, .attentionNorm), count: hidden),
            query: try projection(.attentionQuery, rows: query, columns: hidden),
            key: try projection(.attentionKey, rows: keyValue, columns: hidden),
            value: try projection(.attentionValue, rows: keyValue, columns: hidden),
            attentionOutput: try projection(.attentionOutput, rows: hidden, columns: query),
            feedForwardNorm: try vector(.block(index, .feedForwardNorm), count: hidden),
            gate: try projection(.feedForwardGate, rows: feedForward, columns: hidden),
            up: try projection(.feedForwardUp, rows: feedForward, columns: hidden),
            down: try projection(.feedForwardDown, rows: hidden, columns: feedForward))
    }

    func matrix(_ role: WeightRole, rows: Int, columns: Int) throws -> WeightMatrix {
        guard let matrix = try optionalMatrix(role, rows: rows, columns: columns) else {
            throw DecoderError.missingWeight(file: source.path, role: role)
        }
        return matrix
    }

    func optionalMatrix(_ role: WeightRole, rows: Int, columns: Int) throws -> WeightMatrix? {
        guard let matrix = try source.matrix(role) else { return nil }
        try check(role, expected: [rows, columns], found: [matrix.rows, matrix.columns])
        return matrix
    }

    func vector(_ role: WeightRole, count: Int) throws -> FloatBuffer {
        guard let vector = try optionalVector(role, count: count) else {
            throw DecoderError.missingWeight(file: source.path, role: role)
        }
        return vector
    }

    func optionalVector(_ role: WeightRole, count: Int) throws -> FloatBuffer? {
        guard let vector = try source.vector(role) else { return nil }
        try check(role, expected: [count], found: [vector.count])
        return vector
    }

    private func check(_ role: WeightRole, expected: [Int], found: [Int]) throws(DecoderError) {
        guard expected == found else {
            throw .wrongShape(
                file: source.path, tensor: source.name(of: role), expected: expected, found: found)
        }
    }
}
