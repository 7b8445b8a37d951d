package import Formats
package import Transformer

/// The route that is not exact: the last projection of a sub-layer is changed so that, on a text, what the sub-layer adds to
/// the stream is moved by the vector as nearly as can be.
///
/// It needs what no exact route needs, activations: whoever wants it makes a `Fitting` first, and a route of that. Without
/// one it refuses, so that it is never taken unasked.
package struct FitRoute: BakeRoute {
    package let name = "fit"
    package let form = "a fitted projection"
    package let forms = "fitted projections"
    package let summary = """
        Not exact, and only taken with --method fit or --max-error: the last projection of the feed-forward part \
        (resid_post) or of attention (resid_mid) is changed by least squares on a text (--calibration), so that what \
        it adds is moved by the vector; the error on text it has not seen is printed.
        """
    package let sites = [Site.residPost, .residMid]
    package let hasInverse = false

    private let fitting: Fitting?

    /// - Parameter fitting: what was fitted; nil for a route that refuses.
    package init(_ fitting: Fitting? = nil) {
        self.fitting = fitting
    }

    /// Why a vector cannot be fitted.
    package enum Refusal: Failure, Hashable {
        case noCalibration
        case otherInterventions
        case noSite(site: Site)
        case notAnAddition(operation: Intervention.Operation)
        case mixture(architecture: String)
        case layerNorm(architecture: String)
        case goesOn(architecture: String)
        case quantized(file: String, StoredQuantization)
        case typeNotWritten(tensor: String, type: ElementType)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .noCalibration:
                "it is not exact, and needs a text to fit: give --calibration FILE with --method fit or --max-error X"
            case .otherInterventions: "an exact route takes these, or they are not what was fitted"
            case .noSite(let site):
                "no projection acts at site '\(site.rawValue)'; bake resid_post or resid_mid"
            case .notAnAddition(let operation):
                "a projection is fitted to add a vector; it cannot \(operation.rawValue)"
            case .mixture(let architecture):
                "in architecture '\(architecture)' every token chooses experts, so that no projection acts on all of them"
            case .layerNorm(let architecture):
                "architecture '\(architecture)' has a LayerNorm behind the sub-layer, for which rtedit has no fit"
            case .goesOn(let architecture):
                "in architecture '\(architecture)' the stream is changed once more behind the feed-forward part, for which "
                    + "rtedit has no fit; bake resid_mid"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), in which no projection is fitted"
            case .typeNotWritten(let tensor, let type):
                "tensor '\(tensor)' is \(type.name), in which rtedit cannot write a changed matrix"
            }
        }
    }

    /// Why nothing could be fitted at this site, whatever the text.
    static func obstacle(
        to operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint
    ) -> Refusal? {
        guard operation == .add else { return .notAnAddition(operation: operation) }
        guard site != .embed else { return .noSite(site: site) }
        if let quantization = checkpoint.quantization, quantization.problem != nil {
            return .quantized(file: checkpoint.path, quantization)
        }
        guard let architecture = checkpoint.architecture else { return nil }
        if site == .residPost, architecture.hasExperts {
            return .mixture(architecture: architecture.name)
        }
        if site == .residPost, architecture.rule(for: .block(0, .outputScale)) != nil {
            return .goesOn(architecture: architecture.name)
        }
        if architecture.residualPath == .normed, architecture.norm == .layer {
            return .layerNorm(architecture: architecture.name)
        }
        return nil
    }

    /// Why nothing was fitted for this.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        if let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format) {
            return Refusal.quantized(file: checkpoint.path, quantization)
        }
        return Self.obstacle(to: operation, at: site, in: checkpoint)
            ?? (fitting == nil ? Refusal.noCalibration : nil)
    }

    /// Also where they are not those that were fitted.
    package func refusal(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) -> (any Failure)? {
        if let refusal = refusalOfEach(interventions, in: checkpoint, format: format) {
            return refusal
        }
        return fitting?.interventions == interventions ? nil : Refusal.otherInterventions
    }

    /// The changed matrices, in the types that they were judged in.
    ///
    /// - Throws: `Refusal`.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        return fitting?.edits ?? []
    }

    /// Nothing but the error, which is the largest of all places.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        BakeCost(
            bytes: fitting?.addedBytes ?? 0, operations: 0, error: fitting?.error,
            runtimes: [format.runtime])
    }

    /// Nil: a changed matrix that is no more than near to a vector does not say which.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? { nil }
}
