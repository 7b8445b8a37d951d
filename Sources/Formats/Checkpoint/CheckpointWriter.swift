import Synchronization

/// The one writer of checkpoints: streams a plan to disk, the crew's threads each a piece at a time, so that memory
/// stays small whatever the model's size. The bytes do not depend on the number of threads.
public struct CheckpointWriter: Sendable {
    /// What was written.
    public struct Summary: Sendable {
        /// The paths of the weight files.
        public var files: [String] = []
        public var byteCount = 0
        /// Finite values that the output's type turned into infinities.
        public var overflowCount = 0
    }

    private let crew: WorkCrew
    private let advance: @Sendable (Int) -> Void

    /// Bytes of output that one task produces.
    private static let pieceSize = 4 << 20

    /// - Parameter advance: called from any thread with the number of bytes of tensors written since.
    public init(crew: WorkCrew, advance: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.crew = crew
        self.advance = advance
    }

    /// Writes a plan.
    ///
    /// - Parameters:
    ///   - path: a `.gguf` file, a `.safetensors` file or a folder, to suit the plan's format.
    ///   - shardLimit: the most bytes of tensors a file shall hold; nil keeps the source's safetensors files, and makes
    ///     one GGUF file.
    ///   - replacing: whether an existing output is replaced.
    /// - Throws: `FileError` where the output exists or cannot be written, and as `OutputLayout.init`. No output is left
    ///   then.
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
        let rows: Range<Int>
        let rowBytes: Int
        let offset: Int
    }

    /// Writes a file; the crew takes the pieces of its tensors in any order.
    private func write(
        _ file: OutputLayout.File, to output: AtomicFile, _ path: String, _ summary: inout Summary
    ) throws {
        var pieces: [Piece] = []
        for part in file.parts {
            switch part.content {
            case .bytes(let bytes): try output.write(bytes, at: part.offset)
            case .mapped(let bytes): try output.write(bytes, at: part.offset)
            case .zeros:
                try output.write([UInt8](repeating: 0, count: part.byteCount), at: part.offset)
            case .tensor(let tensor): pieces += Self.pieces(of: tensor, at: part)
            }
        }
        let state = Mutex((problem: (any Error)?.none, overflows: 0))
        crew.run(pieces.count) { index in
            guard state.withLock({ $0.problem == nil }) else { return }
            do {
                let overflows = try write(pieces[index], to: output)
                if overflows > 0 { state.withLock { $0.overflows += overflows } }
            } catch {
                state.withLock { $0.problem = $0.problem ?? error }
            }
        }
        let (problem, overflows) = state.withLock { $0 }
        if let problem { throw problem }
        summary.overflowCount += overflows
        guard file.holdsWeights else { return }
        summary.files.append(path)
        summary.byteCount += file.size
    }

    private static func pieces(of tensor: OutputPlan.Tensor, at part: OutputLayout.Part) -> [Piece]
    {
        let rowBytes = tensor.rowBytes
        guard rowBytes > 0 else { return [] }
        let rows = part.byteCount / rowBytes
        let step = max(1, pieceSize / rowBytes)
        return stride(from: 0, to: rows, by: step).map { first in
            Piece(
                tensor: tensor, rows: first..<min(rows, first + step), rowBytes: rowBytes,
                offset: part.offset + first * rowBytes)
        }
    }

    private func write(_ piece: Piece, to file: AtomicFile) throws -> Int {
        let size = piece.rows.count * piece.rowBytes
        var overflows = 0
        if let bytes = piece.tensor.mappedBytes(rows: piece.rows) {
            try file.write(bytes, at: piece.offset)
        } else {
            let buffer: [UInt8]
            (buffer, overflows) = try piece.tensor.bytes(rows: piece.rows)
            try file.write(buffer, at: piece.offset)
        }
        piece.tensor.releaseSource(rows: piece.rows)
        advance(size)
        return overflows
    }
}
