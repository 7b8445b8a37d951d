extension PatchDirectory {
    /// The directory's bytes, not yet compressed.
    ///
    /// Numbers are of variable length where no width is given (`appendVariable`). Names and digests stand apart, since
    /// digests do not compress.
    var bytes: [UInt8] {
        var bytes: [UInt8] = [isFolder ? 1 : 0]
        bytes.appendVariable(sources.count)
        for source in sources { bytes.append(source.place) }
        for source in sources { bytes += source.digest }
        bytes.appendVariable(files.count)
        for file in files {
            bytes.append(file.name)
            bytes.appendVariable(file.size)
            bytes += file.digest
            bytes.appendVariable(file.segments.count)
            for segment in file.segments { append(segment, to: &bytes) }
        }
        return bytes
    }

    /// The byte that a segment begins with.
    enum SegmentTag {
        static let zeros: UInt8 = 0
        static let copy: UInt8 = 1
        static let literal: UInt8 = 2
        static let tensor: UInt8 = 3
        /// A copy of a tensor that keeps its description.
        static let sameTensor: UInt8 = 4
        /// A copy of a tensor that gets another.
        static let renamedTensor: UInt8 = 5
    }

    /// The byte that a source begins with.
    enum SourceTag {
        static let tensor: UInt8 = 0
        static let range: UInt8 = 1
    }

    /// Set in the byte of a frame's coding where only rows that differ are stored.
    static let sparseFlag: UInt8 = 0x80

    private func append(_ segment: Segment, to bytes: inout [UInt8]) {
        switch segment {
        case .zeros(let count):
            bytes.append(SegmentTag.zeros)
            bytes.appendVariable(count)
        case .copy(let source, let description):
            let tag =
                description.map { sources[source].place == .tensor($0) }
                .map { $0 ? SegmentTag.sameTensor : SegmentTag.renamedTensor } ?? SegmentTag.copy
            bytes.append(tag)
            bytes.appendVariable(source)
            if let description, tag == SegmentTag.renamedTensor { bytes.append(description) }
        case .literal(let count, let prefix, let stored):
            bytes.append(SegmentTag.literal)
            bytes.appendVariable(count)
            bytes.appendVariable(prefix.map { $0 + 1 } ?? 0)
            bytes.append(stored)
        case .tensor(let tensor):
            bytes.append(SegmentTag.tensor)
            bytes.append(tensor.description)
            bytes.append(tensor.prediction)
            bytes.appendVariable(tensor.frameSize)
            for frame in tensor.frames {
                bytes.append(frame.coding.rawValue | (frame.isSparse ? Self.sparseFlag : 0))
                bytes.append(frame.stored)
            }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ string: String) {
        appendVariable(string.utf8.count)
        append(contentsOf: string.utf8)
    }

    fileprivate mutating func append(_ place: PatchDirectory.Source.Place) {
        switch place {
        case .tensor(let description):
            append(PatchDirectory.SourceTag.tensor)
            append(description)
        case .range(let file, let range):
            append(PatchDirectory.SourceTag.range)
            append(file)
            appendVariable(range.lowerBound)
            appendVariable(range.count)
        }
    }

    fileprivate mutating func append(_ tensor: TensorDescription) {
        append(tensor.name)
        append(tensor.type.name)
        appendVariable(tensor.shape.count)
        for size in tensor.shape { appendVariable(size) }
    }

    fileprivate mutating func append(_ stored: PatchDirectory.Stored) {
        appendVariable(stored.payloadSize)
        appendBytes(of: stored.hash)
    }

    fileprivate mutating func append(_ prediction: Prediction?) {
        appendVariable(prediction?.parts.count ?? 0)
        guard let prediction else { return }
        appendVariable(prediction.rows)
        for part in prediction.parts {
            appendVariable(part.source)
            appendVariable(part.expert.map { $0 + 1 } ?? 0)
            append(part.change.isTransposed ? 1 : 0)
            appendBytes(of: part.change.shift)
            let (kind, sizes) = part.change.rows.numbers
            append(kind)
            for size in sizes { appendVariable(size) }
        }
    }
}
