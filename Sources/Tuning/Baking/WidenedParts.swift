import Formats
import Transformer

/// The feed-forward parts of a model, and by how many neurons all of them grow.
struct WidenedParts {
    let numbers: Hyperparameters
    /// How many neurons every block gets: a pair for each dimension of the stream, two places beside a LayerNorm, and
    /// neurons of zeros up to a whole block of the down projection's types.
    let width: Int

    private let checkpoint: Checkpoint
    private let architecture: Architecture
    private let format: FileFormat

    /// - Throws: `CheckpointError` where the model's numbers are unusable.
    init(of checkpoint: Checkpoint, format: FileFormat) throws {
        self.checkpoint = checkpoint
        self.format = format
        architecture = try checkpoint.requireArchitecture()
        numbers = try checkpoint.storedHyperparameters()
        let wanted = 2 * numbers.hiddenSize + (architecture.norm == .layer ? 2 : 0)
        let units = (0..<numbers.blockCount).compactMap { block in
            checkpoint.tensor(.block(block, .feedForwardDown)).map {
                Self.type(of: $0, in: format).elementsPerBlock
            }
        }
        let unit = units.max() ?? 1
        width = (wanted + unit - 1) / unit * unit
    }

    /// The type of a tensor in the output: its own, or what widens it without loss.
    private static func type(of tensor: WeightTensor, in format: FileFormat) -> ElementType {
        format == .safetensors && tensor.type.safetensorsName == nil ? .f32 : tensor.type
    }

    /// The norm that a feed-forward part reads.
    private func norm(ofBlock block: Int) throws -> ConstantNeurons.Norm {
        let slot: BlockSlot = numbers.isParallel ? .attentionNorm : .feedForwardNorm
        guard let gain = checkpoint.tensor(.block(block, slot)) else {
            throw CheckpointError.missingTensor(
                file: checkpoint.path, name: "\(WeightRole.block(block, slot))")
        }
        return ConstantNeurons.Norm(
            name: gain.name, gain: try gain.values(),
            bias: try checkpoint.tensor(.block(block, slot, .bias))?.values())
    }

    private func tensor(_ block: Int, _ slot: BlockSlot) throws(CheckpointError) -> WeightTensor {
        guard let tensor = checkpoint.tensor(.block(block, slot)) else {
            throw .missingTensor(
                file: checkpoint.path, name: "\(WeightRole.block(block, slot))")
        }
        return tensor
    }

    // MARK: - Edits

    /// What a block gets: neurons that add the vector, or neurons of zeros.
    ///
    /// - Parameter tables: what types keep, as far as it is known.
    /// - Throws: as `WidenRoute.edits`.
    func edits(
        ofBlock block: Int, adding vector: [Float]?, _ tables: inout [ElementType: SingleValues]
    ) throws -> [CheckpointEdit] {
        let down = try tensor(block, .feedForwardDown)
        let fused = checkpoint.tensor(.block(block, .feedForwardGateUp))
        let gate = try fused ?? tensor(block, .feedForwardGate)
        let up = try fused ?? tensor(block, .feedForwardUp)
        var neurons: ConstantNeurons?
        if let vector {
            neurons = try self.neurons(
                ofBlock: block, adding: vector, gate: gate, up: up, down: down, &tables)
        }
        let columns = columns(vector, neurons, of: down)
        var edits: [CheckpointEdit] = []
        func set(_ slot: BlockSlot, _ rows: RowSource, _ tensor: WeightTensor) {
            let type = vector == nil ? nil : Self.type(of: tensor, in: format)
            edits.append(.set(.block(block, slot), rows, type: type))
        }
        if let fused {
            let middle = numbers.sizes(ofBlock: block).feedForwardSize
            guard let first = fused.rows(0..<middle), let second = fused.rows(middle..<2 * middle)
            else {
                throw CheckpointError.cannotExpress(
                    fact: "tensor '\(fused.name)' cannot be parted into gate and up")
            }
            set(
                .feedForwardGateUp,
                .above(
                    .above(.stored(first), rows(.gate, neurons)),
                    .above(.stored(second), rows(.up, neurons))), fused)
        } else {
            set(.feedForwardGate, .above(.present, rows(.gate, neurons)), gate)
            set(.feedForwardUp, .above(.present, rows(.up, neurons)), up)
        }
        set(.feedForwardDown, .beside(.present, columns), down)
        for slot in [BlockSlot.feedForwardGate, .feedForwardUp] {
            let role = WeightRole.block(block, slot, .bias)
            guard checkpoint.tensor(role) != nil else { continue }
            let zeros = RowSource.values([Float](repeating: 0, count: width), .canonical)
            edits.append(.set(role, .above(.present, zeros), type: nil))
        }
        return edits
    }

