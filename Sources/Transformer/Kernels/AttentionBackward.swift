package import Formats

/// The gradients of causal attention over whole sequences that are packed row after row, without a cache.
///
/// Each task is one key-value head of one sequence, with its query heads one after another. Softmax is recomputed in
/// tiles of fixed size (arXiv 2205.14135, algorithm 4), so working memory does not grow with the sequences. The same
/// bits for every crew.
/// - Parameters:
///   - queryGradient: (rows, heads, headSize), overwritten in the sequences' rows
///   - keyGradient: (rows, keyValueHeads, headSize), overwritten in the sequences' rows
///   - valueGradient: (rows, keyValueHeads, headSize), overwritten in the sequences' rows
///   - outputGradient: (rows, heads, headSize)
///   - query: (rows, heads, headSize), as the forward read it, like the next two
///   - keys: (rows, keyValueHeads, headSize)
///   - values: (rows, keyValueHeads, headSize)
///   - output: (rows, heads, headSize), what the forward wrote
///   - shape: the sizes
///   - sequences: the rows of each sequence; they do not overlap
///   - sinks: (heads), as the forward read them; nil where there are none
///   - sinkGradient: (heads), to which theirs is added; nil where it is not wanted
///   - crew: the threads that share the work
package func attentionBackward(
    _ queryGradient: UnsafeMutablePointer<Float>, keyGradient: UnsafeMutablePointer<Float>,
    valueGradient: UnsafeMutablePointer<Float>, outputGradient: UnsafePointer<Float>,
    query: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>,
    output: UnsafePointer<Float>, shape: AttentionShape, sequences: [Range<Int>],
    sinks: UnsafePointer<Float>? = nil, sinkGradient: UnsafeMutablePointer<Float>? = nil,
    crew: WorkCrew
) {
    let count = sequences.count * shape.heads
    ScratchPool.shared.withFloats(max(count, 1)) { ofSequences in
        ofSequences.update(repeating: 0, count: count)
        addGradients(
            queryGradient, keyGradient: keyGradient, valueGradient: valueGradient,
            outputGradient: outputGradient, query: query, keys: keys, values: values,
            output: output, shape: shape, sequences: sequences,
            sinks: sinks.map { ($0, ofSequences) }, crew: crew)
        guard let sinkGradient else { return }
        for index in 0..<count { sinkGradient[index % shape.heads] += ofSequences[index] }
    }
}

/// The same, with the sinks' gradients sequence by sequence, (sequences, heads).
private func addGradients(
    _ queryGradient: UnsafeMutablePointer<Float>, keyGradient: UnsafeMutablePointer<Float>,
    valueGradient: UnsafeMutablePointer<Float>, outputGradient: UnsafePointer<Float>,
    query: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>,
    output: UnsafePointer<Float>, shape: AttentionShape, sequences: [Range<Int>],
    sinks: (scores: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>)?,
    crew: WorkCrew
) {
    let heads = shape.keyValueHeads
    crew.run(sequences.count * heads) {
        [
            queryGradient = Shared(queryGradient), keyGradient = Shared(keyGradient),
            valueGradient = Shared(valueGradient), outputGradient = Shared(outputGradient),
            query = Shared(query), keys = Shared(keys), values = Shared(values),
            output = Shared(output), scores = sinks.map { Shared($0.scores) },
            gradients = sinks.map { Shared($0.gradients) }
        ] task in
        let rows = sequences[task / heads]
        let queryOffset = rows.lowerBound * shape.heads * shape.headSize
        let keyOffset = rows.lowerBound * shape.keyValueHeads * shape.headSize
        AttentionGradient(
            queryGradient: queryGradient + queryOffset, keyGradient: keyGradient + keyOffset,
            valueGradient: valueGradient + keyOffset,
            outputGradient: outputGradient + queryOffset, query: query + queryOffset,
            keys: keys + keyOffset, values: values + keyOffset, output: output + queryOffset,
            sinks: scores.map { $0 + 0 },
            sinkGradients: gradients.map { $0 + task / heads * shape.heads }, shape: shape,
            tokens: rows.count
        ).run(keyValueHead: task % heads)
    }
}

