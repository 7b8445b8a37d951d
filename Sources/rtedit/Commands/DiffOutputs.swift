import Formats
import Transformer
import Tuning

/// The files a comparison can leave behind: the vector that was baked or removed, the adapter that was merged.
struct DiffOutputs {
    let comparison: CheckpointComparison
    let replacing: Bool

    /// A comparison that does not hold what a file was asked for.
    enum Problem: Failure {
        case noVector

        var kind: FailureKind { .unsupported }

        var remedy: String? { "'rtedit delta create' holds every difference of the files" }

        var description: String {
            switch self {
            case .noVector:
                "no vector can be recovered: neither biases into the stream nor a removed direction were found"
            }
        }
    }

    /// Writes the vectors: the first to the path, that of another site beside it.
    ///
    /// - Returns: the files and what is in them.
    func writeVectors(
        _ vectors: [SteeringVector], to path: String
    ) throws -> [(path: String, vector: SteeringVector)] {
        guard let first = vectors.first else { throw Problem.noVector }
        let others = vectors.dropFirst().enumerated().map { index, vector in
            (Self.path(path, suffix: "\(vector.site.rawValue).\(index + 2)"), vector)
        }
        let files = [(path, first)] + others
        for (path, _) in files { try AtomicFile.checkTarget(path, replacing: replacing) }
        let base = try BaseIdentity(of: comparison.a)
        for (path, vector) in files {
            var vector = vector
            vector.provenance.base = base
            try VectorFile.write(vector, to: path, replacing: replacing)
        }
        return files
    }

    /// "mood.gguf" with the suffix "resid_mid" is "mood.resid_mid.gguf".
    private static func path(_ path: String, suffix: String) -> String {
        let ending = ".gguf"
        return path.hasSuffix(ending)
            ? "\(path.dropLast(ending.count)).\(suffix)\(ending)" : "\(path).\(suffix)"
    }

    /// Writes the adapter of a rank that comes nearest to the change.
    func writeAdapter(
        to path: String, rank: Int, crew: WorkCrew, advance: @escaping @Sendable () -> Void
    ) throws -> AdapterExtraction {
        let extraction = try AdapterExtraction(
            comparison, rank: rank, crew: crew, advance: advance)
        try extraction.adapter.write(
            to: path, for: comparison.a, baseName: comparison.a.path, replacing: replacing)
        return extraction
    }
}
