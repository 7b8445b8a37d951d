package import Formats

/// The gradients of what a gated delta rule read, rows as `DeltaRuleInputs` has them. All are overwritten.
package struct DeltaRuleGradients: Sendable {
    let query: Shared<UnsafeMutablePointer<Float>>
    let key: Shared<UnsafeMutablePointer<Float>>
    let keyStride: Int
    let value: Shared<UnsafeMutablePointer<Float>>
    let valueStride: Int
    let decay: Shared<UnsafeMutablePointer<Float>>
    let strength: Shared<UnsafeMutablePointer<Float>>

    package init(
        query: UnsafeMutablePointer<Float>, key: UnsafeMutablePointer<Float>, keyStride: Int,
        value: UnsafeMutablePointer<Float>, valueStride: Int,
        decay: UnsafeMutablePointer<Float>, strength: UnsafeMutablePointer<Float>
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

/// The gradients of `deltaRuleForward`'s inputs from that of its output, for whole sequences that begin with states of zeros.
///
/// States are not kept by the forward: they are computed once more, kept at every 32nd row, and from there row by row as the
/// way back comes to them. Work is cut into fixed tasks of one key head and one sequence, so the bits are the same for every
/// crew.
/// - Parameters:
///   - gradients: where they go; no memory of any other argument
///   - outputGradient: (rows, valueHeads, valueSize)
///   - inputs: what the forward read
///   - shape: the sizes
///   - sequences: the rows of each sequence; they do not overlap
///   - crew: the threads that share the work
package func deltaRuleBackward(
    _ gradients: DeltaRuleGradients, outputGradient: UnsafePointer<Float>,
    _ inputs: DeltaRuleInputs, shape: DeltaRuleShape, sequences: [Range<Int>], crew: WorkCrew
) {
    let rule = DeltaRule(inputs: inputs, shape: shape)
    let share = shape.valueHeads / shape.keyHeads
    crew.run(sequences.count * shape.keyHeads) { [outputGradient = Shared(outputGradient)] task in
        let (index, keyHead) = task.quotientAndRemainder(dividingBy: shape.keyHeads)
        let rows = sequences[index]
        for row in rows {
            let place = row * gradients.keyStride + keyHead * shape.keySize
            (gradients.query + place).update(repeating: 0, count: shape.keySize)
            (gradients.key + place).update(repeating: 0, count: shape.keySize)
        }
        for member in 0..<share {
            let head =
                switch shape.sharing {
                case .neighbours: keyHead * share + member
                case .rests: member * shape.keyHeads + keyHead
                }
            for row in rows {
                (gradients.decay + (row * shape.valueHeads + head)).pointee = 0
                (gradients.strength + (row * shape.valueHeads + head)).pointee = 0
            }
            for block in 0..<rule.blockCount {
                DeltaRuleWayBack(
                    rule: rule, gradients: gradients, outputGradient: outputGradient, head: head,
                    columns: rule.columns(block)
                ).run(rows)
            }
        }
    }
}

/// The way back through some columns of one head's states.
private struct DeltaRuleWayBack {
    let rule: DeltaRule
    let gradients: DeltaRuleGradients
    let outputGradient: Shared<UnsafePointer<Float>>
    let head: Int
    let columns: Range<Int>

    private static let rowsPerPart = 32

    private var shape: DeltaRuleShape { rule.shape }
    private var stateCount: Int { shape.keySize * StateColumns.count }

    func run(_ rows: Range<Int>) {
        let parts = (rows.count + Self.rowsPerPart - 1) / Self.rowsPerPart
        // States at the parts' starts, those of one part's rows, and the gradient of a state.
        let states = parts + Self.rowsPerPart + 2
        ScratchPool.shared.withFloats(states * stateCount) { memory in
            let (own, gradient) = (
                memory + parts * stateCount, memory + (states - 1) * stateCount
            )
            let part = { (index: Int) in
                rows.lowerBound + index
                    * Self.rowsPerPart..<min(
                        rows.upperBound, rows.lowerBound + (index + 1) * Self.rowsPerPart)
            }
            own.update(repeating: 0, count: stateCount)
            for index in 0..<parts {
                (memory + index * stateCount).update(from: own, count: stateCount)
                for row in part(index) {
                    _ = rule.step(own, row: row, head: head, columns)
                }
            }
            gradient.update(repeating: 0, count: stateCount)
            for index in (0..<parts).reversed() {
                own.update(from: memory + index * stateCount, count: stateCount)
                run(part(index), states: own, gradient)
            }
        }
    }

    /// - Parameter states: that before the part, and room for one after each row.
    private func run(
        _ rows: Range<Int>, states: UnsafeMutablePointer<Float>,
        _ gradient: UnsafeMutablePointer<Float>
    ) {
        for (index, row) in rows.enumerated() {
            let before = states + index * stateCount
            (before + stateCount).update(from: before, count: stateCount)
            _ = rule.step(before + stateCount, row: row, head: head, columns)
        }
        for (index, row) in rows.enumerated().reversed() {
            let before = states + index * stateCount
            backward(row, before: before, after: before + stateCount, gradient)
        }
    }

    /// Turns the gradient of the state after a row, as later rows made it, into that of the state before the row.
    private func backward(
        _ row: Int, before: UnsafeMutablePointer<Float>, after: UnsafeMutablePointer<Float>,
        _ gradient: UnsafeMutablePointer<Float>
    ) {
        let (query, key) = (rule.query(row, head), rule.key(row, head))
        let (decay, strength) = rule.scales(row, head)
        let valuePlace = head * shape.valueSize + columns.lowerBound
        let outputChange = StateColumns(
            outputGradient + (row * shape.valueWidth + valuePlace), count: columns.count)
        let keyPlace = row * gradients.keyStride + shape.keyHead(of: head) * shape.keySize
        let (queryGradient, keyGradient) = (gradients.query + keyPlace, gradients.key + keyPlace)

        var (memory, changeGradient) = (StateColumns.zero, StateColumns.zero)
        for index in 0..<shape.keySize {
            memory.addProduct(StateColumns(before, index), key[index])
            var read = StateColumns.zero
            read.addProduct(StateColumns(after, index), outputChange)
            queryGradient[index] += read.sum
            var line = StateColumns(gradient, index)
            line.addProduct(outputChange, query[index])
            line.store(gradient, index)
            changeGradient.addProduct(line, key[index])
        }
        // change = strength · missing, missing = value − decay · memory
        var missing = rule.value(row, head, columns)
        missing.addProduct(memory, -decay)
        var products = StateColumns.zero
        products.addProduct(changeGradient, missing)
        let scalePlace = row * shape.valueHeads + head
        gradients.strength.pointer[scalePlace] += products.sum
        var change = missing
        change.scale(by: strength)
        var missingGradient = changeGradient
        missingGradient.scale(by: strength)
        missingGradient.store(
            gradients.value + (row * gradients.valueStride + valuePlace), count: columns.count)
        var decayGradient = StateColumns.zero
        for index in 0..<shape.keySize {
            let (line, held) = (StateColumns(gradient, index), StateColumns(before, index))
            var products = StateColumns.zero
            products.addProduct(line, change)
            var decayed = held
            decayed.scale(by: -decay)
            products.addProduct(decayed, missingGradient)
            keyGradient[index] += products.sum
            var heldGradient = line
            heldGradient.addProduct(missingGradient, -key[index])
            decayGradient.addProduct(heldGradient, held)
            heldGradient.scale(by: decay)
            heldGradient.store(gradient, index)
        }
        gradients.decay.pointer[scalePlace] += decayGradient.sum
    }
}
