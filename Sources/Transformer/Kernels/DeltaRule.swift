package import Formats

/// The sizes of a gated delta rule (arXiv 2412.06464).
package struct DeltaRuleShape: Sendable, Hashable {
    /// Heads of queries and keys.
    package let keyHeads: Int
    /// Heads of values, each with a state of its own.
    package let valueHeads: Int
    package let keySize: Int
    package let valueSize: Int
    package let sharing: Sharing

    /// Which value heads share a head of queries and keys.
    package enum Sharing: Sendable, Hashable {
        /// Neighbours.
        case neighbours
        /// Those whose numbers have the same rest by the number of key heads.
        case rests
    }

    /// - Precondition: sizes are positive, and valueHeads is a multiple of keyHeads.
    package init(
        keyHeads: Int, valueHeads: Int, keySize: Int, valueSize: Int, sharing: Sharing
    ) {
        precondition(keyHeads > 0 && valueHeads > 0 && valueHeads % keyHeads == 0)
        precondition(keySize > 0 && valueSize > 0)
        self.keyHeads = keyHeads
        self.valueHeads = valueHeads
        self.keySize = keySize
        self.valueSize = valueSize
        self.sharing = sharing
    }

    /// Width of all heads of queries, or of keys.
    package var keyWidth: Int { keyHeads * keySize }
    /// Width of all heads of values.
    package var valueWidth: Int { valueHeads * valueSize }
    /// Values of the states of all heads.
    package var stateCount: Int { valueHeads * keySize * valueSize }

    /// The head of queries and keys that a value head reads.
    func keyHead(of head: Int) -> Int {
        switch sharing {
        case .neighbours: head / (valueHeads / keyHeads)
        case .rests: head % keyHeads
        }
    }
}

/// What a gated delta rule reads, rows of which may stand in wider ones.
package struct DeltaRuleInputs: Sendable {
    /// (rows, keyHeads, keySize), rows `keyStride` apart
    package let query: Shared<UnsafePointer<Float>>
    /// As `query`.
    package let key: Shared<UnsafePointer<Float>>
    package let keyStride: Int
    /// (rows, valueHeads, valueSize), rows `valueStride` apart
    package let value: Shared<UnsafePointer<Float>>
    package let valueStride: Int
    /// (rows, valueHeads): what a state is multiplied by before a row is written to it.
    package let decay: Shared<UnsafePointer<Float>>
    /// (rows, valueHeads): how much of what a state holds for a key is replaced by the value.
    package let strength: Shared<UnsafePointer<Float>>

    package init(
        query: UnsafePointer<Float>, key: UnsafePointer<Float>, keyStride: Int,
        value: UnsafePointer<Float>, valueStride: Int, decay: UnsafePointer<Float>,
        strength: UnsafePointer<Float>
    ) {
        self.query = Shared(query)
        self.key = Shared(key)
        self.keyStride = keyStride
        self.value = Shared(value)
        self.valueStride = valueStride
        self.decay = Shared(decay)
        self.strength = Shared(strength)
    }
}

/// One sequence's rows among packed ones, and the states it goes on from.
package struct DeltaRuleSequence: Sendable {
    package let rows: Range<Int>
    /// (valueHeads, keySize, valueSize): the states before the first row; nil for zeros.
    package let before: Shared<UnsafePointer<Float>>?
    /// The same after the last row, overwritten; may be the memory of `before`. Nil where nobody asks for them.
    package let after: Shared<UnsafeMutablePointer<Float>>?

    package init(
        rows: Range<Int>, before: UnsafePointer<Float>? = nil,
        after: UnsafeMutablePointer<Float>? = nil
    ) {
        self.rows = rows
        self.before = before.map { Shared($0) }
        self.after = after.map { Shared($0) }
    }
}

/// The recurrent gated delta rule: for each row and value head, with the state S (keySize, valueSize) of the head,
///
///     S ← decay · S
///     S ← S + k ⊗ strength · (v − Sᵀ k)
///     output = Sᵀ q
///
/// Columns of a state do not meet each other, so work is cut into fixed tasks of one head and 32 columns, whose part of the
/// state stays close to the processor. The same bits for every crew, and however a sequence is cut.
/// - Parameters:
///   - output: (rows, valueHeads, valueSize)
///   - inputs: what the rows bring
///   - shape: the sizes
///   - sequences: the rows of each sequence; they do not overlap
///   - crew: the threads that share the work
package func deltaRuleForward(
    _ output: UnsafeMutablePointer<Float>, _ inputs: DeltaRuleInputs, shape: DeltaRuleShape,
    sequences: [DeltaRuleSequence], crew: WorkCrew
) {
    let rule = DeltaRule(inputs: inputs, shape: shape)
    let tasks = shape.valueHeads * rule.blockCount
    crew.run(sequences.count * tasks) { [output = Shared(output)] index in
        let (sequence, task) = index.quotientAndRemainder(dividingBy: tasks)
        let (head, block) = task.quotientAndRemainder(dividingBy: rule.blockCount)
        rule.run(sequences[sequence], head: head, columns: rule.columns(block), output.pointer)
    }
}

