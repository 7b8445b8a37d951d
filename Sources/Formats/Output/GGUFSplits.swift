/// How a GGUF output is divided over files, as llama.cpp's `llama-gguf-split` does it: tensors in their order, a new file
/// where the next tensor would pass the limit; the first file has the metadata.
struct GGUFSplits {
    /// The files; a single one has the plain name.
    let files: [(path: String, header: GGUFHeader)]

    /// The keys that every file of a split model has, in the order of that program.
    enum Key {
        static let number = "split.no"
        static let tensorCount = "split.tensors.count"
        static let count = "split.count"
        static let all = [number, tensorCount, count]
    }

    /// - Parameters:
    ///   - path: the name of the whole; the files of several are called `NAME-00001-of-00003.gguf` and so on.
    ///   - limit: the most bytes of data a file shall hold; a larger tensor has a file of its own. Nil for one file.
    /// - Throws: `GGUFError` as `GGUFHeader.init`, `CheckpointError.cannotExpress` for more files than can be counted.
    init(
        path: String, metadata: GGUFMetadata, tensors: [TensorDescription], limit: Int?
    ) throws {
        let whole = try GGUFHeader(path: path, metadata: metadata, tensors: tensors)
        let groups = Self.groups(tensors, limit: limit)
        guard groups.count > 1 else {
            files = [(path, whole)]
            return
        }
        guard let count = UInt16(exactly: groups.count) else {
            throw CheckpointError.cannotExpress(
                fact: "\(path): \(groups.count) files are more than the \(UInt16.max) that GGUF "
                    + "can count")
        }
        var files: [(path: String, header: GGUFHeader)] = []
        for (number, group) in groups.enumerated() {
            var own = number == 0 ? metadata : GGUFMetadata()
            own[Key.number] = .u16(UInt16(clamping: number))
            own[Key.tensorCount] = .i32(Int32(clamping: tensors.count))
            own[Key.count] = .u16(count)
            let name = GGUFShardName(
                prefix: String(path.dropLast(".gguf".count)), number: number, count: groups.count
            ).fileName
            files.append((name, try GGUFHeader(path: name, metadata: own, tensors: group)))
        }
        self.files = files
    }

    private static func groups(
        _ tensors: [TensorDescription], limit: Int?
    ) -> [[TensorDescription]] {
        guard let limit else { return [tensors] }
        let sizes = tensors.map {
            GGUFFormat.padded($0.byteCount ?? 0, to: GGUFFormat.defaultAlignment) ?? 0
        }
        return Packing.groups(sizes, limit: limit).map { Array(tensors[$0]) }
    }
}
