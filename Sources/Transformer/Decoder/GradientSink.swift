package import Formats

/// Where a backward pass adds the gradients of weights. What has no place here is not computed.
package struct GradientSink: Sendable {
    /// The gradients of a low-rank adapter's factors.
    package struct Factors: Sendable {
        /// Of A, (rank, inputs).
        package let down: FloatBuffer
        /// Of B, (outputs, rank).
        package let up: FloatBuffer

        package init(down: FloatBuffer, up: FloatBuffer) {
            self.down = down
            self.up = up
        }
    }

    /// Gradients of whole weights, matrices (rows, columns) or vectors.
    package var weights: [WeightRole: FloatBuffer]
    /// Gradients of the adapters beside weights.
    package var factors: [WeightRole: Factors]
    /// Gradients of what sub-layers' outputs are multiplied by (`Intervention.Operation.scaleOutput`), one number each, under
    /// the role of the sub-layer's last projection: `attentionOutput`, or `feedForwardDown`, of mixtures too.
    package var outputStrengths: [WeightRole: FloatBuffer] = [:]
    /// Of projections whose gradients are wanted in some outputs only, such as the values' of a fused one: which, in
    /// ascending order. They hold for the weight, its bias and an adapter beside it.
    package var rows: [WeightRole: [Range<Int>]] = [:]

    package init(weights: [WeightRole: FloatBuffer] = [:], factors: [WeightRole: Factors] = [:]) {
        self.weights = weights
        self.factors = factors
    }

    /// The lowest block that has a weight here; nil where none has. Weights of the embedding count as block −1.
    var lowestBlock: Int? {
        (Array(weights.keys) + Array(factors.keys) + Array(outputStrengths.keys))
            .compactMap(\.depth).min()
    }

    /// Whether a weight, or an adapter beside it, has a place here.
    func wants(_ role: WeightRole) -> Bool { weights[role] != nil || factors[role] != nil }
}
