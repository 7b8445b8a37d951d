package import Formats
package import Transformer

/// The exact route at the embedding: every row of a table that the stream begins with is moved by the vector.
///
/// Where a model adds learned positions to its embeddings, the rows of the positions move: a small table that is in f32
/// where llama.cpp reads it, and no head hangs on it. Else the rows of the token embedding move by the vector over what
/// the model multiplies them by; a head that was the embedding gets what that was as a tensor of its own. The table is
/// stored in f32, in which the sum is exact; quantised rows cannot take a shift.
package struct EmbedRoute: BakeRoute {
    package let name = "embed"
    package let form = "a shift of the embeddings"
    package let forms = "a shift of the embeddings"
    package let summary = """
        A vector added to the embeddings (embed) is added to each row of their table, or of that of learned \
        positions, which the output has in f32; a head that is the embedding becomes a matrix of its own.
        """
    package let sites = [Site.embed]

    package init() {}

    /// Why a vector cannot be baked into the embeddings.
    package enum Refusal: Failure, Hashable {
        case otherSite(site: Site)
        case notAnAddition(operation: Intervention.Operation)
        case headIsEmbedding(architecture: String)
        case quantized(file: String, StoredQuantization)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .otherSite(let site):
                "embeddings make the stream before block 0, not at site '\(site.rawValue)'; bake embed"
            case .notAnAddition(let operation):
                "embeddings are shifted by a vector; they cannot \(operation.rawValue) what comes of them"
            case .headIsEmbedding(let architecture):
                "llama.cpp refuses a file of architecture '\(architecture)' that has output.weight (wrong number of "
                    + "tensors): its head is always the embedding, so that a shift would be in the logits too"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), beside which embeddings are not shifted"
            }
        }
    }

    /// The table whose rows move.
    private static func table(of architecture: Architecture) -> WeightRole {
        WeightRole(
            architecture.rule(for: .positionEmbedding) == nil
                ? .tokenEmbedding : .positionEmbedding)
    }

    /// Why embeddings cannot be shifted to do the same.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation == .add else { return Refusal.notAnAddition(operation: operation) }
        guard site == .embed else { return Refusal.otherSite(site: site) }
        if let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format) {
            return Refusal.quantized(file: checkpoint.path, quantization)
        }
        guard let architecture = checkpoint.architecture, format == .gguf,
            Self.table(of: architecture) == WeightRole(.tokenEmbedding),
            architecture.name(of: WeightRole(.output), in: .gguf) == nil
        else { return nil }
        return Refusal.headIsEmbedding(architecture: architecture.name)
    }

    /// The edits that make the interventions permanent: the table with the sum of all vectors on each of its rows, and
    /// the head that the embedding was.
    ///
    /// - Throws: `Refusal`, `TooLargeAddition`, `CheckpointError` where rtedit does not know the architecture, `VectorError` where a vector
    ///   does not fit the model.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        let numbers = try checkpoint.storedHyperparameters()
        let table = Self.table(of: try checkpoint.requireArchitecture())
        guard let present = checkpoint.tensor(table), let rows = present.canonicalShape.first,
            let embedding = checkpoint.tensor(WeightRole(.tokenEmbedding))
        else { return [] }
        let sums = try interventions.sumsByBlock(
            in: numbers, dividedBy: numbers.embeddingScale, file: checkpoint.path)
        guard let shift = sums[0] else { return [] }
        let update = LowRankUpdate(
            role: table, rank: 1, a: shift, b: [Float](repeating: 1, count: rows), rows: .same,
            scale: 1)
        let shifted = CheckpointEdit.add(update, type: .f32)
        guard table == WeightRole(.tokenEmbedding) else { return [shifted] }
        let head = WeightRole(.output)
        guard checkpoint.tensor(head) == nil else {
            // It is named, so that no configuration calls it the embedding.
            return [shifted, .set(head, .present, type: nil)]
        }
        let isKept = format == checkpoint.format || embedding.type.isPlainFloat
        return [
            shifted, .set(head, .stored(embedding), type: isKept ? embedding.type : nil),
        ]
    }
}

// MARK: - Cost and inverse

extension EmbedRoute {
    /// The table in f32 instead of its type, and the head where it was the embedding. No token computes more.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        _ = try checkpoint.storedHyperparameters()
        let table = Self.table(of: try checkpoint.requireArchitecture())
        var bytes = 0
        if let tensor = checkpoint.tensor(table) {
            let size = ElementType.f32.byteCount(elements: tensor.description.elementCount ?? 0)
            bytes += (size ?? 0) - tensor.byteCount
        }
        if table == WeightRole(.tokenEmbedding), checkpoint.tensor(WeightRole(.output)) == nil {
            bytes += checkpoint.tensor(table)?.byteCount ?? 0
        }
        return BakeCost(
            bytes: bytes, operations: 0, error: 0x1p-24,
            runtimes: [format.runtime])
    }

    /// The vector by which all rows of the embeddings, or of the learned positions, have moved.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? {
        // Bare weights say nothing of a scale; most families have none.
        let scale = base.architecture == nil ? 1 : Float(try base.hyperparameters().embeddingScale)
        var places: [BakeRecovery.Place] = []
        var sum: [Float] = []
        for change in changes where change.role?.part == .weight {
            let (weights, factor): (String, Float)
            switch change.role?.slot {
            case .tokenEmbedding: (weights, factor) = ("token embeddings", scale)
            case .positionEmbedding: (weights, factor) = ("learned positions", 1)
            default: continue
            }
            guard let pair = change.pair, let shift = try CommonShift(of: pair) else { continue }
            let vector = shift.vector.map { $0 * factor }
            sum = sum.isEmpty ? vector : zip(sum, vector).map { $0 + $1 }
            places.append(
                BakeRecovery.Place(
                    weights: weights, tensors: [change.name], blocks: [], addedCount: 0))
        }
        guard !places.isEmpty else { return nil }
        return BakeRecovery(
            route: self, places: places,
            vectors: [
                SteeringVector(
                    site: .embed, directions: [0: sum],
                    provenance: SteeringVector.Provenance(
                        modelHint: base.architectureName ?? "",
                        method: "recovered from embeddings",
                        normalization: Normalization.none.rawValue))
            ])
    }
}
