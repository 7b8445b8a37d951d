/// The bytes of a base that a patch needs, found in a set of files.
struct BaseBytes: Sendable {
    private let base: FileSet
    private let sources: [PatchDirectory.Source]
    /// In the order of the sources.
    let bytes: [MappedBytes]

    /// Finds the bytes.
    ///
    /// - Throws: `PatchError` for the first tensor or file that the base does not have, or has in another form.
    init(_ base: FileSet, sources: [PatchDirectory.Source]) throws(PatchError) {
        self.base = base
        self.sources = sources
        let tensors = base.tensorsByName
        var found: [MappedBytes] = []
        for source in sources {
            switch source.place {
            case .tensor(let description):
                let name = description.name
                guard let tensor = tensors[ExactString(name)] else {
                    throw .missingBaseTensor(base: base.path, tensor: name)
                }
                guard tensor.type == description.type, tensor.shape == description.shape else {
                    throw .wrongBaseShape(
                        base: base.path, tensor: name, found: tensor.description.formText,
                        expected: description.formText)
                }
                found.append(tensor.bytes)
            case .range(let file, let range):
                guard let member = base.member(named: file) else {
                    throw .missingBaseFile(base: base.path, file: file)
                }
                guard let part = member.file.bytes.slice(range) else {
                    throw .wrongBaseFile(
                        base: base.path, file: file, start: range.lowerBound, end: range.upperBound)
                }
                found.append(part)
            }
        }
        bytes = found
    }

    /// The beginning of the SHA-256 of each source's bytes.
    func digests(_ crew: WorkCrew) -> [[UInt8]] {
        crew.map(bytes.count) { index in
            Array(bytes[index].sha256().prefix(PatchDirectory.Source.digestSize))
        }
    }

    /// Checks that the bytes are those that the patch was made from.
    ///
    /// - Throws: `PatchError` for the first that are not.
    func check(_ crew: WorkCrew) throws(PatchError) {
        for (source, found) in zip(sources, digests(crew)) where found != source.digest {
            switch source.place {
            case .tensor(let description):
                throw .wrongBaseTensor(
                    base: base.path, tensor: description.name, found: SHA256.hexadecimal(found),
                    expected: SHA256.hexadecimal(source.digest))
            case .range(let file, let range):
                throw .wrongBaseFile(
                    base: base.path, file: file, start: range.lowerBound, end: range.upperBound)
            }
        }
    }

    /// The tensor with this source's number, or nil where it is none.
    func tensor(_ source: Int) -> StoredTensor? {
        guard case .tensor(let description) = sources[source].place else { return nil }
        return StoredTensor(description: description, bytes: bytes[source])
    }

    /// A prediction with its tensors, or nil where a source is none, or has no such expert.
    func content(_ prediction: Prediction) -> TensorContent? {
        var parts: [TensorContent] = []
        for part in prediction.parts {
            guard let whole = tensor(part.source),
                let own = whole.part(ofExpert: part.expert)
            else { return nil }
            parts.append(.tensor(own, part.change))
        }
        return parts.count == 1
            ? parts.first : TensorContent(.parts(parts, rows: prediction.rows))
    }
}

extension TensorDescription {
    /// Type and shape: "f16 49152x576".
    fileprivate var formText: String {
        "\(type.name) \(shape.map(String.init).joined(separator: "x"))"
    }

    /// The bytes of a row, or 0 where rows are no whole number of bytes.
    var deltaRowBytes: Int { type.byteCount(elements: columns) ?? 0 }
}
