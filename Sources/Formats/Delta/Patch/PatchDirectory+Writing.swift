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
            append(part.isTransposed ? 1 : 0)
            appendBytes(of: part.shift)
            let (kind, heads, headSize) = part.order.numbers
            append(kind)
            appendVariable(heads)
            appendVariable(headSize)
        }
    }
}

extension TensorContent.RowOrder {
    /// The order as a patch stores it; the number of heads is 0 where it does not matter.
    var numbers: (kind: UInt8, heads: Int, headSize: Int) {
        switch self {
        case .same: (0, 0, 0)
        case .interleavingHeads(let headSize): (1, 0, headSize)
        case .splittingHeads(let headSize): (2, 0, headSize)
        case .gatheringParts(let heads, let headSize): (3, heads, headSize)
        case .spreadingParts(let heads, let headSize): (4, heads, headSize)
        }
    }

    /// The order with these numbers, or nil where there is none.
    init?(kind: UInt8, heads: Int, headSize: Int) {
        switch kind {
        case 0: self = .same
        case 1: self = .interleavingHeads(headSize: headSize)
        case 2: self = .splittingHeads(headSize: headSize)
        case 3: self = .gatheringParts(heads: heads, headSize: headSize)
        case 4: self = .spreadingParts(heads: heads, headSize: headSize)
        default: return nil
        }
    }

    /// Whether the order permutes so many rows without a rest.
    func isPermutation(ofRows rows: Int) -> Bool {
        switch self {
        case .same: true
        case .interleavingHeads(let headSize), .splittingHeads(let headSize):
            headSize > 0 && headSize % 2 == 0 && rows % headSize == 0
        case .gatheringParts(let heads, let headSize), .spreadingParts(let heads, let headSize):
            heads > 0 && headSize > 0 && rows % 3 == 0 && (rows / 3) % headSize == 0
                && rows / 3 / headSize == heads
        }
    }
}
