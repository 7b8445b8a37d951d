package import Formats
package import Transformer

/// The routes that remove directions from weights without being equal to steering, each only taken by its name: at places,
/// at strengths and behind norms where `AblationRoute` refuses, and with lengths within the weights kept.
///
/// Where a norm with the weight w follows a projection, what reaches the stream along v is what the projection puts out
/// along v ⊙ w, so that is removed (w as it is applied: 1 + the stored weight in Gemma's folders). Nothing is then written
/// along v, but what else is written changes with the norm.
package struct WeightAblationRoute: BakeRoute {
    package let form = "an ablation of weights"
    package let forms = "ablations of weights"
    package let operation = Intervention.Operation.ablate
    package let sites = Site.allCases
    package let hasInverse = false
    package let isOnlyTakenByName = true
    /// What it keeps.
    package let norm: KeptNorm

    package init(_ norm: KeptNorm) {
        self.norm = norm
    }

    package var name: String {
        switch norm {
        case .none: "ablation-weights"
        case .columns: "ablation-columns"
        case .rows: "ablation-rows"
        case .rowUpdates: "ablation-row-updates"
        }
    }

    package var summary: String {
        switch norm {
        case .none:
            """
            Not exact, and only taken by its name: a direction is removed from the weights that write at the places \
            of --ablate, at any strength and in any blocks, behind a norm as that norm weighs it; what is left of it \
            is printed.
            """
        case .columns:
            "The same, and each column (what one input writes, or one token's embedding) keeps its length."
        case .rows:
            "The same from rows of length 1, which get their old lengths again; the direction is not all gone."
        case .rowUpdates:
            "The same from rows of length 1, each row's update times the row's length; it is not all gone."
        }
    }

    /// Why nothing can be removed at this site: there is no norm that it minds, but LayerNorm's.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation.removes else {
            return AblationRoute.Refusal.notAnAblation(operation: operation)
        }
        if let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format) {
            return AblationRoute.Refusal.quantized(file: checkpoint.path, quantization)
        }
        guard let architecture = checkpoint.architecture else { return nil }
        if site == .embed, format == .gguf, architecture.rule(for: .output)?.gguf == nil {
            return AblationRoute.Refusal.noHead(architecture: architecture.name)
        }
        if site != .embed, architecture.residualPath == .normed, architecture.norm == .layer {
            return AblationRoute.Refusal.layerNorm(architecture: architecture.name)
        }
        return nil
    }

    /// The changed weights, in the types that they have, and a head of its own where it was the embedding.
    ///
    /// - Throws: as `AblationRoute.edits`.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        return try WeightRemoval(interventions, from: checkpoint, keeping: norm)
            .edits(format: format)
    }

    /// As `AblationRoute`.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        try AblationRoute().cost(of: interventions, in: checkpoint, format: format)
    }

    /// Nil, as `AblationRoute`.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? { nil }
}