/// One delta rule's arithmetic on some columns of one head's state.
struct DeltaRule: Sendable {
    let inputs: DeltaRuleInputs
    let shape: DeltaRuleShape

    var blockCount: Int {
        (shape.valueSize + StateColumns.count - 1) / StateColumns.count
    }

    /// The columns of a block.
    func columns(_ block: Int) -> Range<Int> {
        let first = block * StateColumns.count
        return first..<min(shape.valueSize, first + StateColumns.count)
    }

    /// Runs a sequence.
    func run(
        _ sequence: DeltaRuleSequence, head: Int, columns: Range<Int>,
        _ output: UnsafeMutablePointer<Float>
    ) {
        let count = shape.keySize * StateColumns.count
        ScratchPool.shared.withFloats(count) { state in
            load(state, sequence, head: head, columns)
            for row in sequence.rows {
                let place = row * shape.valueWidth + head * shape.valueSize + columns.lowerBound
                step(state, row: row, head: head, columns)
                    .store(output + place, count: columns.count)
            }
            store(state, sequence, head: head, columns)
        }
    }

    /// Writes a row to a state, and returns what its query reads.
    func step(
        _ state: UnsafeMutablePointer<Float>, row: Int, head: Int, _ columns: Range<Int>
    ) -> StateColumns {
        let (query, key) = (query(row, head), key(row, head))
        let (decay, strength) = scales(row, head)
        var memory = StateColumns.zero
        for index in 0..<shape.keySize {
            memory.addProduct(StateColumns(state, index), key[index])
        }
        var change = value(row, head, columns)
        change.addProduct(memory, -decay)
        change.scale(by: strength)
        var output = StateColumns.zero
        for index in 0..<shape.keySize {
            var line = StateColumns(state, index)
            line.scale(by: decay)
            line.addProduct(change, key[index])
            line.store(state, index)
            output.addProduct(line, query[index])
        }
        return output
    }

    // MARK: - Places

    func query(_ row: Int, _ head: Int) -> UnsafePointer<Float> {
        inputs.query + (row * inputs.keyStride + shape.keyHead(of: head) * shape.keySize)
    }

    func key(_ row: Int, _ head: Int) -> UnsafePointer<Float> {
        inputs.key + (row * inputs.keyStride + shape.keyHead(of: head) * shape.keySize)
    }

    func value(_ row: Int, _ head: Int, _ columns: Range<Int>) -> StateColumns {
        StateColumns(
            inputs.value
                + (row * inputs.valueStride + head * shape.valueSize + columns.lowerBound),
            count: columns.count)
    }

    func scales(_ row: Int, _ head: Int) -> (decay: Float, strength: Float) {
        let place = row * shape.valueHeads + head
        return (inputs.decay.pointer[place], inputs.strength.pointer[place])
    }

    /// Takes some columns of a head's state out of those of all heads.
    func load(
        _ state: UnsafeMutablePointer<Float>, _ sequence: DeltaRuleSequence, head: Int,
        _ columns: Range<Int>
    ) {
        guard let states = sequence.before else {
            return state.update(repeating: 0, count: shape.keySize * StateColumns.count)
        }
        for index in 0..<shape.keySize {
            StateColumns(states + stateOffset(head, index, columns), count: columns.count)
                .store(state, index)
        }
    }

    private func store(
        _ state: UnsafeMutablePointer<Float>, _ sequence: DeltaRuleSequence, head: Int,
        _ columns: Range<Int>
    ) {
        guard let states = sequence.after else { return }
        for index in 0..<shape.keySize {
            StateColumns(state, index)
                .store(states + stateOffset(head, index, columns), count: columns.count)
        }
    }

    private func stateOffset(_ head: Int, _ index: Int, _ columns: Range<Int>) -> Int {
        (head * shape.keySize + index) * shape.valueSize + columns.lowerBound
    }
}
