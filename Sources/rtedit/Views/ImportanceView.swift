import Formats
import Tuning

/// How an importance matrix that was written is shown.
struct ImportanceView {
    let console: Console

    /// Prints what the matrix holds and which experts no token reached.
    ///
    /// - Returns: the same for `--json`.
    func show(_ matrix: ImportanceMatrix) -> JSONObject {
        let unreached = matrix.names.compactMap {
            name -> (name: String, experts: [Int], of: Int)? in
            guard let entry = matrix.entries[ExactString(name)], !entry.unreached.isEmpty else {
                return nil
            }
            return (name, entry.unreached, entry.counts.count)
        }
        let size = matrix.chunkSize.map { " of \($0) tokens" } ?? ""
        console.print(
            "\(matrix.path): weights: \(matrix.entries.count), chunks: \(matrix.chunkCount)\(size)")
        for (name, experts, count) in unreached {
            console.print(
                "\(name): no token reached \(experts.count) of \(count) experts: \(BlockSet.text(experts))"
            )
        }
        return JSONObject([
            .init("output", .string(matrix.path)),
            .init("weights", .integer(matrix.entries.count)),
            .init("chunks", .integer(matrix.chunkCount)),
            .init("chunk_size", matrix.chunkSize.map { .integer($0) } ?? .null),
            .init("texts", .array(matrix.datasets.map { .string($0) })),
            .init(
                "unreached",
                .array(
                    unreached.map { name, experts, _ in
                        .object(
                            JSONObject([
                                .init("weight", .string(name)),
                                .init("experts", .array(experts.map { .integer($0) })),
                            ]))
                    })),
        ])
    }
}
