import Formats

/// The model whose figures `eval --json` printed, by the record of the call.
enum EvaluatedModel {
    /// Checks by hashes that a call of `eval` measured a model's files as they are, and tells where there are none.
    ///
    /// - Throws: `CardError.measuresOther`, `.steered`.
    static func check(_ path: String, is checkpoint: Checkpoint, _ console: Console) throws {
        let call = try CardFigures.object(path)["call"]?.object
        let given = call?["arguments"]?.object
        for option in SteeringOptions.files
        where given?[option.name]?.array.map({ !$0.isEmpty }) ?? false {
            throw CardError.steered(results: path, option: option.flagText)
        }
        let model = given?[EvalCommand.model.name]?.string ?? ""
        let hashes = (call?["inputs"]?.array ?? []).compactMap(\.object).compactMap { input in
            input["sha256"]?.string.map { (path: input["path"]?.string ?? "", sha256: $0) }
        }
        guard !hashes.isEmpty else {
            return console.warning(
                "\(path): has no hashes, as of a call with \(Option.noHashes.flagText): that it measured "
                    + "\(checkpoint.path) is not checked")
        }
        // The files of --against are inputs too.
        let folder = model.hasSuffix("/") ? model : model + "/"
        let measured = Set(
            hashes.filter { $0.path == model || $0.path.hasPrefix(folder) }.map(\.sha256))
        let all = Set(hashes.map(\.sha256))
        let files = try checkpoint.files().filter { checkpoint.isOfWeights($0.name) }
            .map { ($0.name, $0.file.sha256()) }
        let isMeasured = files.contains { measured.contains($0.1) }
        if let other = files.first(where: { !isMeasured || !all.contains($0.1) }) {
            throw CardError.measuresOther(results: path, model: model, file: other.0)
        }
    }
}
