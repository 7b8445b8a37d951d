import Formats
import Transformer
import Tuning

/// A bake that every route refuses, with what its user can do in place of it.
struct RefusedBake: Failure {
    let cause: any Failure
    let ways: [String]

    var kind: FailureKind { cause.kind }

    var description: String {
        ways.isEmpty ? "\(cause)" : "\(cause). What can be done: \(ways.joined(separator: "; "))"
    }

    /// - Parameter format: that of the output.
    init(
        _ cause: any Failure, _ interventions: [Intervention], in checkpoint: Checkpoint,
        format: FileFormat
    ) {
        self.cause = cause
        let additions = interventions.filter { $0.operation == .add }
        ways =
            Self.places(of: additions, in: checkpoint, format)
            + Self.fit(of: additions, in: checkpoint, format)
            + Self.weights(for: interventions, in: checkpoint, format)
            + (additions.isEmpty ? [] : ["'rtedit tune' learns it from data"])
            + Self.online(additions)
    }

    /// The same site in the other format, and other sites in this one.
    private static func places(
        of additions: [Intervention], in checkpoint: Checkpoint, _ format: FileFormat
    ) -> [String] {
        guard let site = additions.first?.site else { return [] }
        let other: FileFormat = format == .gguf ? .safetensors : .gguf
        func takes(_ site: Site, _ format: FileFormat) -> Bool {
            BakeRoutes.answers(in: checkpoint, format: format).contains {
                guard $0.site == site, case .success = $0.answer else { return false }
                return true
            }
        }
        var ways: [String] = []
        if takes(site, other) {
            ways.append("\(other == .gguf ? "a .gguf output" : "a folder as output") takes it")
        }
        let sites = BakeRoutes.sites.filter { $0 != site && takes($0, format) }
        if !sites.isEmpty {
            let names = sites.map(\.rawValue).joined(separator: " and ")
            ways.append("vectors extracted at \(names) are exact (extract --site)")
        }
        return ways
    }

    private static func fit(
        of additions: [Intervention], in checkpoint: Checkpoint, _ format: FileFormat
    ) -> [String] {
        let route = FitRoute()
        guard let first = additions.first,
            let refusal = route.refusal(
                of: .add, at: first.site, in: checkpoint, format: format) as? FitRoute.Refusal,
            refusal == .noCalibration
        else { return [] }
        return [
            "\(BakeCommand.method.flagText) \(route.name) \(FitOptions.calibration.flagText) FILE "
                + "comes close and says how close"
        ]
    }

    /// What removes directions from weights by name only.
    private static func weights(
        for interventions: [Intervention], in checkpoint: Checkpoint, _ format: FileFormat
    ) -> [String] {
        let removals = interventions.filter(\.operation.removes)
        guard !removals.isEmpty else { return [] }
        let names = BakeRoutes.all.filter {
            $0.isOnlyTakenByName
                && $0.refusal(of: removals, in: checkpoint, format: format) == nil
        }.map(\.name)
        guard !names.isEmpty else { return [] }
        return [
            "\(BakeCommand.method.flagText) \(names.joined(separator: " or ")) changes the weights, not "
                + "equal to steering"
        ]
    }

    private static func online(_ additions: [Intervention]) -> [String] {
        let isLlamaCpp = additions.allSatisfy { $0.site == .residPost && $0.block > 0 }
        guard !additions.isEmpty, isLlamaCpp else { return [] }
        return ["llama.cpp steers with the vector's file beside the model (--control-vector)"]
    }
}
