import Formats

/// A low-rank update beside a projection (LoRA, arXiv 2106.09685): y += scale · (x · Aᵀ) · Bᵀ.
public struct LowRankAdapter: Sendable {
    /// A: (rank, inputs)
    public let down: WeightMatrix
    /// B: (outputs, rank)
    public let up: WeightMatrix
    /// α / rank
    public let scale: Float

    /// - Precondition: `up` has as many columns as `down` has rows.
    public init(down: WeightMatrix, up: WeightMatrix, scale: Float) {
        precondition(up.columns == down.rows)
        self.down = down
        self.up = up
        self.scale = scale
    }

    var rank: Int { down.rows }

    /// output (tokens, outputs) += scale · (input (tokens, inputs) · Aᵀ) · Bᵀ
    func addForward(
        _ output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, tokens: Int,
        crew: WorkCrew
    ) {
        ScratchPool.shared.withFloats(tokens * (rank + up.rows)) { narrow in
            let update = narrow + tokens * rank
            down.multiply(input, tokens: tokens, into: narrow, crew: crew)
            up.multiply(narrow, tokens: tokens, into: update, crew: crew)
            crew.run(tokens) { token in
                addScaledForward(
                    output + token * up.rows, scale, update + token * up.rows, count: up.rows)
            }
        }
    }

    /// Takes the gradient back: inputGradient += scale · (dy · B) · A, and the factors' own where they are wanted.
    ///
    /// - Parameters:
    ///   - inputGradient: (tokens, inputs); nil where only the factors' gradients are wanted
    ///   - outputGradient: dy, (tokens, outputs)
    ///   - input: (tokens, inputs)
    ///   - factors: where the gradients of A and B are added; nil where they are not wanted.
    func addBackward(
        _ inputGradient: UnsafeMutablePointer<Float>?, outputGradient: UnsafePointer<Float>,
        input: UnsafePointer<Float>, tokens: Int, factors: GradientSink.Factors?, crew: WorkCrew
    ) {
        ScratchPool.shared.withFloats(2 * tokens * rank) { narrow in
            let narrowGradient = narrow + tokens * rank
            up.multiplyBackward(
                narrowGradient, outputGradient: outputGradient, tokens: tokens,
                accumulating: false, crew: crew)
            scaleForward(narrowGradient, by: scale, count: tokens * rank)
            if let inputGradient {
                down.multiplyBackward(
                    inputGradient, outputGradient: narrowGradient, tokens: tokens,
                    accumulating: true, crew: crew)
            }
            guard let factors else { return }
            down.multiply(input, tokens: tokens, into: narrow, crew: crew)
            scaleForward(narrow, by: scale, count: tokens * rank)
            weightGradientBackward(
                factors.up.floats, outputGradient: outputGradient, input: narrow, rows: up.rows,
                columns: rank, tokens: tokens, crew: crew)
            weightGradientBackward(
                factors.down.floats, outputGradient: narrowGradient, input: input, rows: rank,
                columns: down.columns, tokens: tokens, crew: crew)
        }
    }
}
