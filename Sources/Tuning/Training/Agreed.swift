// Declarations written elsewhere; this file goes when they arrive.
public import Formats
public import Transformer

/// Which weights of a model are tuned.
public struct WeightSelection: Sendable, Hashable {
    /// In the order of the model: embedding, blocks, last norm, head.
    public let roles: [WeightRole]

    /// The projections and norms of a block, in the order of the forward pass.
    public static let blockProjections: [BlockSlot] = [
        .attentionQuery, .attentionKey, .attentionValue, .attentionOutput, .feedForwardGate,
        .feedForwardUp, .feedForwardDown,
    ]

    /// Chooses those weights that the checkpoint has, each projection with its bias.
    ///
    /// - Parameters:
    ///   - blocks: 0-based.
    ///   - slots: the places in these blocks.
    ///   - model: further places outside the blocks.
    /// - Throws: `TrainingError.nothingToTune` where the checkpoint has none of them.
    public init(
        blocks: [Int], slots: [BlockSlot], model: [WeightRole.Slot] = [], of base: Checkpoint
    ) throws(TrainingError) {
        var roles: [WeightRole] = []
        func take(_ slot: WeightRole.Slot) {
            for part in [WeightRole.Part.weight, .bias] {
                let role = WeightRole(slot, part)
                if base.tensor(role) != nil { roles.append(role) }
            }
        }
        if model.contains(.tokenEmbedding) { take(.tokenEmbedding) }
        for block in Set(blocks).sorted() {
            for slot in BlockSlot.allCases where slots.contains(slot) { take(.block(block, slot)) }
        }
        if model.contains(.outputNorm) { take(.outputNorm) }
        if model.contains(.output) { take(.output) }
        guard !roles.isEmpty else { throw .nothingToTune(file: base.path) }
        self.roles = roles
    }
}

/// How weights are tuned.
public enum TuningForm: Sendable, Hashable {
    /// Every number of the weight.
    case full
    /// A low-rank update beside the weight, (α / rank) · B · A (LoRA, arXiv 2106.09685).
    case lowRank(rank: Int, alpha: Float)
}

/// One tensor that tuning changes.
public final class TunedParameter: Sendable {
    /// What the tensor is of its weight.
    public enum Factor: String, Sendable {
        /// The weight itself.
        case whole
        /// A of a low-rank update, (rank, inputs).
        case down = "lora_a"
        /// B of a low-rank update, (outputs, rank).
        case up = "lora_b"
    }

    public let role: WeightRole
    public let factor: Factor
    public let shape: [Int]
    public let values: FloatBuffer
    /// As long as the values; what a backward pass adds to.
    public let gradient: FloatBuffer

    init(_ role: WeightRole, _ factor: Factor, shape: [Int], values: FloatBuffer) {
        self.role = role
        self.factor = factor
        self.shape = shape
        self.values = values
        gradient = FloatBuffer(count: values.count)
    }

    /// A name that stays the same from run to run: `block 10 attentionValue weight`, `… lora_a`.
    public var name: String {
        factor == .whole ? role.description : "\(role) \(factor.rawValue)"
    }
}

/// A tuning that cannot be done as it was asked for.
public enum TrainingError: Failure, Equatable {
    case nothingToTune(file: String)
    case noMatrix(file: String, tensor: String)
    case rankTooLarge(tensor: String, rank: Int, limit: Int)
    case notLowRank
    case noTerms
    case noVector(block: Int, blocks: [Int])
    case wrongWidth(block: Int, width: Int, model: Int)
    case noLength(block: Int)
    case unreachable(goal: String, site: String, block: Int)
    case badPosition(place: String, position: String, count: Int)
    case noChoices(place: String)
    case noTexts

    public var kind: FailureKind {
        switch self {
        case .badPosition, .noChoices, .noLength: .input
        default: .usage
        }
    }

    public var description: String {
        switch self {
        case .nothingToTune(let file): "\(file): has none of the weights that are to be tuned"
        case .noMatrix(let file, let tensor):
            "\(file): tensor '\(tensor)' is no matrix of a block, so it can have no low-rank update"
        case .rankTooLarge(let tensor, let rank, let limit):
            "tensor '\(tensor)': a low-rank update of rank \(rank) is no smaller than the tensor; at most \(limit)"
        case .notLowRank: "weights that are tuned in full make no adapter"
        case .noTerms: "there is no objective"
        case .noVector(let block, let blocks):
            "the objective has no direction for block \(block); it has \(BlockSet.text(blocks))"
        case .wrongWidth(let block, let width, let model):
            "block \(block): the direction is \(width) wide, but the model's stream is \(model) wide"
        case .noLength(let block): "block \(block): the direction has no length"
        case .unreachable(let goal, let site, let block):
            "objective '\(goal)' at \(site) of block \(block): none of the weights it may reach lies below"
        case .badPosition(let place, let position, let count):
            "\(place): position '\(position)' does not exist in \(count) tokens"
        case .noChoices(let place): "\(place): has no choices with probabilities"
        case .noTexts: "objective 'keep' needs ordinary text"
        }
    }
}

