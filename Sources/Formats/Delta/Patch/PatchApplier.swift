/// Applies patches: checks the base, rebuilds the target's files, checks them, and puts them in place.
package struct PatchApplier: Sendable {
    private let crew: WorkCrew
    private let advance: @Sendable (Int) -> Void
    private let zstd = Zstandard()

    /// - Parameter advance: called from any thread with the number of bytes of the result done since.
    package init(crew: WorkCrew, advance: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.crew = crew
        self.advance = advance
    }

    /// Applies a patch.
    ///
    /// - Parameters:
    ///   - path: where the result goes: a file where the patch makes one, else a folder. It may be the base itself.
    ///   - report: called with what the user should know about files that were there before.
    /// - Returns: the paths of the files written.
    /// - Throws: `PatchError` where the base is not the patch's or the patch is damaged, `FileError` where the output
    ///   exists or cannot be written. No output is left then.
    package func apply(
        _ patch: PatchFile, to base: FileSet, path: String, replacing: Bool,
        report: (String) -> Void = { _ in }
    ) throws -> [String] {
        let files = patch.directory.files
        let bytes = try BaseBytes(base, sources: patch.directory.sources)
        try bytes.check(crew)
        let payloads = PayloadPlaces(patch)
        guard patch.isFolder else {
            guard let file = files.first else { return [] }
            let output = try AtomicFile(path: path, reserving: file.size, replacing: replacing)
            try write(file, of: patch, payloads[0], bytes, to: output)
            try output.commit()
            return [path]
        }
        guard !path.hasSuffix(".gguf"), !path.hasSuffix(".safetensors") else {
            throw PatchError.needsFolder(path: path, files: files.count)
        }
        let folder = try OutputFolder(path: path, replacing: replacing)
        for (file, places) in zip(files, payloads.files) {
            let output = try folder.create(file.name, reserving: file.size)
            try write(file, of: patch, places, bytes, to: output)
            try output.commit()
        }
        let stale = CheckpointWriter.staleFiles(
            of: folder.path, without: files.map(\.name), source: base.path)
        try folder.commit(removing: stale)
        for note in CheckpointWriter.note(removed: stale, from: folder.path) { report(note) }
        return files.map { PathParts.join(folder.path, $0.name) }
    }

    // MARK: - Files

    private func write(
        _ file: PatchDirectory.File, of patch: PatchFile, _ payloads: [[MappedBytes]],
        _ base: BaseBytes, to output: AtomicFile
    ) throws {
        var jobs: [Job] = []
        for (segment, payloads) in zip(file.segments, payloads) {
            jobs += try self.jobs(for: segment, payloads, base, patch)
        }
        var hash = SHA256()
        var offset = 0
        try OrderedWork(crew: crew).run(
            jobs, size: { $0.range.count },
            make: { job in
                do {
                    return try make(job)
                } catch is PayloadProblem {
                    throw PatchError.damagedFrame(
                        path: patch.path, file: file.name, part: job.name,
                        offset: job.range.lowerBound)
                }
            },
            take: { job, bytes in
                try bytes.withUnsafeBytes { bytes in
                    hash.update(bytes)
                    try output.write(bytes, at: offset)
                }
                offset += job.range.count
                bytes.release()
                advance(job.range.count)
            })
        let digest = hash.digest()
        guard digest == file.digest else {
            throw PatchError.wrongResult(
                path: patch.path, file: file.name, found: SHA256.hexadecimal(digest),
                expected: SHA256.hexadecimal(file.digest))
        }
    }

    // MARK: - Jobs

    /// A piece of a file that is made at once.
    private struct Job {
        enum Part {
            case zeros
            case copy(MappedBytes)
            case literal(MappedBytes, prefix: MappedBytes?, hash: UInt64)
            case frame(PatchDirectory.Frame, MappedBytes, TensorJob)
        }

        let part: Part
        /// The bytes it makes, counted from the start of the segment.
        let range: Range<Int>

        /// Gives the pages of the patch that it was made from back to the system.
        func releasePayload() {
            switch part {
            case .zeros, .copy: break
            case .literal(let payload, _, _), .frame(_, let payload, _):
                payload.file.release(payload.range)
            }
        }

        /// What it is a piece of, for errors.
        var name: String {
            if case .frame(_, _, let tensor) = part {
                return "tensor \(tensor.description.name.quoted)"
            }
            return "bytes between tensors"
        }
    }

    private final class TensorJob: Sendable {
        let description: TensorDescription
        let predictor: TensorPredictor?

        init(_ description: TensorDescription, _ predictor: TensorPredictor?) {
            self.description = description
            self.predictor = predictor
        }
    }

    private static let pieceSize = 4 << 20

    private func jobs(
        for segment: PatchDirectory.Segment, _ payloads: [MappedBytes], _ base: BaseBytes,
        _ patch: PatchFile
    ) throws(PatchError) -> [Job] {
        switch segment {
        case .zeros(let count):
            return Self.ranges(of: count, by: Self.pieceSize).map { Job(part: .zeros, range: $0) }
        case .copy(let source, _):
            let bytes = base.bytes[source]
            return Self.ranges(of: bytes.count, by: Self.pieceSize).compactMap { range in
                bytes.slice(range).map { Job(part: .copy($0), range: range) }
            }
        case .literal(let count, let prefix, let stored):
            return payloads.map { payload in
                Job(
                    part: .literal(
                        payload, prefix: prefix.map { base.bytes[$0] }, hash: stored.hash),
                    range: 0..<count)
            }
        case .tensor(let tensor):
            let job = try self.tensor(tensor, base, patch)
            let size = tensor.description.byteCount ?? 0
            let ranges = Self.ranges(of: size, by: tensor.frameSize)
            return zip(zip(tensor.frames, payloads), ranges).map { frame, range in
                Job(part: .frame(frame.0, frame.1, job), range: range)
            }
        }
    }

    private func tensor(
        _ tensor: PatchDirectory.Tensor, _ base: BaseBytes, _ patch: PatchFile
    ) throws(PatchError) -> TensorJob {
        guard let prediction = tensor.prediction else {
            return TensorJob(tensor.description, nil)
        }
        let predictor = base.content(prediction).flatMap {
            TensorPredictor($0, for: tensor.description)
        }
        guard let predictor, tensor.frameSize % predictor.unit == 0 else {
            throw .damagedDirectory(
                path: patch.path, offset: 0,
                fact: "tensor \(tensor.description.name.quoted) cannot be predicted as it says")
        }
        return TensorJob(tensor.description, predictor)
    }

    private static func ranges(of count: Int, by size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min(count, $0 + size) }
    }

    // MARK: - Work

    private func make(_ job: Job) throws -> FrameBytes {
        defer { job.releasePayload() }
        switch job.part {
        case .zeros: return .made([UInt8](repeating: 0, count: job.range.count))
        case .copy(let bytes): return .mapped(bytes)
        case .literal(let payload, let prefix, let hash):
            return .made(
                try Self.bytes(count: job.range.count, hash: hash) {
                    (target) throws(PayloadProblem) in
                    try decompress(payload, prefix, into: target)
                })
        case .frame(let frame, let payload, let tensor):
            return .made(try make(frame, payload, tensor, job.range))
        }
    }

    private func decompress(
        _ payload: MappedBytes, _ prefix: MappedBytes?, into target: UnsafeMutableRawBufferPointer
    ) throws(PayloadProblem) {
        do throws(Zstandard.Problem) {
            try payload.withUnsafeBytes { (payload) throws(Zstandard.Problem) in
                guard let prefix else { return try zstd.decompress(payload, into: target) }
                try prefix.withUnsafeBytes { (prefix) throws(Zstandard.Problem) in
                    try zstd.decompress(payload, prefix: prefix, into: target)
                }
            }
        } catch {
            throw PayloadProblem()
        }
    }

    private func make(
        _ frame: PatchDirectory.Frame, _ payload: MappedBytes, _ tensor: TensorJob,
        _ range: Range<Int>
    ) throws -> [UInt8] {
        let needsBase = frame.coding != .plain || frame.isSparse
        let base = needsBase ? try tensor.predictor?.bytes(range) : nil
        defer { base?.release() }
        let description = tensor.description
        return try Self.bytes(count: range.count, hash: frame.stored.hash) {
            (target) throws(PayloadProblem) in
            try payload.withUnsafeBytes { (payload) throws(PayloadProblem) in
                func decode(_ base: UnsafeRawBufferPointer?) throws(PayloadProblem) {
                    try FrameCoder(zstd).decode(
                        frame.coding, isSparse: frame.isSparse, payload: payload, base: base,
                        type: description.type, rowBytes: description.deltaRowBytes, into: target)
                }
                guard let base else { return try decode(nil) }
                try base.withUnsafeBytes { (base) throws(PayloadProblem) in try decode(base) }
            }
        }
    }

    /// Bytes that a body writes, which must have this hash.
    private static func bytes(
        count: Int, hash: UInt64,
        _ body: (UnsafeMutableRawBufferPointer) throws(PayloadProblem) -> Void
    ) throws(PayloadProblem) -> [UInt8] {
        try [UInt8](filling: count) { (target) throws(PayloadProblem) in
            try body(UnsafeMutableRawBufferPointer(target))
            guard XXH64.hash(UnsafeRawBufferPointer(target)) == hash else { throw PayloadProblem() }
        }
    }
}

/// Where the payloads of each file's segments lie: one after the other, in the order of the directory.
private struct PayloadPlaces {
    let files: [[[MappedBytes]]]

    init(_ patch: PatchFile) {
        var offset = 0
        func next(_ stored: PatchDirectory.Stored) -> MappedBytes? {
            defer { offset += stored.payloadSize }
            return patch.payloads.slice(offset..<(offset + stored.payloadSize))
        }
        files = patch.directory.files.map { file in
            file.segments.map { segment in
                switch segment {
                case .zeros, .copy: []
                case .literal(_, _, let stored): [stored].compactMap(next)
                case .tensor(let tensor): tensor.frames.map(\.stored).compactMap(next)
                }
            }
        }
    }

    subscript(file: Int) -> [[MappedBytes]] { files[file] }
}
