public import Formats
import Synchronization
public import Transformer

/// Finding a behaviour direction in a model by contrast pairs.
public struct Extraction {
    /// What to look for and how.
    public struct Options: Sendable {
        public var method: ExtractionMethod
        public var position: Position
        public var site: Site
        /// Nil: all.
        public var blocks: [Int]?
        public var normalization: Normalization

        public init(
            method: ExtractionMethod = .mean, position: Position = .index(-1),
            site: Site = .residPost,
            blocks: [Int]? = nil, normalization: Normalization = .none
        ) {
            self.method = method
            self.position = position
            self.site = site
            self.blocks = blocks
            self.normalization = normalization
        }
    }

    /// How long the directions are.
    public enum Normalization: String, Sendable, CaseIterable {
        /// As long as the mean projection of the pairs' differences on the direction, so that strength 1 moves an
        /// average negative prompt as far as the positive one.
        case none
        /// Length 1.
        case unit
    }

    /// What was found in one block.
    public struct BlockResult: Sendable {
        public let block: Int
        /// Length of the direction before normalisation: the mean projection of the differences on it.
        public let length: Double
        /// Mean norm of the activations.
        public let activationNorm: Double
        /// Share of pairs whose difference points along the direction.
        public let signAgreement: Double
        /// On pairs held out by cross-validation; nil where there is only one pair.
        public let heldOut: Separation?
    }

    public let vector: SteeringVector
    public let blocks: [BlockResult]
    public let tokenCount: Int

    /// The number of folds of the cross-validation.
    public static let folds = 5

    /// Extracts a vector.
    ///
    /// - Parameters:
    ///   - prompts: the tokens of each pair's two sides.
    ///   - modelHint: the architecture's name, kept in the vector.
    ///   - progress: called with tokens done and tokens in all.
    /// - Throws: `VectorError.noSuchBlock`, `PromptError.noSuchToken`, `ExtractionError.noDirection` where the sides do
    ///   not differ in a block; what the decoder throws.
    public init(
        decoder: Decoder, crew: WorkCrew,
        prompts: [(positive: TokenSequence, negative: TokenSequence)], options: Options,
        modelHint: String,
        baseHash: String?, progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let blockCount = decoder.configuration.sizes.blockCount
        let wanted = options.site == .embed ? [0] : options.blocks ?? Array(0..<blockCount)
        if let outside = wanted.first(where: { $0 >= blockCount || $0 < 0 }) {
            throw VectorError.noSuchBlock(file: "--blocks", block: outside, blockCount: blockCount)
        }
        guard !prompts.isEmpty else { throw ExtractionError.noPairs }
        let recorder = ActivationRecorder(
            decoder: decoder, site: options.site, position: options.position, blocks: wanted)
        let sides = prompts.map(\.positive) + prompts.map(\.negative)
        let activations = try recorder.activations(of: sides, progress: progress)
        tokenCount = sides.reduce(0) { $0 + $1.tokens.count }

        let found = ResultBox<(BlockResult, [Float])?>(repeating: nil, count: wanted.count)
        crew.run(wanted.count) { index in
            guard let samples = activations[wanted[index]] else { return }
            found[index] = Self.analyse(samples, block: wanted[index], options: options)
        }
        var directions: [Int: [Float]] = [:]
        var results: [BlockResult] = []
        for (index, block) in wanted.enumerated() {
            guard let (result, direction) = found[index] else {
                throw ExtractionError.noDirection(block: block)
            }
            results.append(result)
            directions[block] = direction
        }
        blocks = results
        vector = SteeringVector(
            site: options.site, directions: directions,
            provenance: SteeringVector.Provenance(
                modelHint: modelHint, method: options.method.rawValue, token: options.position.text,
                normalization: options.normalization.rawValue, baseHash: baseHash,
                pairCount: prompts.count,
                signAgreement: Dictionary(
                    uniqueKeysWithValues: results.map { ($0.block, Float($0.signAgreement)) }),
                activationNorm: Dictionary(
                    uniqueKeysWithValues: results.map { ($0.block, Float($0.activationNorm)) })))
    }

    /// The direction of one block and how good it is; nil where the pairs give none.
    private static func analyse(
        _ samples: SampleMatrix, block: Int, options: Options
    ) -> (BlockResult, [Float])? {
        let pairs = samples.rows / 2
        var positive = SampleMatrix(width: samples.width, rows: pairs)
        var negative = SampleMatrix(width: samples.width, rows: pairs)
        var differences = SampleMatrix(width: samples.width, rows: pairs)
        for pair in 0..<pairs {
            positive[pair] = samples[pair]
            negative[pair] = samples[pairs + pair]
            differences[pair] = zip(samples[pair], samples[pairs + pair]).map { $0 - $1 }[...]
        }
        func oriented(_ chosen: [Int]) -> (unit: [Float], length: Double)? {
            let raw = options.method.direction(
                positive: positive, negative: negative, differences: differences, chosen: chosen)
            let norm = SampleMatrix.norm(raw[...])
            guard norm > 0, norm.isFinite else { return nil }
            let unit = raw.map { Float(Double($0) / norm) }
            // The sign is that of the mean projection of the differences.
            let projection = SampleMatrix.dot(differences.mean(of: chosen)[...], unit[...])
            return (projection < 0 ? unit.map { -$0 } : unit, abs(projection))
        }
        guard let (unit, length) = oriented(Array(0..<pairs)), length > 0 else { return nil }
        let agreement = differences.projections(on: unit).count { $0 > 0 }
        let norms = (0..<samples.rows).map { SampleMatrix.norm(samples[$0]) }
        let result = BlockResult(
            block: block, length: length, activationNorm: norms.reduce(0, +) / Double(norms.count),
            signAgreement: Double(agreement) / Double(pairs),
            heldOut: heldOut(pairs: pairs, positive: positive, negative: negative) {
                oriented($0)?.unit
            })
        let scale = options.normalization == .unit ? 1 : length
        return (result, unit.map { Float(Double($0) * scale) })
    }

    /// Cross-validation: each pair is judged by a direction that was found without it.
    private static func heldOut(
        pairs: Int, positive: SampleMatrix, negative: SampleMatrix, direction: ([Int]) -> [Float]?
    ) -> Separation? {
        guard pairs >= 2 else { return nil }
        let folds = min(Self.folds, pairs)
        var up: [Double] = []
        var down: [Double] = []
        for fold in 0..<folds {
            guard let unit = direction((0..<pairs).filter { $0 % folds != fold }) else {
                return nil
            }
            for pair in 0..<pairs where pair % folds == fold {
                up.append(SampleMatrix.dot(positive[pair], unit[...]))
                down.append(SampleMatrix.dot(negative[pair], unit[...]))
            }
        }
        return Separation(positive: up, negative: down)
    }
}

/// Contrast pairs that give no direction.
public enum ExtractionError: Failure, Equatable {
    case noPairs
    case noDirection(block: Int)

    public var kind: FailureKind { .input }

    public var description: String {
        switch self {
        case .noPairs: "there are no contrast pairs"
        case .noDirection(let block):
            "block \(block): the pairs' two sides do not differ on average at the chosen token"
        }
    }
}

/// Results of parallel work, each index written once by whoever did it.
final class ResultBox<Value: Sendable>: Sendable {
    private let values: Mutex<[Value]>

    init(repeating value: Value, count: Int) {
        values = Mutex([Value](repeating: value, count: count))
    }

    subscript(index: Int) -> Value {
        get { values.withLock { $0[index] } }
        set { values.withLock { $0[index] = newValue } }
    }
}
