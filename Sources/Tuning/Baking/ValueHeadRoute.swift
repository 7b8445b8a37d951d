package import Formats
package import Transformer

/// The exact route where no bias of the attention output is loaded: a vector added after attention is put out by a head
/// that is appended to every block, whose scores are zero and whose values are a bias (`ValueHeads`).
///
/// Heads of attention are counted once for the model, so every block gets as many; those in which nothing is added have
/// zeros. What was there keeps all its bytes.
package struct ValueHeadRoute: BakeRoute {
    package let name = "value-head"
    package let form = "a value head"
    package let forms = "value heads"
    package let summary = """
        A vector added after a block's attention (resid_mid) is put out by an attention head of its own with a bias on \
        its values, appended to every block, in families whose runtime takes more heads and no bias of the attention \
        output. Quantised weights keep their types and all their bytes.
        """
    package let sites = [Site.residMid]

    package init() {}

    /// Why no heads are appended.
    package enum Refusal: Failure, Hashable {
        case otherSite(site: Site)
        case notAnAddition(operation: Intervention.Operation)
        case postNorm(architecture: String)
        case sizedByWidth(runtime: String, architecture: String)
        case untried(runtime: String, architecture: String)
        case quantized(file: String, StoredQuantization)
        case unwritable(tensor: String, type: ElementType)
        /// Columns that do not hold a vector as well as f32 does.
        case tooCoarse(block: Int, type: ElementType, error: Double, heads: Int)
        case tooManyHeads(heads: Int, width: Int, type: ElementType)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .otherSite(let site):
                "no attention head acts at site '\(site.rawValue)'; bake resid_mid"
            case .notAnAddition(let operation):
                "a value head adds a vector; it cannot \(operation.rawValue)"
            case .postNorm(let architecture):
                "in architecture '\(architecture)' the attention output passes a norm before the residual stream, so a "
                    + "head there does not equal steering"
            case .sizedByWidth(let runtime, let architecture):
                "\(runtime) sizes q by the model's width in architecture '\(architecture)', so that it refuses a file "
                    + "with more heads"
            case .untried(let runtime, let architecture):
                "no run has shown that \(runtime) computes with heads appended to architecture '\(architecture)'"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), beside which no heads are appended"
            case .unwritable(let tensor, let type):
                "tensor '\(tensor)' is \(type.name), in which rows for another head cannot be written"
            case .tooCoarse(let block, let type, let error, let heads):
                "block \(block): \(type.name) columns of \(heads) heads hold the vector to \(error) of its length only; "
                    + "store the attention output in a plain type"
            case .tooManyHeads(let heads, let width, let type):
                "\(heads) query heads of \(width) would be needed to fill a \(type.name) block of "
                    + "\(type.elementsPerBlock)"
            }
        }
    }

    /// The weights that get rows or columns.
    private static let grown: [BlockSlot] = [
        .attentionQuery, .attentionKey, .attentionValue, .attentionOutput,
    ]
    /// The largest error of an added vector as a share of its length.
    static let precision = 1e-6
    /// Key/value heads that may be appended.
    private static let mostHeads = 16
    /// How many times the fewest heads are tried for the sake of precision.
    private static let widths = 3

    /// Why no head does what the operation does at this site.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        Self.refusal(of: operation, at: site, in: checkpoint, format)
    }

    private static func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        _ format: FileFormat
    ) -> Refusal? {
        guard operation == .add else { return .notAnAddition(operation: operation) }
        guard site == .residMid else { return .otherSite(site: site) }
        if let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format) {
            return .quantized(file: checkpoint.path, quantization)
        }
        let runtime = format.runtime
        guard let architecture = checkpoint.architecture else {
            return .untried(runtime: runtime, architecture: checkpoint.architectureName ?? "")
        }
        let name = format == .gguf ? architecture.name : architecture.huggingFaceModelType
        guard architecture.residualPath != .normed else { return .postNorm(architecture: name) }
        switch architecture.headGrowth(in: format) {
        case .loaded: break
        case .refused: return .sizedByWidth(runtime: runtime, architecture: name)
        case .untried: return .untried(runtime: runtime, architecture: name)
        }
        let unwritable = checkpoint.tensors.first { tensor in
            guard case .block(_, let slot) = tensor.role?.slot, grown.contains(slot) else {
                return false
            }
            return !RowEncoder.isSupported(tensor.type)
        }
        return unwritable.map { .unwritable(tensor: $0.name, type: $0.type) }
    }

    /// The heads with their biases and columns, rows of zeros for their queries and keys, and the model's new numbers.
    ///
    /// - Throws: `Refusal`; `CheckpointError` where the numbers are unusable, `VectorError` where a vector does not fit
    ///   the model.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        let plan = try plan(of: interventions, in: checkpoint, format)
        var numbers = plan.numbers
        let shape = plan.shape
        numbers.headCount += shape.count * shape.repeats
        numbers.keyValueHeadCount += shape.count
        var edits = [CheckpointEdit.model(try checkpoint.requireArchitecture(), numbers)]
        for block in 0..<numbers.blockCount {
            for (slot, rows) in [
                (BlockSlot.attentionQuery, shape.queryWidth), (.attentionKey, shape.valueWidth),
                (.attentionValue, shape.valueWidth),
            ] {
                edits.append(
                    .set(
                        .block(block, slot),
                        .above(.present, .zeros([rows, numbers.hiddenSize])), type: nil))
                let bias = WeightRole.block(block, slot, .bias)
                if checkpoint.tensor(bias) != nil {
                    let values =
                        slot == .attentionValue ? plan.heads[block]?.biases : nil
                    edits.append(
                        .set(
                            bias,
                            .above(
                                .present,
                                .values(
                                    values ?? [Float](repeating: 0, count: rows), .canonical)),
                            type: nil))
                } else if slot == .attentionValue, let heads = plan.heads[block] {
                    let present = plan.numbers.keyValueHeadCount * shape.size
                    edits.append(
                        .set(
                            bias, values: [Float](repeating: 0, count: present) + heads.biases,
                            form: .canonical, type: .f32))
                }
            }
            let output = WeightRole.block(block, .attentionOutput)
            let heads = plan.heads[block]
            let columns =
                heads?.rowSource(rows: numbers.hiddenSize)
                ?? .zeros([numbers.hiddenSize, shape.queryWidth])
            edits.append(
                .set(
                    output, .beside(.present, columns),
                    type: heads == nil ? nil : checkpoint.tensor(output)?.type))
        }
        return edits
    }
}

