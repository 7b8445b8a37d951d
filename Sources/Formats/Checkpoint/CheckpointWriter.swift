import Foundation
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

    /// - Parameter advance: called from any thread with the number of bytes written since.
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
    /// - Throws: `FileError` where the output exists or cannot be written, `QuantizationError`, `GGUFError` and
    ///   `SafetensorsError` where the format cannot hold the plan. No output is left then.
    public func write(
        _ plan: OutputPlan, to path: String, shardLimit: Int? = nil, replacing: Bool
    ) throws -> Summary {
        switch plan.container {
        case .gguf(let metadata):
            return try writeGGUF(
                plan, metadata: metadata, to: path, shardLimit: shardLimit, replacing: replacing)
        case .huggingFace(let layout):
            if path.hasSuffix(".safetensors") {
                return try writeSingleFile(plan, layout, to: path, replacing: replacing)
            }
            return try writeFolder(
                plan, layout, to: path, shardLimit: shardLimit, replacing: replacing)
        }
    }

    // MARK: - Formats

    private func writeGGUF(
        _ plan: OutputPlan, metadata: GGUFMetadata, to path: String, shardLimit: Int?,
        replacing: Bool
    ) throws -> Summary {
        let splits = try GGUFSplits(
            path: path, metadata: metadata, tensors: plan.tensors.map(\.description),
            limit: shardLimit)
        var summary = Summary()
        var files: [AtomicFile] = []
        for (path, header) in splits.files {
            let file = try AtomicFile(
                path: path, reserving: header.fileSize, replacing: replacing)
            try file.write(header.bytes, at: 0)
            summary.overflowCount += try write(plan.tensors, header.layout, to: file)
            try Self.writePadding(header.layout, fileSize: header.fileSize, to: file)
            summary.files.append(path)
            summary.byteCount += header.fileSize
            files.append(file)
        }
        // The first file makes the others a model.
        for file in files.reversed() { try file.commit() }
        return summary
    }

    private func writeSingleFile(
        _ plan: OutputPlan, _ layout: OutputPlan.HuggingFaceLayout, to path: String, replacing: Bool
    ) throws -> Summary {
        guard !layout.needsConfiguration else {
            throw CheckpointError.cannotExpress(
                fact: "\(path): biases need their flag in config.json; write a folder instead")
        }
        let header = try SafetensorsHeader(
            path: path, tensors: plan.tensors.map(\.description),
            metadata: layout.shards.first?.metadata ?? [])
        let file = try AtomicFile(path: path, reserving: header.fileSize, replacing: replacing)
        try file.write(header.bytes, at: 0)
        var summary = Summary(files: [path], byteCount: header.fileSize)
        summary.overflowCount = try write(plan.tensors, header.layout, to: file)
        try file.commit()
        return summary
    }

    private func writeFolder(
        _ plan: OutputPlan, _ layout: OutputPlan.HuggingFaceLayout, to path: String,
        shardLimit: Int?,
        replacing: Bool
    ) throws -> Summary {
        let shards: SafetensorsShards
        let descriptions = plan.tensors.map(\.description)
        if let shardLimit {
            shards = try SafetensorsShards(
                folder: path, tensors: descriptions, metadata: layout.shards.first?.metadata ?? [],
                limit: shardLimit)
        } else {
            shards = try SafetensorsShards(
                folder: path,
                files: layout.shards.enumerated().map { number, shard in
                    (
                        shard.name, plan.tensors.filter { $0.shard == number }.map(\.description),
                        shard.metadata
                    )
                }, isIndexed: layout.isIndexed)
        }
        let stale = Self.weightFiles(of: path)
        let folder = try OutputFolder(path: path, replacing: replacing)
        var summary = Summary()
        for shard in shards.shards {
            let file = try folder.create(shard.name, reserving: shard.header.fileSize)
            try file.write(shard.header.bytes, at: 0)
            summary.overflowCount += try write(plan.tensors, shard.header.layout, to: file)
            summary.files.append(path + "/" + shard.name)
            summary.byteCount += shard.header.fileSize
        }
        for name in layout.copies {
            let source = try MappedFile(path: layout.sourceFolder + "/" + name)
            try folder.create(name, reserving: source.size).append(source.bytes)
        }
        for (name, bytes) in layout.files { try folder.create(name).append(bytes) }
        if let index = shards.index { try folder.create(SafetensorsIndex.fileName).append(index) }
        if let config = layout.config {
            try folder.create("config.json").append(
                JSONWriter(.indented).bytes(.object(config)) + Array("\n".utf8))
        }
        let written = Set(
            shards.shards.map(\.name) + [shards.index == nil ? "" : SafetensorsIndex.fileName])
        try folder.commit(removing: stale.filter { !written.contains($0) })
        return summary
    }

    /// The weight files of the model that a folder holds now, which would contradict a new one; none where it holds
    /// no readable model.
    private static func weightFiles(of folder: String) -> [String] {
        guard let files = try? HuggingFaceFiles(folder: folder) else { return [] }
        return files.shards.map(\.name) + (files.indexName.map { [$0] } ?? [])
    }

    // MARK: - Data

    /// One piece of output and where it goes.
    private struct Piece {
        let tensor: OutputPlan.Tensor
        let rows: Range<Int>
        let rowBytes: Int
        let offset: Int
    }

    /// Writes the data of tensors to their places; the crew takes the pieces in any order.
    private func write(
        _ tensors: [OutputPlan.Tensor], _ layout: [TensorPlacement], to file: AtomicFile
    ) throws -> Int {
        var byName: [String: OutputPlan.Tensor] = [:]
        for tensor in tensors { byName[tensor.description.name] = tensor }
        let pieces = layout.flatMap { placement -> [Piece] in
            guard let tensor = byName[placement.description.name] else { return [] }
            return Self.pieces(of: tensor, at: placement)
        }
        let state = Mutex((problem: (any Error)?.none, overflows: 0))
        crew.run(pieces.count) { index in
            guard state.withLock({ $0.problem == nil }) else { return }
            do {
                let overflows = try write(pieces[index], to: file)
                if overflows > 0 { state.withLock { $0.overflows += overflows } }
            } catch {
                state.withLock { $0.problem = $0.problem ?? error }
            }
        }
        let (problem, overflows) = state.withLock { $0 }
        if let problem { throw problem }
        return overflows
    }

    private static func pieces(of tensor: OutputPlan.Tensor, at placement: TensorPlacement)
        -> [Piece]
    {
        let rowBytes = tensor.rowBytes
        guard rowBytes > 0 else { return [] }
        let rows = placement.byteCount / rowBytes
        let step = max(1, pieceSize / rowBytes)
        return stride(from: 0, to: rows, by: step).map { first in
            Piece(
                tensor: tensor, rows: first..<min(rows, first + step), rowBytes: rowBytes,
                offset: placement.offset + first * rowBytes)
        }
    }

    private func write(_ piece: Piece, to file: AtomicFile) throws -> Int {
        let size = piece.rows.count * piece.rowBytes
        var overflows = 0
        if let bytes = piece.tensor.mappedBytes(rows: piece.rows) {
            try file.write(bytes, at: piece.offset)
        } else {
            let buffer = try [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
                overflows = try piece.tensor.write(
                    rows: piece.rows,
                    to: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: size))
                filled = size
            }
            try file.write(buffer, at: piece.offset)
        }
        piece.tensor.releaseSource(rows: piece.rows)
        advance(size)
        return overflows
    }

    /// Zeros between tensors and after the last, as the format wants them.
    private static func writePadding(
        _ layout: [TensorPlacement], fileSize: Int, to file: AtomicFile
    ) throws {
        for (index, placement) in layout.enumerated() {
            let end = placement.offset + placement.byteCount
            let next = index + 1 < layout.count ? layout[index + 1].offset : fileSize
            if next > end { try file.write([UInt8](repeating: 0, count: next - end), at: end) }
        }
    }
}