    private func neurons(
        ofBlock block: Int, adding vector: [Float], gate: WeightTensor, up: WeightTensor,
        down: WeightTensor, _ known: inout [ElementType: SingleValues]
    ) throws -> ConstantNeurons {
        func table(_ tensor: WeightTensor) throws(WidenRoute.Refusal) -> SingleValues {
            let type = Self.type(of: tensor, in: format)
            guard let table = known[type] ?? SingleValues(type) else {
                throw .typeNotWritten(tensor: tensor.name, type: type)
            }
            return table
        }
        var tables = ConstantNeurons.Tables(
            gate: try table(gate), up: try table(up), down: try table(down))
        let types = (Self.type(of: gate, in: format), Self.type(of: up, in: format))
        let neurons = try ConstantNeurons(
            norm(ofBlock: block), largest: vector.lazy.map(abs).max() ?? 0, tables: &tables,
            types: types)
        known[Self.type(of: down, in: format)] = tables.down
        known[types.0] = tables.gate
        known[types.1] = tables.up
        return neurons
    }

    private func rows(
        _ projection: ConstantNeurons.Projection, _ neurons: ConstantNeurons?
    ) -> RowSource {
        let hidden = numbers.hiddenSize
        return .computed(
            ComputedRows(shape: [width, hidden]) { rows, target in
                target.update(repeating: 0)
                guard let neurons else { return }
                for (place, neuron) in rows.enumerated() {
                    let row = UnsafeMutableBufferPointer(
                        rebasing: target[(place * hidden)..<((place + 1) * hidden)])
                    neurons.write(projection, neuron, to: row)
                }
            })
    }

    private func columns(
        _ vector: [Float]?, _ neurons: ConstantNeurons?, of down: WeightTensor
    ) -> RowSource {
        let width = width
        var columns: ConstantColumns?
        if let vector, let neurons {
            let scale = Float.power(-neurons.exponent)
            columns = ConstantColumns(
                values: vector.map { scale * $0 }, count: neurons.pairedCount,
                type: Self.type(of: down, in: format))
        }
        return .computed(
            ComputedRows(shape: [numbers.hiddenSize, width]) { [columns] rows, target in
                guard let columns else { return target.update(repeating: 0) }
                for (place, number) in rows.enumerated() {
                    let row = UnsafeMutableBufferPointer(
                        rebasing: target[(place * width)..<((place + 1) * width)])
                    columns.write(row: number, to: row)
                }
            })
    }

    // MARK: - Cost

    /// The bytes of the new rows and columns of all blocks.
    var addedBytes: Int {
        (0..<numbers.blockCount).reduce(0) { total, block in
            let slots: [BlockSlot] = [
                .feedForwardGate, .feedForwardUp, .feedForwardGateUp, .feedForwardDown,
            ]
            return total
                + slots.reduce(0) { sum, slot in
                    guard let tensor = checkpoint.tensor(.block(block, slot)) else { return sum }
                    let matrices = slot.parts.count
                    let elements = matrices * width * numbers.hiddenSize
                    return sum
                        + (Self.type(of: tensor, in: format).byteCount(elements: elements) ?? 0)
                }
        }
    }
}
