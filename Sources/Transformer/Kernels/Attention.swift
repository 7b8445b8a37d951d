package import Formats

/// The sizes of a grouped-query attention (arXiv 2305.13245).
package struct AttentionShape: Sendable, Hashable {
    /// Query heads.
    package var heads: Int
    /// Key and value heads; each serves heads / keyValueHeads query heads.
    package var keyValueHeads: Int
    package var headSize: Int
    /// What scores are multiplied by, 1/√headSize as a rule.
    package var scale: Float
    /// How many positions back a token sees, itself included; nil for all.
    package var window: Int?
    /// Bounds scores, already scaled, to ± this by `softCapForward`; nil for no bound.
    package var scoreCap: Float?

    /// - Precondition: sizes, the window and the cap are positive, and heads is a multiple of keyValueHeads.
    package init(
        heads: Int, keyValueHeads: Int, headSize: Int, scale: Float, window: Int? = nil,
        scoreCap: Float? = nil
    ) {
        precondition(headSize > 0 && keyValueHeads > 0 && heads > 0 && heads % keyValueHeads == 0)
        precondition(window ?? 1 > 0 && scoreCap ?? 1 > 0)
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headSize = headSize
        self.scale = scale
        self.window = window
        self.scoreCap = scoreCap
    }

    /// The positions that the token at a position sees.
    func visible(from position: Int) -> Range<Int> {
        max(0, position + 1 - (window ?? position + 1))..<position + 1
    }

    /// Bounds scores where there is a cap.
    func capScores(_ scores: UnsafeMutablePointer<Float>, count: Int) {
        if let scoreCap { softCapForward(scores, cap: scoreCap, count: count) }
    }

    /// Hides the scores of those keys of a block that the token at a position does not see.
    func hideUnseen(
        _ scores: UnsafeMutablePointer<Float>, _ block: Range<Int>, from position: Int
    ) {
        let visible = visible(from: position).clamped(to: block)
        for key in block.lowerBound..<visible.lowerBound {
            scores[key - block.lowerBound] = -.infinity
        }
        for key in visible.upperBound..<block.upperBound {
            scores[key - block.lowerBound] = -.infinity
        }
    }
}

/// Causal attention of the last `tokens` of `positions` over all of them: softmax(scale · q kᵀ) v for each head, the
/// scores capped where the shape says so.
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
///   - sinks: (heads), a score of each head that stands beside those of the keys and has no value (arXiv 2309.17453);
///     nil where there is none
///   - crew: the threads that share the work
package func attentionForward(
    _ output: UnsafeMutablePointer<Float>, query: UnsafePointer<Float>, keys: UnsafePointer<Float>,
    values: UnsafePointer<Float>, shape: AttentionShape, tokens: Int, positions: Int,
    sinks: UnsafePointer<Float>? = nil, crew: WorkCrew
) {
    precondition(tokens >= 0 && tokens <= positions)
    let attention = Attention(
        output: Shared(output), query: Shared(query), keys: Shared(keys), values: Shared(values),
        sinks: sinks.map(Shared.init), shape: shape, tokens: tokens,
        firstPosition: positions - tokens)
    crew.run(attention.taskCount) { attention.run($0) }
}

/// Causal attention of whole sequences that are packed row after row; each sees itself alone.
///
/// One parallel region, and for each sequence the bits of a call of its own.
/// - Parameters:
///   - output: (rows, heads, headSize)
///   - query: (rows, heads, headSize)
///   - keys: (rows, keyValueHeads, headSize)
///   - values: (rows, keyValueHeads, headSize)
///   - shape: the sizes
///   - sequences: the rows of each sequence; they do not overlap
///   - sinks: (heads), as in the other form
///   - crew: the threads that share the work
package func attentionForward(
    _ output: UnsafeMutablePointer<Float>, query: UnsafePointer<Float>, keys: UnsafePointer<Float>,
    values: UnsafePointer<Float>, shape: AttentionShape, sequences: [Range<Int>],
    sinks: UnsafePointer<Float>? = nil, crew: WorkCrew
) {
    let attentions = sequences.map { rows in
        let queryOffset = rows.lowerBound * shape.heads * shape.headSize
        let keyOffset = rows.lowerBound * shape.keyValueHeads * shape.headSize
        return Attention(
            output: Shared(output + queryOffset), query: Shared(query + queryOffset),
            keys: Shared(keys + keyOffset), values: Shared(values + keyOffset),
            sinks: sinks.map(Shared.init), shape: shape, tokens: rows.count, firstPosition: 0)
    }
    let tasks = attentions.flatMap { attention in
        (0..<attention.taskCount).map { (attention: attention, task: $0) }
    }
    crew.run(tasks.count) { index in tasks[index].attention.run(tasks[index].task) }
}

