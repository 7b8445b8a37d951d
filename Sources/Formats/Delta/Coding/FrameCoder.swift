import Glibc

/// How a frame of a tensor is stored.
package enum FrameCoding: UInt8, Sendable, CaseIterable {
    /// The predicted bytes; nothing is stored.
    case copy = 0
    /// The numbers themselves, in byte planes.
    case plain = 1
    /// The exclusive or of the bits with the base's, in byte planes.
    case exclusiveOr = 2
    /// The difference from the base's numbers, in byte planes.
    case difference = 3
    /// The difference, sorted by the base's exponents.
    case grouped = 4

    /// The coding in a word, as `delta inspect` shows it.
    package var name: String {
        switch self {
        case .copy: "copy"
        case .plain: "planes"
        case .exclusiveOr: "xor planes"
        case .difference: "difference planes"
        case .grouped: "difference by exponent"
        }
    }
}

/// Codes frames: some megabytes of a tensor, against as many bytes that the reader has too.
struct FrameCoder: Sendable {
    struct Frame: Sendable {
        var coding: FrameCoding
        /// Whether only the rows that differ are stored.
        var isSparse = false
        var payload: [UInt8] = []
    }

    private let pieces: PieceCoder

    /// Frames up to this size are tried whole, longer ones by a sample of this size.
    private static let sampleSize = 1 << 16
    private static let sampleParts = 8
    /// Sorting by exponents takes more time than it saves bytes in smaller frames.
    private static let smallestGrouping = 1 << 15

    init(_ zstd: Zstandard) {
        pieces = PieceCoder(zstd)
    }

    // MARK: - Writing

    /// Codes a frame.
    ///
    /// - Parameters:
    ///   - target: whole blocks of the type.
    ///   - base: as many bytes of the same type, or nil where there are none.
    ///   - rowBytes: the bytes of a row, where the frame is whole rows.
    /// - Throws: `Zstandard.Problem` where memory runs out.
    func encode(
        _ target: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer?, type: ElementType,
        rowBytes: Int
    ) throws(Zstandard.Problem) -> Frame {
        guard let base, base.count == target.count else {
            return Frame(coding: .plain, payload: try encode(target, nil, as: .plain, type))
        }
        let rows = target.count / max(rowBytes, 1)
        guard rows > 1, rows * rowBytes == target.count else {
            if memcmpIsEqual(target, base) { return Frame(coding: .copy) }
            return try encodeAll(target, base, type)
        }
        let changed = ChangedRows(target, base, rowBytes: rowBytes)
        if changed.count == 0 { return Frame(coding: .copy) }
        guard changed.count <= rows / 4 * 3 else { return try encodeAll(target, base, type) }
        let ownRows = changed.gather(target)
        let baseRows = changed.gather(base)
        var payload: [UInt8] = []
        try changed.bitmap.span.bytes.withUnsafeBytes { (bytes) throws(Zstandard.Problem) in
            try pieces.append(bytes, to: &payload)
        }
        var frame = try ownRows.span.bytes.withUnsafeBytes { (own) throws(Zstandard.Problem) in
            try baseRows.span.bytes.withUnsafeBytes { (base) throws(Zstandard.Problem) in
                try encodeAll(own, base, type)
            }
        }
        frame.isSparse = true
        frame.payload = payload + frame.payload
        return frame
    }

    private func encodeAll(
        _ target: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, _ type: ElementType
    ) throws(Zstandard.Problem) -> Frame {
        var coding = try bestCoding(target, base, type)
        if coding == .difference, type.deltaFractionBits != nil,
            target.count / type.deltaBlockBytes >= Self.smallestGrouping
        {
            coding = .grouped
        }
        return Frame(coding: coding, payload: try encode(target, base, as: coding, type))
    }

    /// The coding that makes a sample smallest.
    private func bestCoding(
        _ target: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, _ type: ElementType
    ) throws(Zstandard.Problem) -> FrameCoding {
        guard target.count > Self.sampleSize else { return try bestOfWhole(target, base, type) }
        let part = Self.sampleSize / Self.sampleParts / type.deltaBlockBytes * type.deltaBlockBytes
        let step = target.count / Self.sampleParts / type.deltaBlockBytes * type.deltaBlockBytes
        func sample(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
            (0..<Self.sampleParts).flatMap { bytes[($0 * step)..<($0 * step + part)] }
        }
        return try sample(target).span.bytes.withUnsafeBytes {
            (own) throws(Zstandard.Problem) in
            try sample(base).span.bytes.withUnsafeBytes { (base) throws(Zstandard.Problem) in
                try bestOfWhole(own, base, type)
            }
        }
    }

    private func bestOfWhole(
        _ target: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, _ type: ElementType
    ) throws(Zstandard.Problem) -> FrameCoding {
        var best = (coding: FrameCoding.plain, size: Int.max)
        for coding in [FrameCoding.difference, .exclusiveOr, .plain] {
            let size = try encode(target, base, as: coding, type).count
            if size < best.size { best = (coding, size) }
        }
        return best.coding
    }

    private func encode(
        _ target: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer?, as coding: FrameCoding,
        _ type: ElementType
    ) throws(Zstandard.Problem) -> [UInt8] {
        guard let start = target.baseAddress else { return [] }
        let base = base?.baseAddress ?? start
        var payload: [UInt8] = []
        for field in type.deltaFields {
            let (from, beside) = (start + field.offset, base + field.offset)
            switch field.width {
            case 1:
                try coder(UInt8.self, field, coding, type, target.count)
                    .encode(from, base: beside, to: &payload)
            case 2:
                try coder(UInt16.self, field, coding, type, target.count)
                    .encode(from, base: beside, to: &payload)
            case 4:
                try coder(UInt32.self, field, coding, type, target.count)
                    .encode(from, base: beside, to: &payload)
            default:
                try coder(UInt64.self, field, coding, type, target.count)
                    .encode(from, base: beside, to: &payload)
            }
        }
        return payload
    }