// MARK: - Planning

extension ValueHeadRoute {
    /// The heads that are appended.
    private struct Plan {
        /// The model's own.
        let numbers: Hyperparameters
        let shape: ValueHeads.Shape
        /// Those of the blocks in which something is added.
        let heads: [Int: ValueHeads]
    }

    /// The fewest heads whose columns are whole blocks of all types and hold the vectors as well as f32.
    private func plan(
        of interventions: [Intervention], in checkpoint: Checkpoint, _ format: FileFormat
    ) throws -> Plan {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        let numbers = try checkpoint.storedHyperparameters()
        let vectors = try interventions.sumsByBlock(
            in: numbers, dividedBy: numbers.residualScale, file: checkpoint.path)
        var types: [Int: ElementType] = [:]
        for block in 0..<numbers.blockCount {
            types[block] = checkpoint.tensor(.block(block, .attentionOutput))?.type
        }
        let repeats = numbers.headCount / max(numbers.keyValueHeadCount, 1)
        let width = repeats * numbers.headSize
        let block = types.values.map(\.elementsPerBlock).max() ?? 1
        let fewest = Self.fewest(width: width, block: block)
        guard fewest <= Self.mostHeads else {
            throw Refusal.tooManyHeads(
                heads: fewest * repeats, width: numbers.headSize,
                type: types.values.first { $0.elementsPerBlock == block } ?? .f32)
        }
        var refusal: Refusal?
        for count in stride(from: fewest, through: fewest * Self.widths, by: fewest) {
            let shape = ValueHeads.Shape(count: count, repeats: repeats, size: numbers.headSize)
            var heads: [Int: ValueHeads] = [:]
            refusal = nil
            for (block, vector) in vectors.sorted(by: { $0.key < $1.key }) {
                let type = types[block] ?? .f32
                guard let made = ValueHeads(adding: vector, shape: shape, type: type) else {
                    let output = WeightRole.block(block, .attentionOutput)
                    throw Refusal.unwritable(
                        tensor: checkpoint.tensor(output)?.name ?? "\(output)", type: type)
                }
                guard made.error <= Self.precision else {
                    let coarse = Refusal.tooCoarse(
                        block: block, type: type, error: made.error, heads: count)
                    refusal = coarse
                    break
                }
                heads[block] = made
            }
            if refusal == nil { return Plan(numbers: numbers, shape: shape, heads: heads) }
        }
        throw refusal ?? .untried(runtime: format.runtime, architecture: "")
    }

    /// The fewest heads of a width that are whole blocks together.
    private static func fewest(width: Int, block: Int) -> Int {
        var (larger, smaller) = (block, width % block)
        while smaller > 0 { (larger, smaller) = (smaller, larger % smaller) }
        return block / larger
    }
}