private struct Attention: Sendable {
    let output: Shared<UnsafeMutablePointer<Float>>
    let query: Shared<UnsafePointer<Float>>
    let keys: Shared<UnsafePointer<Float>>
    let values: Shared<UnsafePointer<Float>>
    let sinks: Shared<UnsafePointer<Float>>?
    let shape: AttentionShape
    let tokens: Int
    let firstPosition: Int

    private static let mostTokensByRow = 4
    private static let mostQueriesPerTask = 32
    private static let keysPerBlock = 256

    private var queriesPerTask: Int {
        tokens <= Self.mostTokensByRow ? 1 : Self.mostQueriesPerTask
    }

    /// Runs of queries.
    private var runCount: Int { (tokens + queriesPerTask - 1) / queriesPerTask }

    /// Each task is one head and one run of queries.
    var taskCount: Int { runCount * shape.heads }

    func run(_ task: Int) {
        // The last queries see the most keys, so they are begun first.
        let first = (runCount - 1 - task / shape.heads) * queriesPerTask
        let head = task % shape.heads
        if queriesPerTask == 1 {
            attendRow(first, head: head)
        } else {
            attendBlock(first..<min(first + queriesPerTask, tokens), head: head)
        }
    }

    private var queryStride: Int { shape.heads * shape.headSize }
    private var keyStride: Int { shape.keyValueHeads * shape.headSize }

    private func queryOffset(_ token: Int, _ head: Int) -> Int {
        token * queryStride + head * shape.headSize
    }

    private func keyOffset(_ position: Int, _ head: Int) -> Int {
        position * keyStride + head / (shape.heads / shape.keyValueHeads) * shape.headSize
    }

    /// A head's softmax before its first key.
    private func softmax(of head: Int) -> RunningSoftmax {
        sinks.map { RunningSoftmax(sink: ($0 + head)[0]) } ?? RunningSoftmax()
    }

    /// One query, by dot products.
    private func attendRow(_ token: Int, head: Int) {
        let size = shape.headSize
        let visible = shape.visible(from: firstPosition + token)
        let q = query + queryOffset(token, head)
        let y = output + queryOffset(token, head)
        y.update(repeating: 0, count: size)
        ScratchPool.shared.withFloats(Self.keysPerBlock) { scores in
            var running = softmax(of: head)
            for first in stride(
                from: visible.lowerBound, to: visible.upperBound, by: Self.keysPerBlock)
            {
                let count = min(Self.keysPerBlock, visible.upperBound - first)
                for index in 0..<count {
                    let key = keys + keyOffset(first + index, head)
                    scores[index] = dotForward(q, key, count: size) * shape.scale
                }
                shape.capScores(scores, count: count)
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
    private func attendBlock(_ tokens: Range<Int>, head: Int) {
        let size = shape.headSize
        let first = shape.visible(from: firstPosition + tokens.lowerBound).lowerBound
        let end = firstPosition + tokens.upperBound
        for token in tokens {
            (output + queryOffset(token, head)).update(repeating: 0, count: size)
        }
        var running = [RunningSoftmax](repeating: softmax(of: head), count: tokens.count)
        ScratchPool.shared.withFloats(tokens.count * Self.keysPerBlock) { scores in
            for start in stride(from: first, to: end, by: Self.keysPerBlock) {
                let block = start..<min(start + Self.keysPerBlock, end)
                BLAS.multiplyTransposed(
                    .init(start: scores, rowStride: block.count),
                    .init(
                        start: query + queryOffset(tokens.lowerBound, head), rowStride: queryStride),
                    .init(start: keys + keyOffset(start, head), rowStride: keyStride),
                    m: tokens.count, n: block.count, k: size, scale: shape.scale)
                shape.capScores(scores, count: tokens.count * block.count)
                for (index, token) in tokens.enumerated() {
                    let row = scores + index * block.count
                    shape.hideUnseen(row, block, from: firstPosition + token)
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
}

/// The maximum and the sum of a softmax whose row comes in blocks.
struct RunningSoftmax {
    private(set) var most = -Float.infinity
    private(set) var sum: Float = 0

    /// Nothing yet.
    init() {}

    /// A score that has no value.
    init(sink: Float) {
        most = sink
        sum = 1
    }

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
