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
public enum Position: Sendable, Hashable {
    case index(Int), beforeCompletion(Int), all, prompt, completion
    public init?(_ text: String) { self = .all }
    public var text: String { "all" }
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
public struct StepLosses: Sendable {
    public var terms: [Double]
    public var total: Double
    public var cosine: Double?
    public var tokens: Int
}
