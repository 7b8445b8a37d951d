/// Collects a patch's directory while its payloads are written, part by part in the order of the files.
struct PatchBuilder {
    private let output: AtomicFile
    private let base: FileSet
    /// The base's tensors, whole.
    private let tensors: [ExactString: StoredTensor]
    private let isFolder: Bool
    private var sources: [PatchDirectory.Source] = []
    private var tensorSources: [ExactString: Int] = [:]
    private var files: [PatchDirectory.File] = []
    private var segments: [PatchDirectory.Segment] = []
    private var frames: [PatchDirectory.Frame] = []
    private var hash = SHA256()

    /// - Throws: `FileError.cannotWrite`.
    init(output: AtomicFile, base: FileSet, isFolder: Bool) throws(FileError) {
        self.output = output
        self.base = base
        tensors = base.tensorsByName
        self.isFolder = isFolder
        // The head is written last.
        try output.append([UInt8](repeating: 0, count: PatchHead.size))
    }

    // MARK: - Parts

    /// Adds the file's next bytes to its hash.
    mutating func digest(_ bytes: FrameBytes) {
        bytes.withUnsafeBytes { hash.update($0) }
    }

    /// Adds a literal.
    ///
    /// - Parameter file: the base's file that a copy or a prefix is of.
    /// - Throws: `FileError.cannotWrite`.
    mutating func add(
        _ literal: LiteralCoder.Result, at range: Range<Int>, base file: String?, hash: UInt64
    ) throws(FileError) {
        switch (literal, file) {
        case (.copy, let file?): addCopy(of: range, file)
        case (.compressed(let payload, let prefix), let file):
            try output.append(payload)
            var source: Int?
            if let prefix, let file { source = add(.range(file: file, prefix)) }
            segments.append(
                .literal(
                    byteCount: range.count, prefix: source,
                    PatchDirectory.Stored(payloadSize: payload.count, hash: hash)))
        default: segments.append(.zeros(range.count))
        }
    }

    /// Adds a copy of bytes of a base file, to the copy before where they follow it.
    private mutating func addCopy(of range: Range<Int>, _ file: String) {
        if case .copy(let last, nil)? = segments.last, last == sources.count - 1,
            case .range(let lastFile, let lastRange) = sources[last].place,
            ExactString(lastFile) == ExactString(file), lastRange.upperBound == range.lowerBound
        {
            sources[last] = PatchDirectory.Source(
                place: .range(file: file, lastRange.lowerBound..<range.upperBound), digest: [])
            return
        }
        segments.append(.copy(source: add(.range(file: file, range)), nil))
    }

    /// Adds a frame of the tensor that is under way.
    ///
    /// - Throws: `FileError.cannotWrite`.
    mutating func add(_ frame: FrameCoder.Frame, hash: UInt64) throws(FileError) {
        try output.append(frame.payload)
        frames.append(
            PatchDirectory.Frame(
                coding: frame.coding, isSparse: frame.isSparse,
                stored: PatchDirectory.Stored(payloadSize: frame.payload.count, hash: hash)))
    }

    /// Ends the tensor under way.
    mutating func finish(
        _ description: TensorDescription, _ match: TensorContent?, frameSize: Int
    ) {
        defer { frames = [] }
        let isCopy = frames.allSatisfy { $0.coding == .copy }
        if isCopy, let tensor = match?.identity(for: description),
            tensor.bytes.count == description.byteCount
        {
            segments.append(.copy(source: add(tensor), description))
            return
        }
        // Named also where no frame needs it, so that a base in which it differs is refused.
        let prediction = match.map { add($0) }
        segments.append(
            .tensor(
                PatchDirectory.Tensor(
                    description: description,
                    prediction: prediction,
                    frameSize: frameSize, frames: frames)))
    }

    /// Ends the file under way.
    mutating func finish(file name: String, size: Int) {
        files.append(
            PatchDirectory.File(
                name: name, size: size, digest: hash.digest(), segments: segments))
        segments = []
        hash = SHA256()
    }

    // MARK: - Sources

    private mutating func add(_ place: PatchDirectory.Source.Place) -> Int {
        sources.append(PatchDirectory.Source(place: place, digest: []))
        return sources.count - 1
    }

    /// The number of a base tensor, of the whole one where only an expert's matrix is used.
    private mutating func add(_ tensor: StoredTensor) -> Int {
        let name = ExactString(tensor.name)
        if let source = tensorSources[name] { return source }
        let source = add(.tensor((tensors[name] ?? tensor).description))
        tensorSources[name] = source
        return source
    }

    private mutating func add(_ content: TensorContent) -> Prediction {
        var (contents, rows) = ([content], 0)
        if case .parts(let parts, let count) = content.origin { (contents, rows) = (parts, count) }
        var parts: [Prediction.Part] = []
        for own in contents.compactMap(\.rows) {
            guard let tensor = own.tensor else { continue }
            parts.append(
                Prediction.Part(
                    source: add(tensor), expert: tensor.expert, change: own.change))
        }
        return Prediction(parts: parts, rows: rows)
    }

    // MARK: - End

    /// Writes directory and head, and puts the patch in place.
    ///
    /// - Returns: the patch's size.
    /// - Throws: `FileError`; `PatchError` where the base does not have a file any more.
    func finish(_ crew: WorkCrew) throws -> Int {
        let bases = try BaseBytes(base, sources: sources)
        var directory = PatchDirectory(isFolder: isFolder, sources: sources, files: files)
        for (index, digest) in bases.digests(crew).enumerated() {
            directory.sources[index].digest = digest
        }
        let raw = directory.bytes
        var stored = try raw.span.bytes.withUnsafeBytes { (bytes) throws(Zstandard.Problem) in
            try Zstandard().compress(bytes, level: 19)
        }
        let isPacked =
            stored.count < raw.count
            && PatchHead.allowsDirectory(raw: raw.count, stored: stored.count)
        if !isPacked { stored = raw }
        let offset = output.end
        try output.append(stored)
        try output.write(
            PatchHead.bytes(directoryOffset: offset, stored: stored, rawSize: raw.count), at: 0)
        try output.commit()
        return offset + stored.count
    }
}
