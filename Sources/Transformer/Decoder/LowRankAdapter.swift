import Formats

/// A low-rank update beside a projection (LoRA, arXiv 2106.09685): y += scale · (x · Aᵀ) · Bᵀ.
///
/// Tokens are shared out among the crew in parts of fixed size, so results do not depend on the number of threads.
package struct LowRankAdapter: Sendable {
    /// A: (rank, inputs)
    package let down: FloatBuffer
    /// B: (outputs, rank)
    package let up: FloatBuffer
    package let rank: Int
    /// α / rank
    package let scale: Float

    private var inputs: Int { down.count / rank }
    private var outputs: Int { up.count / rank }

    /// Tokens that one thread takes at a time.
    private static let tokensPerPart = 64
    /// Inputs or outputs that one thread takes at a time for the factors' gradients.
    private static let columnsPerPart = 288

    /// - Precondition: the rank is positive and divides the factors' counts.
    package init(down: FloatBuffer, up: FloatBuffer, rank: Int, scale: Float) {
        precondition(rank > 0 && down.count % rank == 0 && up.count % rank == 0)
        self.down = down
        self.up = up
        self.rank = rank
        self.scale = scale
    }

    /// output (tokens, outputs) += scale · (input (tokens, inputs) · Aᵀ) · Bᵀ
    func addForward(
        _ output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, tokens: Int,
        crew: WorkCrew
    ) {
        forEachPart(of: tokens, size: Self.tokensPerPart, crew) {
            [output = Shared(output), input = Shared(input)] part in
            ScratchPool.shared.withFloats(part.count * rank) { narrow in
                narrowForward(narrow, input.pointer, part)
                BLAS.multiplyTransposed(
                    .init(start: output + part.lowerBound * outputs, rowStride: outputs),
                    .init(start: narrow, rowStride: rank),
                    .init(start: up.floats, rowStride: rank), m: part.count, n: outputs, k: rank,
                    accumulating: true)
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
            forEachPart(of: tokens, size: Self.tokensPerPart, crew) {
                [
                    inputGradient = inputGradient.map(Shared.init),
                    outputGradient = Shared(outputGradient), input = Shared(input),
                    narrow = Shared(narrow), narrowGradient = Shared(narrowGradient),
                    hasFactors = factors != nil
                ] part in
                let own = narrowGradient + part.lowerBound * rank
                BLAS.addProduct(
                    .init(start: own, rowStride: rank),
                    .init(
                        start: outputGradient + part.lowerBound * outputs, rowStride: outputs),
                    .init(start: up.floats, rowStride: rank), m: part.count, n: rank, k: outputs,
                    accumulating: false)
                scaleForward(own, by: scale, count: part.count * rank)
                if let inputGradient {
                    BLAS.addProduct(
                        .init(start: inputGradient + part.lowerBound * inputs, rowStride: inputs),
                        .init(start: own, rowStride: rank),
                        .init(start: down.floats, rowStride: inputs), m: part.count, n: inputs,
                        k: rank)
                }
                if hasFactors {
                    narrowForward(narrow + part.lowerBound * rank, input.pointer, part)
                }
            }
            guard let factors else { return }
            factorsBackward(
                factors, outputGradient: outputGradient, input: input, narrow: narrow,
                narrowGradient: narrowGradient, tokens: tokens, crew: crew)
        }
    }

    /// scale · x · Aᵀ for some tokens: (part, rank)
    private func narrowForward(
        _ narrow: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ part: Range<Int>
    ) {
        BLAS.multiplyTransposed(
            .init(start: narrow, rowStride: rank),
            .init(start: input + part.lowerBound * inputs, rowStride: inputs),
            .init(start: down.floats, rowStride: inputs), m: part.count, n: rank, k: inputs,
            scale: scale)
    }

    /// dA += duᵀ · x in parts of its columns, dB += dyᵀ · u in parts of its rows, in one region.
    private func factorsBackward(
        _ factors: GradientSink.Factors, outputGradient: UnsafePointer<Float>,
        input: UnsafePointer<Float>, narrow: UnsafePointer<Float>,
        narrowGradient: UnsafePointer<Float>, tokens: Int, crew: WorkCrew
    ) {
        let size = Self.columnsPerPart
        let downParts = (inputs + size - 1) / size
        let upParts = (outputs + size - 1) / size
        crew.run(downParts + upParts) {
            [
                outputGradient = Shared(outputGradient), input = Shared(input),
                narrow = Shared(narrow), narrowGradient = Shared(narrowGradient)
            ] part in
            if part < downParts {
                let first = part * size
                BLAS.addTransposedProduct(
                    .init(start: factors.down.floats + first, rowStride: inputs),
                    .init(start: narrowGradient.pointer, rowStride: rank),
                    .init(start: input + first, rowStride: inputs), m: rank,
                    n: min(size, inputs - first), k: tokens)
            } else {
                let first = (part - downParts) * size
                BLAS.addTransposedProduct(
                    .init(start: factors.up.floats + first * rank, rowStride: rank),
                    .init(start: outputGradient + first, rowStride: outputs),
                    .init(start: narrow.pointer, rowStride: rank), m: min(size, outputs - first),
                    n: rank,
                    k: tokens)
            }
        }
    }

    private func forEachPart(
        of count: Int, size: Int, _ crew: WorkCrew, _ body: @Sendable (Range<Int>) -> Void
    ) {
        crew.run((count + size - 1) / size) { part in
            body(part * size..<min(count, (part + 1) * size))
        }
    }
}
