/// Makes patches: files that turn a base into a target, byte for byte. The bytes do not depend on the number of threads.
package struct PatchWriter: Sendable {
    /// What was written.
    package struct Summary: Sendable {
        /// The size of the patch, in bytes.
        package let byteCount: Int
        /// The size of the files that it makes.
        package let targetByteCount: Int
        /// What the tensors of a plan that are not the base's lose by their types.
        package let rounding: RoundingReport
    }

    private let crew: WorkCrew
    private let allowsInfinities: Bool
    private let advance: @Sendable (Int) -> Void
    private let zstd = Zstandard()

    /// - Parameters:
    ///   - allowsInfinities: whether finite values of a plan may become infinite; else it is refused.
    ///   - advance: called from any thread with the number of bytes of the target done since.
    package init(
        crew: WorkCrew, allowsInfinities: Bool = false,
        advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.crew = crew
        self.allowsInfinities = allowsInfinities
        self.advance = advance
    }

    /// Writes the patch that turns one set of files into another.
    ///
    /// - Throws: `FileError` where the patch exists or cannot be written, `PatchError.tooLarge` for rows that no frame
    ///   holds; as `Checkpoint.validate` for either set. No output is left then.
    package func write(
        from base: FileSet, to target: FileSet, path: String, replacing: Bool
    ) throws -> Summary {
        for set in [base, target] { try set.validate() }
        let finder = BaseFinder(base: base, target: target.checkpoint)
        return try Self.namingMemory(path) {
            try write(target.layout, from: base, finder, path: path, replacing: replacing)
        }
    }

    /// Writes the patch that turns a checkpoint into what a plan for it would write, which is not written.
    ///
    /// - Throws: as the other and as `OutputLayout.init`, and `CheckpointError.becomesInfinite` of the first tensor that
    ///   its type cannot hold.
    package func write(_ plan: OutputPlan, path: String, replacing: Bool) throws -> Summary {
        let source = plan.source.path
        let folder = source.hasSuffix(".index.json") ? PathParts(source).folder : source
        let base = try FileSet(path: source)
        let layout = try OutputLayout(plan, path: folder)
        let finder = BaseFinder(base: base, target: nil)
        return try Self.namingMemory(path) {
            try write(layout, from: base, finder, path: path, replacing: replacing)
        }
    }

    /// Names the output where the compressor, which knows of no files, runs out of memory.
    private static func namingMemory(
        _ path: String, _ body: () throws -> Summary
    ) throws -> Summary {
        do {
            return try body()
        } catch is Zstandard.Problem {
            throw PatchError.outOfMemory(path: path)
        }
    }

    private func write(
        _ layout: OutputLayout, from base: FileSet, _ finder: BaseFinder, path: String,
        replacing: Bool
    ) throws -> Summary {
        let output = try AtomicFile(path: path, replacing: replacing)
        var builder = try PatchBuilder(output: output, base: base, isFolder: layout.isFolder)
        var report = RoundingReport()
        var sums = RoundingSums()
        for file in layout.files {
            let counterpart = base.counterpart(of: file)
            let jobs = try file.parts.flatMap { try self.jobs(for: $0, finder, path: path) }
            try OrderedWork(crew: crew).run(
                jobs, size: { $0.range.count },
                make: { try make($0, counterpart?.file) },
                take: { job, made in
                    sums.add(made.sums)
                    builder.digest(made.target)
                    made.target.release()
                    switch (job.part, made.coded) {
                    case (.frame(let tensor), .frame(let frame, let base)):
                        try builder.add(frame, hash: made.hash)
                        base?.release()
                        if job.range.upperBound == tensor.byteCount {
                            builder.finish(
                                tensor.plan.description, tensor.match, frameSize: tensor.frameSize)
                            report.add(sums, of: tensor.plan.description)
                            sums = RoundingSums()
                            if !allowsInfinities, let refusal = report.refusal { throw refusal }
                        }
                    case (_, .literal(let literal)):
                        try builder.add(
                            literal, at: job.range, base: counterpart?.name, hash: made.hash)
                    default: break
                    }
                    advance(job.range.count)
                })
            builder.finish(file: file.name, size: file.size)
        }
        let size = try builder.finish(crew)
        return Summary(
            byteCount: size, targetByteCount: layout.byteCount, rounding: report)
    }

    // MARK: - Jobs

    /// A piece of work: a literal, or a frame of a tensor.
    private struct Job {
        enum Part {
            case literal(FrameBytes)
            case frame(TensorJob)
        }

        let part: Part
        /// The bytes it makes, counted from the start of the file, or of the tensor.
        let range: Range<Int>
    }

    private final class TensorJob: Sendable {
        let plan: OutputPlan.Tensor
        let match: TensorContent?
        let predictor: TensorPredictor?
        let byteCount: Int
        let frameSize: Int

        init(
            _ plan: OutputPlan.Tensor, _ match: TensorContent?, byteCount: Int, path: String
        ) throws(PatchError) {
            self.plan = plan
            self.byteCount = byteCount
            let description = plan.description
            let predictor = match.flatMap { TensorPredictor($0, for: description) }
            // What is made row by row needs frames of whole rows; the others only do better with them.
            let row = description.deltaRowBytes
            let needed = plan.wholeMappedBytes == nil ? plan.rowBytes : 1
            let block = description.type.deltaBlockBytes
            let isTooLong = max(predictor?.unit ?? 1, needed) > PatchDirectory.largestFrame
            if isTooLong, needed > PatchDirectory.largestFrame {
                throw .tooLarge(
                    path: path,
                    fact: "tensor \(description.name.quoted) has rows of \(needed) bytes, but at "
                        + "most \(PatchDirectory.largestFrame) are supported")
            }
            self.match = predictor == nil || isTooLong ? nil : match
            self.predictor = isTooLong ? nil : predictor
            let whole = max(self.predictor?.unit ?? 1, needed)
            let unit = whole > 1 ? whole : row > 0 && row <= Self.usualFrame / 4 ? row : block
            frameSize = max(1, Self.usualFrame / unit) * unit
        }

        private static let usualFrame = 4 << 20
    }

    private func jobs(
        for part: OutputLayout.Part, _ finder: BaseFinder, path: String
    ) throws -> [Job] {
        let size: Int
        let bytes: (Range<Int>) -> Job.Part?
        var start = part.offset
        switch part.content {
        case .tensor(let plan):
            let tensor = try TensorJob(
                plan, finder.content(for: plan), byteCount: part.byteCount, path: path)
            size = tensor.frameSize
            start = 0
            bytes = { _ in .frame(tensor) }
        case .bytes(let all):
            size = LiteralCoder.largest
            bytes = { .literal(.made(Array(all[$0]))) }
        case .zeros:
            size = LiteralCoder.largest
            bytes = { .literal(.made([UInt8](repeating: 0, count: $0.count))) }
        case .mapped(let all):
            size = LiteralCoder.largest
            bytes = { all.slice($0).map { .literal(.mapped($0)) } }
        }
        return stride(from: 0, to: part.byteCount, by: size).compactMap { first in
            let range = first..<min(part.byteCount, first + size)
            return bytes(range).map {
                Job(part: $0, range: (start + range.lowerBound)..<(start + range.upperBound))
            }
        }
    }

    // MARK: - Work

    private struct Made {
        enum Coded {
            case literal(LiteralCoder.Result)
            case frame(FrameCoder.Frame, base: FrameBytes?)
        }

        let target: FrameBytes
        let coded: Coded
        /// The XXH64 of the target's bytes.
        let hash: UInt64
        var sums = RoundingSums()
    }

    private func make(_ job: Job, _ counterpart: MappedFile?) throws -> Made {
        switch job.part {
        case .literal(let bytes):
            return try bytes.withUnsafeBytes { target in
                let result = try LiteralCoder(zstd: zstd).encode(
                    target, at: job.range.lowerBound, base: counterpart)
                return Made(target: bytes, coded: .literal(result), hash: XXH64.hash(target))
            }
        case .frame(let tensor): return try make(tensor, job.range)
        }
    }

    private func make(_ tensor: TensorJob, _ range: Range<Int>) throws -> Made {
        var sums = RoundingSums()
        let target: FrameBytes
        if let bytes = tensor.plan.wholeMappedBytes?.slice(range) {
            target = .mapped(bytes)
        } else {
            let unit = max(1, tensor.plan.rowBytes)
            let rows = (range.lowerBound / unit)..<(range.upperBound / unit)
            let made = try tensor.plan.bytes(rows: rows)
            tensor.plan.releaseSource(rows: rows)
            sums = made.sums
            target = .made(made.bytes)
        }
        // Where the base cannot be converted the frame is coded without it.
        let base = try? tensor.predictor?.bytes(range)
        let type = tensor.plan.description.type
        return try target.withUnsafeBytes { own in
            let frame: FrameCoder.Frame
            if let base, target.isSame(as: base) {
                frame = FrameCoder.Frame(coding: .copy)
            } else if let base {
                frame = try base.withUnsafeBytes {
                    try FrameCoder(zstd).encode(
                        own, base: $0, type: type, rowBytes: tensor.plan.description.deltaRowBytes)
                }
            } else {
                frame = try FrameCoder(zstd).encode(own, base: nil, type: type, rowBytes: 0)
            }
            return Made(
                target: target, coded: .frame(frame, base: base), hash: XXH64.hash(own),
                sums: sums)
        }
    }
}

extension FrameBytes {
    /// Whether both are the same bytes of the same file.
    fileprivate func isSame(as other: FrameBytes) -> Bool {
        guard case .mapped(let left) = self, case .mapped(let right) = other else { return false }
        return left.range == right.range
            && ExactString(left.file.path) == ExactString(right.file.path)
    }
}

extension FileSet {
    /// The file that a file of the target most likely was made from: that of the same name, or for weights, whose files
    /// are named otherwise after a conversion, the first with weights.
    fileprivate func counterpart(of file: OutputLayout.File) -> Member? {
        member(named: file.name)
            ?? (file.holdsWeights ? members.first { !$0.tensors.isEmpty } : nil)
    }
}