/// The gradients of one sequence.
private struct AttentionGradient {
    let queryGradient: UnsafeMutablePointer<Float>
    let keyGradient: UnsafeMutablePointer<Float>
    let valueGradient: UnsafeMutablePointer<Float>
    let outputGradient: UnsafePointer<Float>
    let query: UnsafePointer<Float>
    let keys: UnsafePointer<Float>
    let values: UnsafePointer<Float>
    let output: UnsafePointer<Float>
    /// (heads); nil where there are none.
    let sinks: UnsafePointer<Float>?
    /// (heads): those of this sequence.
    let sinkGradients: UnsafeMutablePointer<Float>?
    let shape: AttentionShape
    let tokens: Int

    private static let queriesPerTile = 32
    private static let keysPerBlock = 256

    private var queryStride: Int { shape.heads * shape.headSize }
    private var keyStride: Int { shape.keyValueHeads * shape.headSize }

    func run(keyValueHead: Int) {
        for token in 0..<tokens {
            let offset = token * keyStride + keyValueHead * shape.headSize
            (keyGradient + offset).update(repeating: 0, count: shape.headSize)
            (valueGradient + offset).update(repeating: 0, count: shape.headSize)
        }
        let headsPerKey = shape.heads / shape.keyValueHeads
        let area = Self.queriesPerTile * Self.keysPerBlock
        ScratchPool.shared.withFloats(shape.scoreCap == nil ? 2 * area : 3 * area) { scratch in
            for head in keyValueHead * headsPerKey..<(keyValueHead + 1) * headsPerKey {
                for first in stride(from: 0, to: tokens, by: Self.queriesPerTile) {
                    Tile(
                        sequence: self, tokens: first..<min(first + Self.queriesPerTile, tokens),
                        head: head,
                        queryOffset: first * queryStride + head * shape.headSize,
                        keyOffset: keyValueHead * shape.headSize, shares: scratch,
                        changes: scratch + area,
                        capped: shape.scoreCap.map { ($0, scratch + 2 * area) }
                    ).addGradients()
                }
            }
        }
    }

    /// Some neighbouring queries of one head.
    private struct Tile {
        let sequence: AttentionGradient
        let tokens: Range<Int>
        let head: Int
        /// Where the tile's head starts in the row of its first query.
        let queryOffset: Int
        /// Where its key-value head starts in a row.
        let keyOffset: Int
        /// (tokens, keys of a block): scores, then the softmax.
        let shares: UnsafeMutablePointer<Float>
        /// (tokens, keys of a block): the gradients of the softmax, then of the scores.
        let changes: UnsafeMutablePointer<Float>
        /// Where scores are capped: by what, and the scores after it, (tokens, keys of a block).
        let capped: (cap: Float, scores: UnsafeMutablePointer<Float>)?

        private var shape: AttentionShape { sequence.shape }

        func addGradients() {
            let first = shape.visible(from: tokens.lowerBound).lowerBound
            let blocks = stride(from: first, to: tokens.upperBound, by: keysPerBlock).map {
                $0..<min($0 + keysPerBlock, tokens.upperBound)
            }
            let empty = sequence.sinks.map { RunningSoftmax(sink: $0[head]) } ?? RunningSoftmax()
            var running = [RunningSoftmax](repeating: empty, count: tokens.count)
            for block in blocks {
                computeScores(block)
                for index in running.indices {
                    _ = running[index].take(shares + index * block.count, count: block.count)
                }
            }
            let pulls = clearQueryGradient()
            addSinkGradient(running, pulls: pulls)
            for block in blocks {
                // The powers of a lone block are still there.
                if blocks.count > 1 { computeScores(block) }
                for (index, softmax) in running.enumerated() {
                    let row = shares + index * block.count
                    if blocks.count > 1 {
                        _ = exponentiate(row, minus: softmax.most, count: block.count)
                    }
                    scaleForward(row, by: 1 / softmax.sum, count: block.count)
                }
                addGradients(of: block, pulls: pulls)
            }
        }

