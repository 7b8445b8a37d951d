// Declarations written elsewhere; this file goes when they arrive.
public import Formats
public import Transformer

public struct WeightSelection: Sendable, Hashable {
    public var roles: [WeightRole]
    public init(roles: [WeightRole]) { self.roles = roles }
}
public enum TuningForm: Sendable, Hashable {
    case full
    case lowRank(rank: Int, alpha: Float)
}
public final class TunedParameter: Sendable {
    public enum Factor: Sendable { case whole, down, up }
    public let name: String
    public let role: WeightRole
    public let factor: Factor
    public let shape: [Int]
    public let values: FloatBuffer
    public let gradient: FloatBuffer
    init(name: String, role: WeightRole, factor: Factor, shape: [Int], values: FloatBuffer) {
        (self.name, self.role, self.factor, self.shape, self.values) = (
            name, role, factor, shape, values
        )
        gradient = FloatBuffer(count: values.count)
    }
}
public final class TuningModel {
    public let decoder: Decoder
    public let parameters: [TunedParameter]
    public init(
        base: Checkpoint, selection: WeightSelection, form: TuningForm, seed: UInt64, crew: WorkCrew
    ) throws {
        decoder = try Decoder(checkpoint: base, crew: crew)
        parameters = []
    }
    public func edits(type: ElementType?) -> [CheckpointEdit] { [] }
    public func adapter() throws -> Adapter { Adapter() }
}
public struct Adapter: Sendable {
    public func write(
        to path: String, for checkpoint: Checkpoint, baseName: String?, replacing: Bool
    ) throws {}
}
public struct TuningExample: Sendable {
    public let index: Int
    public let prompt: [Int]
    public let completion: [Int]
    public let choices: [(tokens: [Int], probability: Float)]
    public let place: String
}
/// Which tokens of a sequence are looked at. A sequence is a prompt and then a completion: the assistant's own text,
/// which may be empty.
///
/// Several tokens stand for the mean over them.
public enum Position: Sendable, Hashable {
    /// A token of the whole sequence; negative ones count from the end, −1 being the last.
    case index(Int)
    /// The N-th token before the completion, N ≥ 1: 1 is the last of the prompt.
    case beforeCompletion(Int)
    /// All tokens of the sequence.
    case all
    /// All tokens before the completion.
    case prompt
    /// All tokens of the completion.
    case completion

    private static let beforeCompletionPrefix = "before-completion:"

    /// Reads `last`, `mean` (or `all`), `prompt`, `completion`, `before-completion:N` or an integer; nil for anything
    /// else.
    public init?(_ text: String) {
        switch text {
        case "last": self = .index(-1)
        case "mean", "all": self = .all
        case "prompt": self = .prompt
        case "completion": self = .completion
        default:
            if text.hasPrefix(Self.beforeCompletionPrefix) {
                let digits = text.dropFirst(Self.beforeCompletionPrefix.count)
                guard let distance = Int(digits), distance >= 1 else { return nil }
                self = .beforeCompletion(distance)
            } else {
                guard let index = Int(text) else { return nil }
                self = .index(index)
            }
        }
    }

    /// The text that reads back as this position.
    public var text: String {
        switch self {
        case .index(-1): "last"
        case .index(let index): String(index)
        case .beforeCompletion(let distance): Self.beforeCompletionPrefix + String(distance)
        case .all: "mean"
        case .prompt: "prompt"
        case .completion: "completion"
        }
    }

    /// The tokens meant in a sequence of `totalCount` tokens, the first `promptCount` of which come before the
    /// completion; nil where it has none such.
    ///
    /// - Precondition: 0 ≤ `promptCount` ≤ `totalCount`.
    public func tokens(promptCount: Int, totalCount: Int) -> Range<Int>? {
        let range: Range<Int>
        switch self {
        case .index(let index):
            // Compared before adding: an index may be as large as an integer can be.
            guard index >= -totalCount, index < totalCount else { return nil }
            let place = index < 0 ? totalCount + index : index
            range = place..<place + 1
        case .beforeCompletion(let distance):
            guard distance >= 1, distance <= promptCount else { return nil }
            range = promptCount - distance..<promptCount - distance + 1
        case .all: range = 0..<totalCount
        case .prompt: range = 0..<promptCount
        case .completion: range = promptCount..<totalCount
        }
        return range.isEmpty ? nil : range
    }
}
public struct ObjectiveTerm: Sendable, Hashable {
    public enum Goal: Sendable, Hashable {
        case toward(vector: [Int: [Float]], limit: Float)
        case away(vector: [Int: [Float]])
        case token, soft, keep
    }
    public var goal: Goal
    public var weight: Float
    public var site: Site
    public var position: Position
    public var reach: Set<WeightRole>?
    public init(
        goal: Goal, weight: Float, site: Site, position: Position, reach: Set<WeightRole>?
    ) {
        (self.goal, self.weight, self.site, self.position, self.reach) = (
            goal, weight, site, position, reach
        )
    }
}
public final class ObjectiveEngine {
    public init(model: TuningModel, terms: [ObjectiveTerm]) throws {}
    public func addGradients(_ batch: TuningBatch) throws -> StepLosses {
        StepLosses(terms: [], total: 0, cosine: nil, tokens: 0)
    }
    public func losses(_ batch: TuningBatch) throws -> StepLosses {
        StepLosses(terms: [], total: 0, cosine: nil, tokens: 0)
    }
}
public struct TuningBatch: Sendable {
    public var examples: [TuningExample]
    public var texts: [(index: Int, tokens: [Int])]
}
public struct StepLosses: Sendable, Hashable {
    public var terms: [Double]
    public var total: Double
    public var cosine: Double?
    public var tokens: Int
}