// MARK: - Cost and inverse

extension ValueHeadRoute {
    /// Rows of queries, keys and values and columns of the output in every block, and the biases.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        let plan = try plan(of: interventions, in: checkpoint, format)
        let (numbers, shape) = (plan.numbers, plan.shape)
        var (bytes, operations) = (0, 0)
        for block in 0..<numbers.blockCount {
            for (slot, rows, columns) in [
                (BlockSlot.attentionQuery, shape.queryWidth, numbers.hiddenSize),
                (.attentionKey, shape.valueWidth, numbers.hiddenSize),
                (.attentionValue, shape.valueWidth, numbers.hiddenSize),
                (.attentionOutput, numbers.hiddenSize, shape.queryWidth),
            ] {
                let type = checkpoint.tensor(.block(block, slot))?.type ?? .f32
                bytes += rows * (type.byteCount(elements: columns) ?? 0)
                operations += rows * columns
                guard slot != .attentionOutput else { continue }
                if let bias = checkpoint.tensor(.block(block, slot, .bias)) {
                    bytes += bias.type.byteCount(elements: rows) ?? 0
                    operations += rows
                } else if slot == .attentionValue, plan.heads[block] != nil {
                    let all = numbers.keyValueHeadCount * shape.size + rows
                    bytes += all * MemoryLayout<Float>.stride
                    operations += all
                }
            }
        }
        return BakeCost(
            bytes: bytes, operations: operations, error: Self.precision,
            runtimes: [format.runtime])
    }

    /// What the columns of appended heads add at the biases of their values.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? {
        guard base.architecture != nil,
            changes.contains(where: { $0.growth?.columns ?? 0 > 0 })
        else { return nil }
        let numbers = try base.hyperparameters()
        let repeats = numbers.headCount / max(numbers.keyValueHeadCount, 1)
        var biases: [Int: [Float]] = [:]
        for change in changes where change.role?.part == .bias {
            guard case .block(let block, .attentionValue) = change.role?.slot else { continue }
            biases[block] = try Self.appended(change, beyond: numbers)
        }
        var directions: [Int: [Float]] = [:]
        for change in changes where change.role?.part == .weight {
            guard case .block(let block, .attentionOutput) = change.role?.slot,
                let growth = change.growth, growth.keepsFirst, growth.rows == 0,
                let values = biases[block], !values.isEmpty, repeats > 0,
                growth.columns == values.count * repeats
            else { continue }
            let shape = ValueHeads.Shape(
                count: values.count / numbers.headSize, repeats: repeats, size: numbers.headSize)
            guard shape.valueWidth == values.count else { continue }
            var vector: [Float] = []
            try growth.eachAddedColumns { columns in
                let sum = columns.enumerated().reduce(0.0) { sum, column in
                    sum + Double(column.element)
                        * Double(values[shape.value(ofColumn: column.offset)])
                }
                vector.append(Float(sum * numbers.residualScale))
            }
            if vector.contains(where: { $0 != 0 }) { directions[block] = vector }
        }
        guard !directions.isEmpty else { return nil }
        let tensors = changes.filter { change in
            guard case .block(_, let slot) = change.role?.slot, Self.grown.contains(slot) else {
                return false
            }
            return change.growth != nil || change.role?.part == .bias && change.a == nil
        }
        return BakeRecovery(
            route: self,
            places: [
                BakeRecovery.Place(
                    weights: "attention heads", tensors: tensors.map(\.name),
                    blocks: directions.keys.sorted(), addedCount: tensors.count { $0.a == nil })
            ],
            vectors: [
                SteeringVector(
                    site: .residMid, directions: directions,
                    provenance: SteeringVector.Provenance(
                        modelHint: base.architectureName ?? "",
                        method: "recovered from value heads",
                        normalization: Normalization.none.rawValue))
            ])
    }

    /// The biases of the values of appended heads; empty where the base's own changed too.
    private static func appended(
        _ change: TensorDifference, beyond numbers: Hyperparameters
    ) throws -> [Float] {
        let present = numbers.keyValueHeadCount * numbers.headSize
        if let growth = change.growth {
            guard growth.keepsFirst else { return [] }
            return try growth.addedElements()
        }
        guard change.a == nil, let pair = change.pair, pair.elementCount > present else {
            return []
        }
        var a = [Float](repeating: 0, count: pair.elementCount)
        var b = a
        try pair.read(rows: 0..<pair.rows, a: &a, b: &b)
        return b.prefix(present).allSatisfy { $0 == 0 } ? Array(b[present...]) : []
    }
}
