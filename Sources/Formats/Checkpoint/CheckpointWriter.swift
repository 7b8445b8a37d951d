import Synchronization

/// The one writer of checkpoints: streams a plan to disk, the crew's threads each a piece at a time, so that memory
/// stays small whatever the model's size. The bytes do not depend on the number of threads.
public struct CheckpointWriter: Sendable {
    /// What was written.
    public struct Summary: Sendable {
        /// The paths of the weight files.
        public var files: [String] = []
        public var byteCount = 0
        /// What the tensors that were not copied lose by their types.
        public var rounding = RoundingReport()
    }

    private let crew: WorkCrew
    private let allowsInfinities: Bool
    private let advance: @Sendable (Int) -> Void

    /// Bytes of output that one task produces.
    private static let pieceSize = 4 << 20

    /// - Parameters:
    ///   - allowsInfinities: whether finite values may become infinite; else such an output is refused.
    ///   - advance: called from any thread with the number of bytes of tensors written since.
    public init(
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
    public func write(
        _ plan: OutputPlan, to path: String, shardLimit: Int? = nil, replacing: Bool
    ) throws -> Summary {
        let layout = try OutputLayout(plan, path: path, shardLimit: shardLimit)
        return layout.isFolder
            ? try writeFolder(layout, to: path, replacing: replacing)
            : try writeFiles(layout, beside: path, replacing: replacing)
    }

    private func writeFiles(
        _ layout: OutputLayout, beside path: String, replacing: Bool
    ) throws -> Summary {
        var summary = Summary()
        var outputs: [AtomicFile] = []
        for file in layout.files {
            let path = PathParts.join(PathParts(path).folder, file.name)
            let output = try AtomicFile(path: path, reserving: file.size, replacing: replacing)
            try write(file, to: output, path, &summary)
            outputs.append(output)
        }
        // The first file makes the others a model.
        for output in outputs.reversed() { try output.commit() }
        return summary
    }

    private func writeFolder(
        _ layout: OutputLayout, to path: String, replacing: Bool
    ) throws -> Summary {
        let stale = Self.weightFiles(of: path)
        let folder = try OutputFolder(path: path, replacing: replacing)
        var summary = Summary()
        for file in layout.files {
            let output = try folder.create(file.name, reserving: file.size)
            try write(file, to: output, path + "/" + file.name, &summary)
        }
        let written = Set(layout.files.map(\.name))
        try folder.commit(removing: stale.filter { !written.contains($0) })
        return summary
    }

    /// The weight files of the model that a folder holds now, which would contradict a new one; none where it holds
    /// no readable model.
    static func weightFiles(of folder: String) -> [String] {
        guard let files = try? HuggingFaceFiles(folder: folder) else { return [] }
        let own = files.shards.map(\.name) + (files.indexName.map { [$0] } ?? [])
        // Weights of an index that `model.safetensors` stands in front of.
        let index = PathParts.join(folder, SafetensorsIndex.fileName)
        guard files.indexName == nil, let other = try? SafetensorsIndex(path: index) else {
            return own
        }
        return own + other.shards.map { PathParts($0.path).name } + [SafetensorsIndex.fileName]
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

    private struct Progress {
        var problem: (any Error)?
        /// By piece, so that they are added up in one order.
        var sums: [Int: RoundingSums] = [:]
        /// The first tensor with a value that its type does not hold. Later ones need not be written.
        var firstOverflow = Int.max
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
        let state = Mutex(Progress())
        crew.run(pieces.count) { index in
            let piece = pieces[index]
            let isWanted = state.withLock {
                $0.problem == nil && (allowsInfinities || piece.number <= $0.firstOverflow)
            }
            guard isWanted else { return }
            do {
                guard let sums = try write(piece, to: output) else { return }
                state.withLock {
                    $0.sums[index] = sums
                    if sums.overflowCount > 0 {
                        $0.firstOverflow = min($0.firstOverflow, piece.number)
                    }
                }
            } catch {
                state.withLock { $0.problem = $0.problem ?? error }
            }
        }
        let progress = state.withLock { $0 }
        if let problem = progress.problem { throw problem }
        var report = RoundingReport()
        var totals = [RoundingSums](repeating: RoundingSums(), count: tensors.count)
        for (index, piece) in pieces.enumerated() {
            if let sums = progress.sums[index] { totals[piece.number].add(sums) }
        }
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
