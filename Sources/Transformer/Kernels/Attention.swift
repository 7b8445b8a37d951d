public import Formats

/// The sizes of a grouped-query attention (arXiv 2305.13245).
public struct AttentionShape: Sendable, Hashable {
    /// Query heads.
    public var heads: Int
    /// Key and value heads; each serves heads / keyValueHeads query heads.
    public var keyValueHeads: Int
    public var headSize: Int
    /// What scores are multiplied by, 1/√headSize as a rule.
    public var scale: Float
    /// How many positions back a token sees, itself included; nil for all.
    public var window: Int?

    /// - Precondition: sizes are positive, and heads is a multiple of keyValueHeads.
    public init(heads: Int, keyValueHeads: Int, headSize: Int, scale: Float, window: Int? = nil) {
        precondition(headSize > 0 && keyValueHeads > 0 && heads > 0 && heads % keyValueHeads == 0)
        precondition(window ?? 1 > 0)
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headSize = headSize
        self.scale = scale
        self.window = window
    }

    /// The positions that the token at a position sees.
    func visible(from position: Int) -> Range<Int> {
        max(0, position + 1 - (window ?? position + 1))..<position + 1
    }
}

/// Causal attention of the last `tokens` of `positions` over all of them: softmax(scale · q kᵀ) v for each head.
///
/// Work is cut into fixed tasks of one head and some queries, and keys are taken in fixed blocks with a running maximum
/// and sum (arXiv 2205.14135), so working memory does not grow with the context. The same bits for every crew.
/// - Parameters:
///   - output: (tokens, heads, headSize)
///   - query: (tokens, heads, headSize); token t stands at position positions − tokens + t
///   - keys: (positions, keyValueHeads, headSize)
///   - values: (positions, keyValueHeads, headSize)
///   - shape: the sizes
///   - tokens: how many queries there are, at most `positions`
///   - positions: how many keys and values there are
///   - crew: the threads that share the work
public func attentionForward(
    _ output: UnsafeMutablePointer<Float>, query: UnsafePointer<Float>, keys: UnsafePointer<Float>,
    values: UnsafePointer<Float>, shape: AttentionShape, tokens: Int, positions: Int, crew: WorkCrew
) {
    precondition(tokens >= 0 && tokens <= positions)
    let attention = Attention(
        output: output, query: query, keys: keys, values: values, shape: shape,
        firstPosition: positions - tokens)
    let queriesPerTask = tokens <= Attention.mostTokensByRow ? 1 : Attention.queriesPerTask
    let tasks = (tokens + queriesPerTask - 1) / queriesPerTask
    crew.run(tasks * shape.heads) { task in
        // The last queries see the most keys, so they are begun first.
        let first = (tasks - 1 - task / shape.heads) * queriesPerTask
        let head = task % shape.heads
        if queriesPerTask == 1 {
            attention.attendRow(first, head: head)
        } else {
            attention.attendBlock(first..<min(first + queriesPerTask, tokens), head: head)
        }
    }
}

private struct Attention {
    let output: UnsafeMutablePointer<Float>
    let query: UnsafePointer<Float>
    let keys: UnsafePointer<Float>
    let values: UnsafePointer<Float>
    let shape: AttentionShape
    let firstPosition: Int

    static let mostTokensByRow = 4
    static let queriesPerTask = 32
    static let keysPerBlock = 256

    private var queryStride: Int { shape.heads * shape.headSize }
    private var keyStride: Int { shape.keyValueHeads * shape.headSize }

    private func queryOffset(_ token: Int, _ head: Int) -> Int {
        token * queryStride + head * shape.headSize
    }

    private func keyOffset(_ position: Int, _ head: Int) -> Int {
        position * keyStride + head / (shape.heads / shape.keyValueHeads) * shape.headSize
    }

