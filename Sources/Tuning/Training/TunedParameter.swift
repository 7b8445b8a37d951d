public import Formats
public import Transformer

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
