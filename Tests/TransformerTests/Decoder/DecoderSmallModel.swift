import Formats

@testable import Transformer

/// A small model with random weights in memory: odd sizes, grouped heads, a bias on every projection.
struct SmallModel: WeightSource {
    var configuration: DecoderConfiguration
    var matrices: [WeightRole: Matrix] = [:]
    var vectors: [WeightRole: [Float]] = [:]

    struct Matrix {
        let rows: Int
        let columns: Int
        var values: [Float]
    }

    static let sizes = Hyperparameters(
        blockCount: 3, hiddenSize: 20, feedForwardSize: 27, headCount: 6, keyValueHeadCount: 2,
        headSize: 10, vocabularySize: 37, contextLength: 2048, normEpsilon: 1e-5,
        rope: RopeParameters(base: 10_000, dimensions: 10, scaling: .none), tiesEmbeddings: false)

    init(
        _ sizes: Hyperparameters = Self.sizes, pairing: RopePairing = .halves,
        hasBiases: Bool = true,
        seed: UInt64 = 7
    ) throws {
        configuration = try DecoderConfiguration(
            sizes, architecture: .llama, format: pairing == .halves ? .safetensors : .gguf,
            file: "small")
        var random = Xoshiro256(seed: seed)
        func values(_ count: Int, scale: Double, around center: Double = 0) -> [Float] {
            (0..<count).map { _ in Float(center + scale * (2 * random.nextUnit() - 1)) }
        }
        func addMatrix(_ role: WeightRole, _ rows: Int, _ columns: Int) {
            let scale = 1.5 / Double(columns).squareRoot()
            matrices[role] = Matrix(
                rows: rows, columns: columns, values: values(rows * columns, scale: scale))
        }
        func addProjection(_ block: Int, _ slot: BlockSlot, _ rows: Int, _ columns: Int) {
            addMatrix(.block(block, slot), rows, columns)
            if hasBiases { vectors[.block(block, slot, .bias)] = values(rows, scale: 0.3) }
        }
        let (hidden, feedForward) = (sizes.hiddenSize, sizes.feedForwardSize)
        let widths = sizes.sizes(ofBlock: 0)
        let (query, keyValue) = (widths.queryWidth, widths.keyValueWidth)
        addMatrix(WeightRole(.tokenEmbedding), sizes.vocabularySize, hidden)
        if !sizes.tiesEmbeddings { addMatrix(WeightRole(.output), sizes.vocabularySize, hidden) }
        vectors[WeightRole(.outputNorm)] = values(hidden, scale: 0.2, around: 1)
        for block in 0..<sizes.blockCount {
            vectors[.block(block, .attentionNorm)] = values(hidden, scale: 0.2, around: 1)
            vectors[.block(block, .feedForwardNorm)] = values(hidden, scale: 0.2, around: 1)
            addProjection(block, .attentionQuery, query, hidden)
            addProjection(block, .attentionKey, keyValue, hidden)
            addProjection(block, .attentionValue, keyValue, hidden)
            addProjection(block, .attentionOutput, hidden, query)
            addProjection(block, .feedForwardGate, feedForward, hidden)
            addProjection(block, .feedForwardUp, feedForward, hidden)
            addProjection(block, .feedForwardDown, hidden, feedForward)
        }
    }

    var path: String { "small" }

    func name(of role: WeightRole) -> String { role.description }

    func matrix(_ role: WeightRole) throws -> WeightMatrix? {
        matrices[role].map {
            WeightMatrix(rows: $0.rows, columns: $0.columns, buffer: FloatBuffer($0.values))
        }
    }

    func vector(_ role: WeightRole) throws -> FloatBuffer? { vectors[role].map { FloatBuffer($0) } }

    func decoder(threads: Int = 2) throws -> Decoder {
        try Decoder(configuration, weights: self, crew: WorkCrew(threads: threads))
    }

    /// Tokens that differ from each other and stay in the vocabulary.
    func tokens(_ count: Int, seed: UInt64 = 3) -> [Int] {
        var random = Xoshiro256(seed: seed)
        return (0..<count).map { _ in
            Int(random.next() % UInt64(configuration.sizes.vocabularySize))
        }
    }
}

/// The largest difference of two arrays, relative to the largest number of the second.
func relativeDifference(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.reduce(1e-30) { max($0, Double(abs($1))) }
    return zip(found, expected).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) } / scale
}