    // MARK: - Reading

    /// Restores a frame.
    ///
    /// - Throws: `PayloadProblem` where the payload does not hold it.
    func decode(
        _ coding: FrameCoding, isSparse: Bool, payload: UnsafeRawBufferPointer,
        base: UnsafeRawBufferPointer?, type: ElementType, rowBytes: Int,
        into target: UnsafeMutableRawBufferPointer
    ) throws(PayloadProblem) {
        var reader = PayloadReader(payload)
        if coding != .plain || isSparse {
            guard base?.count == target.count else { throw PayloadProblem() }
        }
        if let base, coding == .copy {
            target.copyMemory(from: base)
        } else if let base, isSparse {
            try decodeRows(coding, &reader, base, type, rowBytes, into: target)
        } else {
            try decode(coding, &reader, base, type, into: target)
        }
        guard reader.isAtEnd else { throw PayloadProblem() }
    }

    private func decodeRows(
        _ coding: FrameCoding, _ reader: inout PayloadReader, _ base: UnsafeRawBufferPointer,
        _ type: ElementType, _ rowBytes: Int, into target: UnsafeMutableRawBufferPointer
    ) throws(PayloadProblem) {
        let rows = target.count / max(rowBytes, 1)
        guard rows * rowBytes == target.count, rowBytes % type.deltaBlockBytes == 0 else {
            throw PayloadProblem()
        }
        var bitmap = [UInt8](repeating: 0, count: (rows + 7) / 8)
        try Self.withBytes(of: &bitmap) { (bytes) throws(PayloadProblem) in
            try pieces.read(into: bytes, from: &reader)
        }
        let changed = ChangedRows(bitmap: bitmap, rows: rows, rowBytes: rowBytes)
        var own = [UInt8](repeating: 0, count: changed.count * rowBytes)
        let baseRows = changed.gather(base)
        try baseRows.span.bytes.withUnsafeBytes { (base) throws(PayloadProblem) in
            try Self.withBytes(of: &own) { (own) throws(PayloadProblem) in
                try decode(coding, &reader, base, type, into: own)
            }
        }
        target.copyMemory(from: base)
        changed.scatter(own, into: target)
    }

    private static func withBytes(
        of bytes: inout [UInt8],
        _ body: (UnsafeMutableRawBufferPointer) throws(PayloadProblem) -> Void
    ) throws(PayloadProblem) {
        var span = bytes.mutableSpan
        try span.withUnsafeMutableBytes { (bytes) throws(PayloadProblem) in try body(bytes) }
    }

    private func decode(
        _ coding: FrameCoding, _ reader: inout PayloadReader, _ base: UnsafeRawBufferPointer?,
        _ type: ElementType, into target: UnsafeMutableRawBufferPointer
    ) throws(PayloadProblem) {
        guard let start = target.baseAddress, !target.isEmpty else { return }
        guard target.count % type.deltaBlockBytes == 0 else { throw PayloadProblem() }
        let base = base?.baseAddress ?? UnsafeRawPointer(start)
        for field in type.deltaFields {
            let (to, beside) = (start + field.offset, base + field.offset)
            switch field.width {
            case 1:
                try coder(UInt8.self, field, coding, type, target.count)
                    .decode(from: &reader, base: beside, into: to)
            case 2:
                try coder(UInt16.self, field, coding, type, target.count)
                    .decode(from: &reader, base: beside, into: to)
            case 4:
                try coder(UInt32.self, field, coding, type, target.count)
                    .decode(from: &reader, base: beside, into: to)
            default:
                try coder(UInt64.self, field, coding, type, target.count)
                    .decode(from: &reader, base: beside, into: to)
            }
        }
    }

    // MARK: - Fields

    private func coder<Word>(
        _ word: Word.Type, _ field: BlockField, _ coding: FrameCoding, _ type: ElementType,
        _ byteCount: Int
    ) -> FieldCoder<Word> {
        let blockBytes = type.deltaBlockBytes
        let blocks = byteCount / blockBytes
        let isWhole = field.width * field.count == blockBytes
        return FieldCoder(
            pieces: pieces, residual: Self.residual(of: field.kind, coding),
            layout: ResidualLoops.Layout(
                blocks: isWhole ? 1 : blocks, stride: blockBytes,
                count: isWhole ? blocks * field.count : field.count),
            fractionBits: coding == .grouped ? type.deltaFractionBits : nil)
    }

    private static func residual(of kind: BlockField.Kind, _ coding: FrameCoding) -> Residual {
        switch (coding, kind) {
        case (.copy, _), (.plain, .integer), (.plain, .nibbles), (.plain, .bits): .plain
        case (.plain, .float): .rotated
        case (.exclusiveOr, .float): .rotatedExclusiveOr
        case (.exclusiveOr, _), (.difference, .bits), (.grouped, .bits): .exclusiveOr
        case (.difference, .float), (.grouped, .float): .orderedDifference
        case (.difference, .integer), (.grouped, .integer): .difference
        case (.difference, .nibbles), (.grouped, .nibbles): .nibbleDifference
        }
    }
}

/// Whether two buffers of one length hold the same bytes.
func memcmpIsEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard let first = left.baseAddress, let second = right.baseAddress else { return true }
    return memcmp(first, second, left.count) == 0
}
