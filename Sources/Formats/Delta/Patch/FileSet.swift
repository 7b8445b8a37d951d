import Glibc

/// The files of a checkpoint as bytes: one file, the files of a split model, or a folder, whatever is in them. Weight
/// files are also known tensor by tensor.
package struct FileSet: Sendable {
    struct Member: Sendable {
        /// The name in its folder.
        let name: String
        let file: MappedFile
        /// In the order of their data.
        let tensors: [StoredTensor]
    }

    /// The path as the user gave it.
    package let path: String
    /// Whether the set is a folder, rather than files in one.
    let isFolder: Bool
    /// In the order in which they are written.
    let members: [Member]
    /// Names of what a folder holds beside regular files, which is left out.
    package let leftOut: [String]
    /// What the user should know about files of the set that are links.
    package var notes: [String] {
        Folder.note(
            linksIn: isFolder ? path : PathParts(path).folder, isFolder ? members.map(\.name) : [])
    }
    /// The set as a model, or nil where it is none that rtedit can open.
    let checkpoint: Checkpoint?

    /// Opens a file, the first file of a split model, a shard index, or a folder.
    ///
    /// - Throws: `FileError` where a file cannot be read; `GGUFError`, `SafetensorsError` and `JSONError` where a weight
    ///   file is malformed.
    package init(path: String) throws {
        var status = stat()
        let isFolder = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        self = try FileSetReading.whole(path, isFolder: isFolder) {
            try FileSet(path: path, isFolder: isFolder)
        }
    }

    private init(path: String, isFolder: Bool) throws {
        self.path = path
        self.isFolder = isFolder
        // Bytes can be compared without knowing what they mean; roles and conversions are only there to find likely bases.
        checkpoint = try? Checkpoint.open(path)
        if isFolder {
            let entries = try Self.entries(of: path)
            leftOut = entries.others
            members = try entries.files.map { try Member(name: $0, in: path) }
            return
        }
        leftOut = []
        let parts = PathParts(path)
        if path.hasSuffix(".index.json") {
            let shards = try SafetensorsIndex(path: path).shards
            let names = shards.map { PathParts($0.path).name } + [parts.name]
            members = try names.map { try Member(name: $0, in: parts.folder) }
            return
        }
        guard case .gguf(let gguf)? = checkpoint?.source, gguf.shards.count > 1 else {
            members = [try Member(name: parts.name, in: parts.folder)]
            return
        }
        members = try gguf.shards.map {
            try Member(name: PathParts($0.path).name, in: parts.folder)
        }
    }

    /// The regular files of a folder and the rest, each sorted by name; `config.json` and the shard index come last, since
    /// they make the others a model.
    private static func entries(
        of path: String
    ) throws(FileError) -> (files: [String], others: [String]) {
        var (files, others): ([String], [String]) = ([], [])
        // Temporaries of runs that write there are no part of the set.
        for name in try Folder.names(path) where !TemporaryPaths.hasForm(name) {
            var status = stat()
            let isFile =
                stat(PathParts.join(path, name), &status) == 0
                && status.st_mode & S_IFMT == S_IFREG && PathParts.isPlainFileName(name)
            if isFile { files.append(name) } else { others.append(name) }
        }
        let last = [SafetensorsIndex.fileName, "config.json"]
        files.sort { left, right in
            let places = (last.firstIndex(of: left) ?? -1, last.firstIndex(of: right) ?? -1)
            return places.0 == places.1
                ? left.utf8.lexicographicallyPrecedes(right.utf8) : places.0 < places.1
        }
        return (files, others.sorted())
    }

    /// Refuses a model whose numbers contradict its tensors; a part of one is only bytes.
    ///
    /// - Throws: as `Checkpoint.validate`.
    func validate() throws {
        guard isFolder || SafetensorsPart(PathParts(path).name) == nil else { return }
        try checkpoint?.validate()
    }

    /// The bytes of all files.
    package var byteCount: Int { members.reduce(0) { $0 + $1.file.size } }

    /// The tensors of all files; of several with one name only the first.
    var tensors: [StoredTensor] {
        var seen: Set<ExactString> = []
        return members.flatMap(\.tensors).filter { seen.insert(ExactString($0.name)).inserted }
    }

    /// The same by their names.
    var tensorsByName: [ExactString: StoredTensor] {
        Dictionary(uniqueKeysWithValues: tensors.map { (ExactString($0.name), $0) })
    }

    /// The file with this name; the only file has any name, since users rename files.
    func member(named name: String) -> Member? {
        if !isFolder, members.count == 1 { return members.first }
        return members.first { ExactString($0.name) == ExactString(name) }
    }

    /// The files as an output that a patch shall give.
    var layout: OutputLayout {
        OutputLayout(files: members.map(\.layout), isFolder: isFolder)
    }
}

extension FileSet.Member {
    fileprivate init(name: String, in folder: String) throws {
        let path = PathParts.join(folder, name)
        self.name = name
        file = try MappedFile(path: path)
        switch FileContent(file.bytes) {
        case .gguf: tensors = try GGUFShard(path: path).tensors
        case .safetensors: tensors = try SafetensorsFile(path: path).tensors
        // The reader of the named format says what the file is instead.
        case _ where name.hasSuffix(".safetensors"):
            tensors = try SafetensorsFile(path: path).tensors
        case _ where name.hasSuffix(".gguf"): tensors = try GGUFShard(path: path).tensors
        default: tensors = []
        }
    }

    /// Tensors, and the bytes between them.
    fileprivate var layout: OutputLayout.File {
        var parts: [OutputLayout.Part] = []
        var end = 0
        func fill(to next: Int) {
            guard next > end, let bytes = file.bytes.slice(end..<next) else { return }
            parts.append(
                OutputLayout.Part(offset: end, byteCount: next - end, content: .mapped(bytes)))
        }
        for tensor in tensors where !tensor.bytes.range.isEmpty {
            fill(to: tensor.bytes.range.lowerBound)
            parts.append(
                OutputLayout.Part(
                    offset: tensor.bytes.range.lowerBound, byteCount: tensor.bytes.count,
                    content: .tensor(OutputPlan.Tensor(tensor.description, .tensor(tensor)))))
            end = tensor.bytes.range.upperBound
        }
        fill(to: file.size)
        return OutputLayout.File(
            name: name, size: file.size, parts: parts, holdsWeights: !tensors.isEmpty)
    }
}
