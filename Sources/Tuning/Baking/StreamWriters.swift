import Formats
import Transformer

/// What writes to the residual stream, and how it is changed.
enum StreamWriters {
    /// What writes to the stream before a place and after the one before it, of what the model has.
    static func roles(
        at place: StreamSite, in checkpoint: Checkpoint, _ sizes: Hyperparameters
    ) -> [WeightRole] {
        roles(at: place, sizes).filter { checkpoint.tensor($0) != nil }
    }

    /// The same, whether a model has them or not.
    static func roles(at place: StreamSite, _ sizes: Hyperparameters) -> [WeightRole] {
        switch place.site {
        case .embed:
            [WeightRole(.tokenEmbedding), WeightRole(.positionEmbedding)]
        case .residMid:
            [WeightRole.Part.weight, .bias].map {
                .block(place.block, sizes.kind(ofBlock: place.block).mixer.output, $0)
            }
        case .residPost:
            [
                .block(place.block, .feedForwardDown), .block(place.block, .feedForwardDown, .bias),
                .block(place.block, .sharedExpertDown), .block(place.block, .expertDown, .bias),
                .block(place.block, .perLayerOutput),
            ]
                + (0..<(sizes.experts?.count ?? 0)).map {
                    WeightRole(.block(place.block, .expertDown), expert: $0)
                }
        }
    }

    /// The norm that what is written at a site may pass before it reaches the stream; nil where none can stand.
    static func norm(behind site: Site) -> BlockSlot? {
        switch site {
        case .embed: nil
        case .residMid: .attentionPostNorm
        case .residPost: .feedForwardPostNorm
        }
    }

    /// The norms that what a weight writes may pass before it reaches the stream.
    static func norms(behind slot: WeightRole.Slot) -> [BlockSlot] {
        if case .block(_, .perLayerOutput) = slot { return [.perLayerNorm] }
        let first: [BlockSlot] =
            switch slot {
            case .block(_, .feedForwardDown): [.densePostNorm]
            case .block(_, .expertDown): [.expertPostNorm]
            default: []
            }
        return first + (site(of: slot).flatMap { norm(behind: $0.site) }.map { [$0] } ?? [])
    }

    /// Where a weight of a block writes to the stream, itself or as the norm behind what does; nil where it does neither.
    static func site(of slot: WeightRole.Slot) -> (site: Site, isNorm: Bool)? {
        switch slot {
        case .block(_, .attentionOutput), .block(_, .convolutionOutput),
            .block(_, .deltaOutput):
            (.residMid, false)
        case .block(_, .feedForwardDown), .block(_, .expertDown), .block(_, .sharedExpertDown),
            .block(_, .perLayerOutput):
            (.residPost, false)
        case .block(_, .attentionPostNorm): (.residMid, true)
        case .block(_, .feedForwardPostNorm): (.residPost, true)
        default: nil
        }
    }

    /// A bias, or those of all experts one after the other, without what steps remove.
    static func bias(
        _ role: WeightRole, in checkpoint: Checkpoint, without steps: [InterventionPlan.Step]
    ) throws -> CheckpointEdit {
        let tensor = checkpoint.tensor(role)
        var values = try tensor?.values() ?? []
        let width = tensor?.shape.last ?? 0
        values.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress, width > 0 else { return }
            for first in stride(from: 0, to: values.count, by: width) {
                for step in steps { step.apply(to: start + first, width: width) }
            }
        }
        return .set(role, .values(values, checkpoint.form(of: role).orderOnly), type: nil)
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