        /// A sink's share has no value: its score's gradient is −share · pull.
        private func addSinkGradient(_ running: [RunningSoftmax], pulls: [Float]) {
            guard let sinks = sequence.sinks, let gradients = sequence.sinkGradients else { return }
            for (softmax, pull) in zip(running, pulls) {
                gradients[head] -= exponential(sinks[head] - softmax.most) / softmax.sum * pull
            }
        }

        /// shares = scale · q kᵀ, capped and kept in `capped` where there is a cap, unseen keys hidden.
        private func computeScores(_ block: Range<Int>) {
            BLAS.multiplyTransposed(
                .init(start: shares, rowStride: block.count), rows(sequence.query),
                rows(sequence.keys, of: block), m: tokens.count, n: block.count,
                k: shape.headSize, scale: shape.scale)
            if let capped {
                shape.capScores(shares, count: tokens.count * block.count)
                capped.scores.update(from: shares, count: tokens.count * block.count)
            }
            for (index, token) in tokens.enumerated() {
                shape.hideUnseen(shares + index * block.count, block, from: token)
            }
        }

        /// Sets the tile's query gradients to zero.
        ///
        /// - Returns: Σ outputGradient · output of each query, which is also Σ share · its gradient over all keys.
        private func clearQueryGradient() -> [Float] {
            tokens.indices.map { token in
                let offset = queryOffset + (token - tokens.lowerBound) * sequence.queryStride
                (sequence.queryGradient + offset).update(repeating: 0, count: shape.headSize)
                return dotForward(
                    sequence.outputGradient + offset, sequence.output + offset,
                    count: shape.headSize)
            }
        }

        /// Adds what comes through the keys and values of a block, whose softmax is in `shares`.
        private func addGradients(of block: Range<Int>, pulls: [Float]) {
            let (size, keyCount) = (shape.headSize, block.count)
            let shareRows = BLAS.Matrix(start: UnsafePointer(shares), rowStride: keyCount)
            let changeRows = BLAS.Matrix(start: UnsafePointer(changes), rowStride: keyCount)
            BLAS.addTransposedProduct(
                rows(sequence.valueGradient, of: block), shareRows, rows(sequence.outputGradient),
                m: keyCount, n: size, k: tokens.count)
            BLAS.multiplyTransposed(
                .init(start: changes, rowStride: keyCount), rows(sequence.outputGradient),
                rows(sequence.values, of: block), m: tokens.count, n: keyCount, k: size)
            for (index, pull) in pulls.enumerated() {
                softmaxBackward(
                    changes + index * keyCount, shares + index * keyCount, pull: pull,
                    scale: shape.scale, count: keyCount)
            }
            if let capped {
                softCapBackward(
                    changes, capped: capped.scores, cap: capped.cap, count: tokens.count * keyCount)
            }
            BLAS.addProduct(
                rows(sequence.queryGradient), changeRows, rows(sequence.keys, of: block),
                m: tokens.count, n: size, k: keyCount)
            BLAS.addTransposedProduct(
                rows(sequence.keyGradient, of: block), changeRows, rows(sequence.query),
                m: keyCount, n: size, k: tokens.count)
        }

        /// The tile's rows of a matrix of all queries.
        private func rows<Pointer: Strideable>(_ start: Pointer) -> BLAS.Matrix<Pointer>
        where Pointer.Stride == Int {
            .init(start: start.advanced(by: queryOffset), rowStride: sequence.queryStride)
        }

        /// A block's rows of a matrix of all keys or values.
        private func rows<Pointer: Strideable>(
            _ start: Pointer, of block: Range<Int>
        ) -> BLAS.Matrix<Pointer> where Pointer.Stride == Int {
            .init(
                start: start.advanced(by: block.lowerBound * sequence.keyStride + keyOffset),
                rowStride: sequence.keyStride)
        }
    }
}

/// changes = scale · shares · (changes − pull): the gradient of a softmax's row, times the scale of its scores.
private func softmaxBackward(
    _ changes: UnsafeMutablePointer<Float>, _ shares: UnsafePointer<Float>, pull: Float,
    scale: Float, count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        changes.store8(shares.load8(index) * (changes.load8(index) - pull) * scale, index)
    }
    for index in wholeEights(count)..<count {
        changes[index] = shares[index] * (changes[index] - pull) * scale
    }
}
