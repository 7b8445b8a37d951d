package import Formats
package import Transformer

/// The exact route for directions that are removed from the stream: they are removed from all that writes to it, which
/// are the embeddings, the output projections of attention and of the feed-forward part or its experts, and their biases.
///
/// Of W, whose outputs are dimensions of the stream, it makes W − λ v vᵀ W, v of unit length (arXiv 2406.11717), of the
/// embeddings E − λ (E v) vᵀ: updates of low rank, which are worked out row by row while the output is written. Several
/// directions of one strength are removed as the span that they are online. A head that is the embedding becomes a
/// tensor of its own first, for it reads the stream and is not to change.
package struct AblationRoute: BakeRoute {
    package let name = "ablation"
    package let form = "an ablation"
    package let forms = "ablations"
    package let summary = """
        A direction that is removed from the whole stream (--ablate with --everywhere) is removed from the rows or \
        columns of all that writes to it. A head that is the embedding gets a tensor of its own.
        """
    package let operation = Intervention.Operation.ablate
    package let sites = Site.allCases
    package let hasInverse = false

    package init() {}

    /// Why directions cannot be removed from the weights.
    package enum Refusal: Failure, Hashable {
        case notAnAblation(operation: Intervention.Operation)
        /// Removals from the stream beside removals from what is written to it.
        case twoKinds
        case postNorm(architecture: String)
        /// llama.cpp takes the embedding for the head, whatever a file has.
        case noHead(architecture: String)
        case layerNorm(architecture: String)
        case quantized(file: String, StoredQuantization)
        /// Of a direction that is removed at a place, this share of its length is left after an earlier place.
        case leftBefore(StreamSite, earlier: StreamSite, share: Float)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .notAnAblation(let operation):
                "an ablation removes directions; it cannot \(operation.rawValue)"
            case .twoKinds:
                "directions are removed from the stream and from what is written to it; bake one after the other"
            case .postNorm(let architecture):
                "in architecture '\(architecture)' the output passes a norm before the residual stream, so what is "
                    + "removed from the weights before it changes the norm, and does not equal steering; "
                    + "--method ablation-weights removes it all the same"
            case .layerNorm(let architecture):
                "architecture '\(architecture)' has a LayerNorm behind the sub-layer, which adds a mean of its own"
            case .noHead(let architecture):
                "llama.cpp takes the embedding for the head in architecture '\(architecture)' and refuses a head of "
                    + "its own (output.weight), which has to stay as it is where the embedding is changed"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), in which no direction can be removed"
            case .leftBefore(let place, let earlier, let share):
                "weights can only remove a direction from what is written to the stream, so it must be gone from the "
                    + "stream before; but of the direction removed at \(place), "
                    + (share > 0.9999 && share < 1.0001 ? "all" : "\(share) of its length")
                    + " is left at \(earlier): give --everywhere and strength 1, or --written"
            }
        }
    }

    /// Why nothing can be removed at this site, or nothing else be done there.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation.removes else { return Refusal.notAnAblation(operation: operation) }
        if let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format) {
            return Refusal.quantized(file: checkpoint.path, quantization)
        }
        guard let architecture = checkpoint.architecture else { return nil }
        if site != .embed, architecture.residualPath == .normed {
            return Refusal.postNorm(architecture: architecture.name)
        }
        if site == .embed, format == .gguf, architecture.rule(for: .output)?.gguf == nil {
            return Refusal.noHead(architecture: architecture.name)
        }
        return nil
    }

    /// Why the directions cannot be removed together: one is still in the stream where it is to be removed.
    package func refusal(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) -> (any Failure)? {
        if let refusal = refusalOfEach(interventions, in: checkpoint, format: format) {
            return refusal
        }
        let operations = Set(interventions.map(\.operation))
        guard operations.contains(.ablate) else { return nil }
        guard operations.count == 1 else { return Refusal.twoKinds }
        // What keeps the model from being read is said by whoever needs it.
        guard let configuration = try? DecoderConfiguration(checkpoint),
            let plan = try? InterventionPlan(interventions, configuration)
        else { return nil }
        return Removals(plan, blockCount: configuration.sizes.blockCount).refusal
    }

    /// The edits that make the interventions permanent: an update of each weight that writes to the stream at a place or
    /// after it, in the type that it has, and a head of its own where it was the embedding.
    ///
    /// - Throws: `Refusal`, `CheckpointError` where rtedit does not know the architecture, `ForwardError` where a
    ///   vector does not fit the model, `DecoderError` where a weight is of a type that cannot be widened.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        return try WeightRemoval(interventions, from: checkpoint).edits(format: format)
    }
}

// MARK: - Cost and inverse

extension AblationRoute {
    /// A head of its own where it was the embedding; all else keeps its size.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        let head = try StreamWriters.ownHead(
            of: checkpoint, checkpoint.storedHyperparameters(), format: format)
        let changesEmbedding = interventions.contains { $0.site == .embed && $0.strength != 0 }
        let bytes = checkpoint.tensor(WeightRole(.tokenEmbedding))?.byteCount ?? 0
        return BakeCost(
            bytes: changesEmbedding && !head.isEmpty ? bytes : 0, operations: 0, error: nil,
            runtimes: [format.runtime])
    }

    /// Nil: `diff --explain` knows a removed direction by itself, whoever removed it (`AblationFit`), and recovers it.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? { nil }
}
