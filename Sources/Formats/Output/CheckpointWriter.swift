import Synchronization

/// The one writer of checkpoints: streams a plan to disk, the crew's threads each a piece at a time, so that memory
/// stays small whatever the model's size. The bytes do not depend on the number of threads.
package struct CheckpointWriter: Sendable {
    /// What was written.
    package struct Summary: Sendable {
        /// The paths of the weight files.
        package var files: [String] = []
        package var byteCount = 0
        /// What the tensors that were not copied lose by their types.
        package var rounding = RoundingReport()
        /// What the user should know about files that were there before.
        package var notes: [String] = []
    }

    private let crew: WorkCrew
    private let allowsInfinities: Bool
    private let advance: @Sendable (Int) -> Void

    /// Bytes of output that one task produces.
    private static let pieceSize = 4 << 20

    /// - Parameters:
    ///   - allowsInfinities: whether finite values may become infinite; else such an output is refused.
    ///   - advance: called from any thread with the number of bytes of tensors written since.
    package init(
        crew: WorkCrew, allowsInfinities: Bool = false,
        advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.crew = crew
        self.allowsInfinities = allowsInfinities
        self.advance = advance
    }

    /// Writes a plan.
    ///
    /// - Parameters:
    ///   - path: a `.gguf` file, a `.safetensors` file or a folder, to suit the plan's format.
    ///   - shardLimit: the most bytes of tensors a file shall hold; nil keeps the source's safetensors files, and makes
    ///     one GGUF file.
    ///   - replacing: whether an existing output is replaced.
    /// - Throws: `FileError` where the output exists or cannot be written, `CheckpointError.becomesInfinite` of the
    ///   first tensor that its type cannot hold, and as `OutputLayout.init`. No output is left then.
    package func write(
        _ plan: OutputPlan, to path: String, shardLimit: Int? = nil, replacing: Bool
    ) throws -> Summary {
        let layout = try OutputLayout(plan, path: path, shardLimit: shardLimit)
        return layout.isFolder
            ? try writeFolder(layout, from: plan.source.path, to: path, replacing: replacing)
            : try writeFiles(layout, beside: path, replacing: replacing)
    }

    private func writeFiles(
        _ layout: OutputLayout, beside path: String, replacing: Bool
    ) throws -> Summary {
        var summary = Summary()
        let folder = PathParts(path).folder
        let stale = replacing ? Self.shards(replacedBy: layout.files, in: folder) : []
        if layout.files.count == 1, stale.isEmpty, let file = layout.files.first {
            let path = PathParts.join(folder, file.name)
            let output = try AtomicFile(path: path, reserving: file.size, replacing: replacing)
            try write(file, to: output, path, &summary)
            try output.commit()
            return summary
        }
        let set = try OutputFolder(
            files: layout.files.map(\.name), of: path, replacing: replacing)
        for file in layout.files {
            let output = try set.create(file.name, reserving: file.size)
            try write(file, to: output, PathParts.join(folder, file.name), &summary)
            try output.commit()
        }
        try set.commit(removing: stale)
        summary.notes += Self.note(removed: stale, from: folder)
        summary.notes += Self.note(others: layout.files, in: folder)
        return summary
    }

    private func writeFolder(
        _ layout: OutputLayout, from source: String, to path: String, replacing: Bool
    ) throws -> Summary {
        let folder = try OutputFolder(path: path, replacing: replacing)
        var summary = Summary()
        for file in layout.files {
            let output = try folder.create(file.name, reserving: file.size)
            try write(file, to: output, PathParts.join(path, file.name), &summary)
            try output.commit()
        }
        let stale = Self.staleFiles(
            of: folder.path, without: layout.files.map(\.name), source: source)
        try folder.commit(removing: stale)
        summary.notes += Self.note(removed: stale, from: folder.path)
        return summary
    }

    // MARK: - The old model

    /// The files of the model that a folder holds now which a new one does not have, and would be taken for its own.
    ///
    /// - Parameter source: what the new one is made of; folders that a model over itself does not write again stay.
    static func staleFiles(
        of folder: String, without names: [String], source: String
    ) -> [String] {
        // Shards of a GGUF model are no model of a folder.
        guard names.contains(where: ModelFiles.belongs) else { return [] }
        let new = Set(names.map(ExactString.init))
        let stale = ModelFiles.names(in: folder).filter { !new.contains(ExactString($0)) }
        guard FileIdentity.isSame(folder, source) else { return stale }
        return stale.filter { !Folder.exists(PathParts.join(folder, $0)) }
    }

    /// What tells the user that files of an old model are gone.
    static func note(removed names: [String], from folder: String) -> [String] {
        guard !names.isEmpty else { return [] }
        return [
            "\(folder): removed with the model that was there: \(names.joined(separator: ", "))"
        ]
    }

    /// The other shards of a split model whose first one is replaced by a whole model.
    private static func shards(replacedBy files: [OutputLayout.File], in folder: String) -> [String]
    {
        guard files.count == 1, let shard = files.first.flatMap({ GGUFShardName($0.name) }),
            shard.number == 0, shard.count > 1
        else { return [] }
        return (1..<shard.count).map { shard.sibling($0).fileName }.filter {
            AtomicFile.status(of: PathParts.join(folder, $0)) != nil
        }
    }

    /// What tells the user that the same model, split into another number of files, is still there.
    private static func note(others files: [OutputLayout.File], in folder: String) -> [String] {
        guard let own = files.first.flatMap({ GGUFShardName($0.name) }), files.count > 1 else {
            return []
        }
        let others = ((try? Folder.names(folder)) ?? []).filter {
            guard let shard = GGUFShardName($0) else { return false }
            return shard.number == 0 && shard.prefix == own.prefix && shard.count != own.count
        }
        return others.map {
            "\(PathParts.join(folder, $0)): another model of this name, of another number of files, is still "
                + "there"
        }
    }

    // MARK: - Data

    /// One piece of output and where it goes.
    private struct Piece {
        let tensor: OutputPlan.Tensor
        /// The tensor's place among those of the file.
        let number: Int
        let rows: Range<Int>
        let rowBytes: Int
        let offset: Int
    }

    /// Writes a file; the crew takes the pieces of its tensors in any order.
    private func write(
        _ file: OutputLayout.File, to output: AtomicFile, _ path: String, _ summary: inout Summary
    ) throws {
        var pieces: [Piece] = []
        var tensors: [TensorDescription] = []
        for part in file.parts {
            switch part.content {
            case .bytes(let bytes): try output.write(bytes, at: part.offset)
            case .mapped(let bytes): try output.write(bytes, at: part.offset)
            case .zeros:
                try output.write([UInt8](repeating: 0, count: part.byteCount), at: part.offset)
            case .tensor(let tensor):
                pieces += Self.pieces(of: tensor, number: tensors.count, at: part)
                tensors.append(tensor.description)
            }
        }
        // The first tensor with a value that its type does not hold. Later ones need not be written.
        let firstOverflow = Atomic<Int>(.max)
        let sums = try crew.map(pieces.count) { [pieces] index -> RoundingSums? in
            let piece = pieces[index]
            guard allowsInfinities || piece.number <= firstOverflow.load(ordering: .relaxed) else {
                return nil
            }
            let sums = try write(piece, to: output)
            if let sums, sums.overflowCount > 0 {
                firstOverflow.min(piece.number, ordering: .relaxed)
            }
            return sums
        }
        var report = RoundingReport()
        var totals = [RoundingSums](repeating: RoundingSums(), count: tensors.count)
        for (piece, sums) in zip(pieces, sums) { if let sums { totals[piece.number].add(sums) } }
        for (tensor, sums) in zip(tensors, totals) { report.add(sums, of: tensor) }
        if !allowsInfinities, let refusal = report.refusal { throw refusal }
        summary.rounding.add(report)
        guard file.holdsWeights else { return }
        summary.files.append(path)
        summary.byteCount += file.size
    }

    private static func pieces(
        of tensor: OutputPlan.Tensor, number: Int, at part: OutputLayout.Part
    ) -> [Piece] {
        let rowBytes = tensor.rowBytes
        guard rowBytes > 0 else { return [] }
        let rows = part.byteCount / rowBytes
        let step = max(1, pieceSize / rowBytes)
        return stride(from: 0, to: rows, by: step).map { first in
            Piece(
                tensor: tensor, number: number, rows: first..<min(rows, first + step),
                rowBytes: rowBytes, offset: part.offset + first * rowBytes)
        }
    }

    /// - Returns: what the piece loses; nil where it was copied.
    private func write(_ piece: Piece, to file: AtomicFile) throws -> RoundingSums? {
        var sums: RoundingSums?
        if let bytes = piece.tensor.mappedBytes(rows: piece.rows) {
            try file.write(bytes, at: piece.offset)
        } else {
            let made = try piece.tensor.bytes(rows: piece.rows)
            try file.write(made.bytes, at: piece.offset)
            sums = made.sums
        }
        piece.tensor.releaseSource(rows: piece.rows)
        advance(piece.rows.count * piece.rowBytes)
        return sums
    }
}