/// One term of what tuning minimises.
///
/// Representation terms are those of Representation Tuning (arXiv 2409.06927): they act on the residual stream at a
/// site of some blocks, token terms on the logits.
public struct ObjectiveTerm: Sendable, Hashable {
    public enum Goal: Sendable, Hashable {
        /// (1 − cos(h, v)) / 2 for each block that has a direction; nothing pulls beyond a cosine of `limit`.
        case toward([Int: [Float]], limit: Float)
        /// |cos(h, v)| for each block that has a direction.
        case away([Int: [Float]])
        /// Cross-entropy of the completion's tokens.
        case token
        /// Cross-entropy of the choices as completions, with their probabilities.
        case soft
        /// KL(untuned ‖ tuned) at every position of ordinary text.
        case keep

        /// The word that names the goal in options and records.
        public var name: String {
            switch self {
            case .toward: "toward"
            case .away: "away"
            case .token: "token"
            case .soft: "soft"
            case .keep: "keep"
            }
        }

        /// The directions of a representation term, by block.
        var directions: [Int: [Float]]? {
            switch self {
            case .toward(let directions, _), .away(let directions): directions
            case .token, .soft, .keep: nil
            }
        }
    }

    public var goal: Goal
    /// What the loss is multiplied by in the total.
    public var weight: Float
    /// Where representation terms read the stream.
    public var site: Site
    /// At which tokens of the example; losses of several tokens are averaged.
    public var position: Position
    /// The weights the term's gradient may reach; nil for all that are tuned.
    public var reach: Set<WeightRole>?

    public init(
        _ goal: Goal, weight: Float = 1, site: Site = .residPost,
        position: Position = .beforeCompletion(1), reach: Set<WeightRole>? = nil
    ) {
        self.goal = goal
        self.weight = weight
        self.site = site
        self.position = position
        self.reach = reach
    }
}

/// One example of the tuning data, as tokens.
public struct TuningExample: Sendable {
    public let prompt: [Int]
    public let completion: [Int]
    /// For soft targets: completions and their probabilities.
    public let choices: [(tokens: [Int], probability: Float)]
    /// File and line, for messages.
    public let place: String

    public init(
        prompt: [Int], completion: [Int], choices: [(tokens: [Int], probability: Float)] = [],
        place: String
    ) {
        self.prompt = prompt
        self.completion = completion
        self.choices = choices
        self.place = place
    }
}

/// What one step of tuning sees.
public struct TuningBatch: Sendable {
    public var examples: [TuningExample]
    /// Windows of ordinary text, for `keep`.
    public var texts: [[Int]]

    public init(examples: [TuningExample], texts: [[Int]] = []) {
        self.examples = examples
        self.texts = texts
    }
}

/// The losses of one batch.
public struct StepLosses: Sendable, Hashable {
    /// The mean loss of each term, without its weight.
    public var terms: [Double]
    /// The sum of the terms with their weights.
    public var total: Double
    /// The mean cosine of stream and direction at the places of the representation terms, by block.
    public var cosines: [Int: Double]
    /// How many tokens went through the model.
    public var tokens: Int

    /// The mean of the blocks' cosines; nil without representation terms.
    public var cosine: Double? {
        cosines.isEmpty ? nil : cosines.values.reduce(0, +) / Double(cosines.count)
    }
}

public final class TuningModel {
    public let base: Checkpoint
    public let decoder: Decoder
    public let baseDecoder: Decoder
    public let parameters: [TunedParameter]
    public init(
        base: Checkpoint, selection: WeightSelection, form: TuningForm, seed: UInt64, crew: WorkCrew
    ) throws {
        self.base = base
        decoder = try Decoder(checkpoint: base, crew: crew)
        baseDecoder = decoder
        parameters = []
    }
    public enum OutputType: Sendable, Hashable {
        case automatic
        case keep
        case type(ElementType)
    }
    public func edits(as type: OutputType = .automatic) -> [CheckpointEdit] { [] }
    public func adapter() throws -> Adapter { Adapter() }
}
public struct Adapter: Sendable {
    public var updates: [Int] = []
    public func write(
        to path: String, for checkpoint: Checkpoint, baseName: String?, replacing: Bool
    ) throws {}
}
public final class ObjectiveEngine {
    public let model: TuningModel
    public init(model: TuningModel, terms: [ObjectiveTerm]) throws { self.model = model }
    public func addGradients(_ batch: TuningBatch) throws -> StepLosses {
        StepLosses(terms: [], total: 0, cosines: [:], tokens: 0)
    }
    public func losses(_ batch: TuningBatch) throws -> StepLosses {
        StepLosses(terms: [], total: 0, cosines: [:], tokens: 0)
    }
}
