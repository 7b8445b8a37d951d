extension PatchFile {
    /// Bytes of the base that the patch needs.
    package struct Source: Sendable {
        /// The tensor's name, or the file's with the range.
        package let name: String
        package let byteCount: Int
        /// The beginning of the SHA-256 of these bytes, in hexadecimal digits.
        package let digest: String
    }

    /// A file that the patch makes.
    package struct TargetFile: Sendable {
        package let name: String
        package let byteCount: Int
        /// The SHA-256 of the whole file, as `sha256sum` prints it.
        package let sha256: String
        /// In the order of the file.
        package let parts: [TargetPart]
    }

    /// A tensor, or the bytes between two.
    package struct TargetPart: Sendable {
        package let name: String
        package let isTensor: Bool
        /// How it is stored, in words.
        package let coding: String
        package let byteCount: Int
        /// What it takes in the patch, without its entry in the directory.
        package let storedByteCount: Int
    }

    /// All parts that are stored in one way.
    package struct Total: Sendable {
        package let coding: String
        package var count = 0
        package var byteCount = 0
        package var storedByteCount = 0
    }

    /// What the base must have.
    package var sources: [Source] {
        directory.sources.map { source in
            Source(
                name: source.place.text, byteCount: source.byteCount,
                digest: SHA256.hexadecimal(source.digest))
        }
    }

    /// The files that the patch makes.
    package var files: [TargetFile] {
        directory.files.map { file in
            TargetFile(
                name: file.name, byteCount: file.size, sha256: SHA256.hexadecimal(file.digest),
                parts: file.segments.map(part))
        }
    }

    /// The size of the files that the patch makes.
    package var targetByteCount: Int { directory.files.reduce(0) { $0 + $1.size } }

    /// The parts of all files by their coding, in the order in which they come.
    package var totals: [Total] {
        var totals: [Total] = []
        for part in files.flatMap(\.parts) {
            let known = totals.firstIndex { $0.coding == part.coding }
            if known == nil { totals.append(Total(coding: part.coding)) }
            let place = known ?? totals.count - 1
            totals[place].count += 1
            totals[place].byteCount += part.byteCount
            totals[place].storedByteCount += part.storedByteCount
        }
        return totals
    }

    private func part(_ segment: PatchDirectory.Segment) -> TargetPart {
        let size = directory.byteCount(of: segment)
        switch segment {
        case .zeros:
            return TargetPart(
                name: "", isTensor: false, coding: "zeros", byteCount: size, storedByteCount: 0)
        case .copy(_, let description):
            return TargetPart(
                name: description?.name ?? "", isTensor: description != nil, coding: "copy",
                byteCount: size, storedByteCount: 0)
        case .literal(_, let prefix, let stored):
            return TargetPart(
                name: "", isTensor: false,
                coding: prefix == nil ? "compressed" : "compressed after base bytes",
                byteCount: size, storedByteCount: stored.payloadSize)
        case .tensor(let tensor):
            return TargetPart(
                name: tensor.description.name, isTensor: true, coding: tensor.codingText,
                byteCount: size,
                storedByteCount: tensor.frames.reduce(0) { $0 + $1.stored.payloadSize })
        }
    }
}

extension PatchDirectory.Tensor {
    /// The codings of its frames, each once, in words.
    fileprivate var codingText: String {
        let codings = FrameCoding.allCases.filter { coding in
            frames.contains { $0.coding == coding }
        }
        let names = codings.map { $0 == .copy ? "conversion" : $0.name }.joined(separator: ", ")
        return frames.contains(where: \.isSparse) ? names + ", changed rows" : names
    }
}

extension PatchDirectory.Source.Place {
    fileprivate var text: String {
        switch self {
        case .tensor(let description): description.name
        case .range(let file, let range): "\(file) [\(range.lowerBound), \(range.upperBound))"
        }
    }
}
