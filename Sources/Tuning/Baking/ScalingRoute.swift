package import Formats
package import Transformer

/// The exact route for scaled sub-layers (arXiv 2410.04962): what a sub-layer adds to the stream is (1 + β α) times itself
/// where its last projection and that one's bias are, those of every expert in mixtures, or the weight of the norm that
/// follows it.
///
/// Blocks of quantised weights keep their codes: their half-precision scales are multiplied and rounded.
package struct ScalingRoute: BakeRoute {
    package let name = "scaling"
    package let form = "a scaling"
    package let forms = "scalings"
    package let summary = """
        What a sub-layer adds to the stream (--scaling) is scaled by multiplying its last projection and bias, or the \
        norm behind it. Quantised blocks keep their codes; their scales are multiplied.
        """
    package let operation = Intervention.Operation.scaleOutput
    package let sites = ActivationScaling.sites
    package let hasInverse = false

    package init() {}

    /// Why sub-layers cannot be scaled in the weights.
    package enum Refusal: Failure, Hashable {
        case notAScaling(operation: Intervention.Operation)
        case noSubLayer(site: Site)
        case quantized(file: String, StoredQuantization)
        case noWeight(file: String, StreamSite)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .notAScaling(let operation):
                "a scaling multiplies what sub-layers add; it cannot \(operation.rawValue)"
            case .noSubLayer(let site): "no sub-layer ends at '\(site.rawValue)'"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), in which nothing can be scaled"
            case .noWeight(let file, let place):
                "\(file): has no projection whose output is added at \(place)"
            }
        }
    }

    /// Why nothing can be scaled at this site.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation == .scaleOutput else { return Refusal.notAScaling(operation: operation) }
        guard sites.contains(site) else { return Refusal.noSubLayer(site: site) }
        guard let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format)
        else { return nil }
        return Refusal.quantized(file: checkpoint.path, quantization)
    }

    /// The edits that make the interventions permanent: each weight that they scale, in the type that it has.
    ///
    /// - Throws: `Refusal`, `CheckpointError` where rtedit does not know the architecture, `ForwardError` where a block
    ///   is not the model's.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        try edits(baking: interventions, into: checkpoint, format: format, after: [])
    }

    /// The same on top of earlier edits.
    ///
    /// - Parameter roles: weights that those edits give the model.
    func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat,
        after roles: Set<WeightRole>
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        let plan = try InterventionPlan(interventions, DecoderConfiguration(checkpoint))
        return try Self.places(interventions).flatMap { place -> [CheckpointEdit] in
            let factor = plan.output(at: place.site, block: place.block).factor
            guard factor != 1 else { return [] }
            let scaled = try Self.roles(at: place, in: checkpoint).filter {
                checkpoint.tensor($0) != nil || roles.contains($0)
            }
            guard !scaled.isEmpty else {
                throw Refusal.noWeight(file: checkpoint.path, place)
            }
            return scaled.map { .multiply($0, by: factor) }
        }
    }

    private static func places(_ interventions: [Intervention]) -> [StreamSite] {
        interventions.reduce(into: []) { places, intervention in
            let place = StreamSite(site: intervention.site, block: intervention.block)
            if !places.contains(place) { places.append(place) }
        }
    }

    /// The weights that what a sub-layer adds is proportional to, whether the model has all of them or not.
    ///
    /// - Throws: `CheckpointError` where rtedit does not know the architecture or the model's numbers are unusable.
    static func roles(at place: StreamSite, in checkpoint: Checkpoint) throws -> [WeightRole] {
        guard try checkpoint.requireArchitecture().residualPath == .normed,
            let norm = StreamWriters.norm(behind: place.site)
        else {
            return StreamWriters.roles(at: place, try checkpoint.storedHyperparameters())
        }
        return [.block(place.block, norm), .block(place.block, norm, .bias)]
    }
}

// MARK: - Cost and inverse

extension ScalingRoute {
    /// Nothing, and the rounding of the types: 2⁻¹¹ of a scale in f16. Of types whose blocks are quantised anew the error is
    /// not known beforehand.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        let types = Set(
            try Self.places(interventions).flatMap { place in
                try Self.roles(at: place, in: checkpoint).compactMap { checkpoint.tensor($0)?.type }
            })
        let errors = types.map { type -> Double? in
            switch type {
            case .f64, .f32: 0x1p-24
            case .bf16: 0x1p-9
            default: type == .f16 || BlockScaling(type) != nil ? 0x1p-11 : nil
            }
        }
        return BakeCost(
            bytes: 0, operations: 0,
            error: errors.contains(nil) ? nil : errors.compactMap(\.self).max(),
            runtimes: [format.runtime])
    }

    /// Nil: `diff --explain` knows a tensor that is another one times a number by itself, whoever scaled it.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? { nil }
}
