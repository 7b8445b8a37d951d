import Formats
import Transformer

/// What writes to the residual stream, and how it is changed.
enum StreamWriters {
    /// What writes to the stream before a place and after the one before it.
    static func roles(
        at place: StreamSite, in checkpoint: Checkpoint, _ sizes: Hyperparameters
    ) -> [WeightRole] {
        let roles: [WeightRole]
        switch place.site {
        case .embed:
            roles = [WeightRole(.tokenEmbedding), WeightRole(.positionEmbedding)]
        case .residMid:
            roles = [
                .block(place.block, .attentionOutput), .block(place.block, .attentionOutput, .bias),
            ]
        case .residPost:
            roles =
                [
                    .block(place.block, .feedForwardDown),
                    .block(place.block, .feedForwardDown, .bias),
                ]
                + (0..<(sizes.experts?.count ?? 0)).map {
                    WeightRole(.block(place.block, .expertDown), expert: $0)
                }
        }
        return roles.filter { checkpoint.tensor($0) != nil }
    }

    /// A bias without what steps remove.
    static func bias(
        _ role: WeightRole, in checkpoint: Checkpoint, without steps: [InterventionPlan.Step]
    ) throws -> CheckpointEdit {
        var values = try checkpoint.tensor(role)?.values() ?? []
        values.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for step in steps { step.apply(to: start, width: values.count) }
        }
        return .set(role, .values(values, checkpoint.form(of: role).rowsOnly), type: nil)
    }

    /// The embedding as a head of its own, in the bytes that it has; nothing where there is one.
    static func ownHead(
        of checkpoint: Checkpoint, _ sizes: Hyperparameters, format: FileFormat
    ) throws -> [CheckpointEdit] {
        guard sizes.tiesEmbeddings, let embedding = checkpoint.tensor(WeightRole(.tokenEmbedding))
        else { return [] }
        let isHeld = format == .gguf || embedding.type.safetensorsName != nil
        return [
            .set(WeightRole(.output), .stored(embedding), type: isHeld ? embedding.type : .f32)
        ]
    }
}