    /// One query, by dot products.
    func attendRow(_ token: Int, head: Int) {
        let size = shape.headSize
        let visible = shape.visible(from: firstPosition + token)
        let q = query + queryOffset(token, head)
        let y = output + queryOffset(token, head)
        y.update(repeating: 0, count: size)
        ScratchPool.shared.withFloats(Self.keysPerBlock) { scores in
            var running = RunningSoftmax()
            for first in stride(
                from: visible.lowerBound, to: visible.upperBound, by: Self.keysPerBlock)
            {
                let count = min(Self.keysPerBlock, visible.upperBound - first)
                for index in 0..<count {
                    let key = keys + keyOffset(first + index, head)
                    scores[index] = dotForward(q, key, count: size) * shape.scale
                }
                let correction = running.take(scores, count: count)
                if correction != 1 { scaleForward(y, by: correction, count: size) }
                for index in 0..<count {
                    addScaledForward(
                        y, scores[index], values + keyOffset(first + index, head), count: size)
                }
            }
            scaleForward(y, by: 1 / running.sum, count: size)
        }
    }

    /// Neighbouring queries, by matrix products.
    func attendBlock(_ tokens: Range<Int>, head: Int) {
        let size = shape.headSize
        let first = shape.visible(from: firstPosition + tokens.lowerBound).lowerBound
        let end = firstPosition + tokens.upperBound
        for token in tokens {
            (output + queryOffset(token, head)).update(repeating: 0, count: size)
        }
        var running = [RunningSoftmax](repeating: RunningSoftmax(), count: tokens.count)
        ScratchPool.shared.withFloats(tokens.count * Self.keysPerBlock) { scores in
            for start in stride(from: first, to: end, by: Self.keysPerBlock) {
                let block = start..<min(start + Self.keysPerBlock, end)
                BLAS.multiplyTransposed(
                    .init(start: scores, rowStride: block.count),
                    .init(
                        start: query + queryOffset(tokens.lowerBound, head), rowStride: queryStride),
                    .init(start: keys + keyOffset(start, head), rowStride: keyStride),
                    m: tokens.count, n: block.count, k: size, scale: shape.scale)
                for (index, token) in tokens.enumerated() {
                    let row = scores + index * block.count
                    mask(row, block, token)
                    let correction = running[index].take(row, count: block.count)
                    if correction != 1 {
                        scaleForward(output + queryOffset(token, head), by: correction, count: size)
                    }
                }
                BLAS.addProduct(
                    .init(
                        start: output + queryOffset(tokens.lowerBound, head), rowStride: queryStride
                    ),
                    .init(start: scores, rowStride: block.count),
                    .init(start: values + keyOffset(start, head), rowStride: keyStride),
                    m: tokens.count, n: size, k: block.count)
            }
        }
        for (index, token) in tokens.enumerated() {
            scaleForward(output + queryOffset(token, head), by: 1 / running[index].sum, count: size)
        }
    }

    /// Hides the keys of a block that a token does not see.
    private func mask(_ row: UnsafeMutablePointer<Float>, _ block: Range<Int>, _ token: Int) {
        let visible = shape.visible(from: firstPosition + token).clamped(to: block)
        for position in block.lowerBound..<visible.lowerBound {
            row[position - block.lowerBound] = -.infinity
        }
        for position in visible.upperBound..<block.upperBound {
            row[position - block.lowerBound] = -.infinity
        }
    }
}

/// The maximum and the sum of a softmax whose row comes in blocks.
private struct RunningSoftmax {
    private var most = -Float.infinity
    private(set) var sum: Float = 0

    /// Replaces a block's scores by their powers relative to the maximum so far.
    ///
    /// - Returns: what the result of earlier blocks has to be multiplied by.
    mutating func take(_ scores: UnsafeMutablePointer<Float>, count: Int) -> Float {
        let newMost = max(most, largest(scores, count: count))
        guard newMost > -.infinity else {
            // Nothing is visible yet.
            scores.update(repeating: 0, count: count)
            return 1
        }
        let correction = most == newMost ? 1 : exponential(most - newMost)
        most = newMost
        sum = sum * correction + exponentiate(scores, minus: newMost, count: count)
        return correction
    }
}
