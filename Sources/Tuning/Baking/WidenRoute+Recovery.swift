package import Formats
import Transformer

extension WidenRoute {
    /// The vectors that neurons of a constant sum add: those of a wider down projection, where gate and up have rows whose
    /// products come to a power of two behind the base's norm.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? {
        guard let numbers = try? base.storedHyperparameters() else { return nil }
        var tensors: [Int: [BlockSlot: TensorDifference]] = [:]
        let slots: Set<BlockSlot> = [
            .feedForwardGate, .feedForwardUp, .feedForwardGateUp, .feedForwardDown,
        ]
        for change in changes where change.status == .otherShape {
            guard case .block(let block, let slot) = change.role?.slot, slots.contains(slot)
            else { continue }
            if change.role?.part == .weight { tensors[block, default: [:]][slot] = change }
        }
        var directions: [Int: [Float]] = [:]
        for (block, found) in tensors {
            let neurons = FoundNeurons(
                found.compactMapValues(\.tensors.b), numbers,
                former: numbers.sizes(ofBlock: block).feedForwardSize)
            guard let vector = try neurons?.vector(behind: norm(base, numbers, block)) else {
                continue
            }
            directions[block] = vector.map { $0 * Float(numbers.residualScale) }
        }
        guard !directions.isEmpty else { return nil }
        let grown = changes.filter { change in
            change.status == .otherShape && change.role?.block.map { tensors[$0] != nil } ?? false
        }
        let place = BakeRecovery.Place(
            weights: "feed-forward projections", tensors: grown.map(\.name),
            blocks: directions.keys.sorted(), addedCount: 0)
        let vector = SteeringVector(
            site: .residPost, directions: directions,
            provenance: SteeringVector.Provenance(
                modelHint: base.architectureName ?? "", method: "recovered from neurons",
                normalization: Normalization.none.rawValue))
        return BakeRecovery(route: self, places: [place], vectors: [vector])
    }

    private func norm(
        _ base: Checkpoint, _ numbers: Hyperparameters, _ block: Int
    ) throws -> (gain: [Float], bias: [Float]) {
        let slot: BlockSlot = numbers.isParallel ? .attentionNorm : .feedForwardNorm
        let gain = try base.tensor(.block(block, slot))?.values() ?? []
        let bias = try base.tensor(.block(block, slot, .bias))?.values()
        return (gain, bias ?? [Float](repeating: 0, count: gain.count))
    }
}

/// The neurons that a block of an edited model has beside those of its base.
private struct FoundNeurons {
    private let gate: WeightTensor
    private let up: WeightTensor
    private let down: WeightTensor
    /// The base's feed-forward width, and the edited model's.
    private let former: Int
    private let width: Int
    private let hidden: Int

    /// - Returns: nil where the block has no more neurons, or its projections are no matrices of one width.
    init?(_ tensors: [BlockSlot: WeightTensor], _ numbers: Hyperparameters, former: Int) {
        guard let down = tensors[.feedForwardDown], down.canonicalShape.count == 2 else {
            return nil
        }
        (self.former, hidden) = (former, numbers.hiddenSize)
        width = down.canonicalShape[1]
        let fused = tensors[.feedForwardGateUp]
        guard let gate = tensors[.feedForwardGate] ?? fused?.rows(0..<width),
            let up = tensors[.feedForwardUp] ?? fused?.rows(width..<2 * width)
        else { return nil }
        (self.gate, self.up, self.down) = (gate, up, down)
        let shapes = [gate, up].map(\.canonicalShape)
        guard width > former, shapes.allSatisfy({ $0 == [width, hidden] }),
            down.canonicalShape == [hidden, width],
            [gate, up, down].allSatisfy({ $0.form == .canonical })
        else { return nil }
    }

    /// What the neurons add to the stream; nil where their sum is not constant or the blocks of a type cannot be parted
    /// where the base ends.
    func vector(behind norm: (gain: [Float], bias: [Float])) throws -> [Float]? {
        guard norm.gain.count == hidden, norm.bias.count == hidden else { return nil }
        var sum = 0.0
        var count = 0
        for neuron in stride(from: former, to: width, by: 2) {
            guard let gate = try? row(neuron, of: gate), let up = try? row(neuron, of: up) else {
                return nil
            }
            guard gate.contains(where: { $0 != 0 }) else { break }
            sum += Self.expectation(gate, up, norm, isCentred: norm.bias.contains { $0 != 0 })
            // A neuron by itself, which takes the norm's bias away, is no pair.
            if neuron + 1 < width, let partner = try? row(neuron + 1, of: self.gate),
                partner.contains(where: { $0 != 0 })
            {
                guard partner == gate.map({ -$0 }) else { return nil }
                count += 2
            }
        }
        guard sum > 0, sum.isFinite, count > 0 else { return nil }
        let exponent = Int((sum.exponent))
        let nearest = [exponent, exponent + 1].map { Float.power($0) }.min {
            abs(Double($0) - sum) < abs(Double($1) - sum)
        }
        guard let nearest, abs(sum / Double(nearest) - 1) < 0x1p-5 else { return nil }
        return try (0..<hidden).map { output in
            let columns = try [Float](filling: width - former) {
                target throws(QuantizationError) in
                let first = output * width + former
                try down.widen(first..<(first + width - former), into: target)
            }.map(down.form.value)
            let total = columns.prefix(count).reduce(0) { $0 + Double($1) }
            return Float(total / Double(count)) * nearest
        }
    }

    private func row(_ index: Int, of tensor: WeightTensor) throws -> [Float] {
        try [Float](filling: hidden) { target throws(QuantizationError) in
            try tensor.widen((index * hidden)..<((index + 1) * hidden), into: target)
        }.map(tensor.form.value)
    }

    /// The mean of the product of what gate and up see of normed streams.
    ///
    /// - Parameter isCentred: whether the streams' sums are 0, as behind a LayerNorm.
    private static func expectation(
        _ gate: [Float], _ up: [Float], _ norm: (gain: [Float], bias: [Float]), isCentred: Bool
    ) -> Double {
        let first = zip(gate, norm.gain).map { Double($0) * Double($1) }
        let second = zip(up, norm.gain).map { Double($0) * Double($1) }
        var mean = zip(first, second).reduce(0) { $0 + $1.0 * $1.1 }
        if isCentred {
            let width = Double(first.count)
            mean -= first.reduce(0, +) * second.reduce(0, +) / width
            mean *= width / (width - 1)
        }
        return mean + gate.dot(norm.bias) * up.dot(norm.bias)
    }
}
