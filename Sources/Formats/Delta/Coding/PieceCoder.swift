/// Writes and reads pieces: byte strings whose length the reader knows, each stored in the smallest of three ways.
///
/// A piece is a byte that names the way, then: 0 the bytes themselves; 1 a single byte, which all of them equal;
/// 2 a length and a zstd frame of that length. A piece of no bytes is stored as nothing at all.
struct PieceCoder: Sendable {
    private enum Way {
        static let plain: UInt8 = 0
        static let constant: UInt8 = 1
        static let zstd: UInt8 = 2
    }

    private let zstd: Zstandard
    /// The levels that are tried, from the fastest: coding by frequency alone, then with a search for matches.
    private static let levels = [-50, 1]
    /// Small pieces cost little time, so stronger levels are tried too.
    private static let levelsOfSmallPieces = [-50, 1, 19]
    private static let smallPiece = 4096
    /// Longer pieces are judged by a sample.
    private static let sampleSize = 1 << 15

    init(_ zstd: Zstandard) {
        self.zstd = zstd
    }

    // MARK: - Writing

    /// Appends a piece.
    ///
    /// - Throws: `Zstandard.Problem` where memory runs out.
    func append(
        _ bytes: UnsafeRawBufferPointer, to payload: inout [UInt8]
    ) throws(Zstandard.Problem) {
        guard let first = bytes.first else { return }
        if isConstant(bytes, first) {
            payload += [Way.constant, first]
            return
        }
        guard let frame = try smallestFrame(of: bytes), frame.count + 5 < bytes.count else {
            payload.append(Way.plain)
            payload.append(contentsOf: bytes)
            return
        }
        payload.append(Way.zstd)
        payload.appendVariable(frame.count)
        payload += frame
    }

    /// Whether all bytes are the same.
    private func isConstant(_ bytes: UnsafeRawBufferPointer, _ first: UInt8) -> Bool {
        var offset = 0
        let pattern = SIMD32<UInt8>(repeating: first)
        while offset &+ 32 <= bytes.count {
            let part = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD32<UInt8>.self)
            if part != pattern { return false }
            offset &+= 32
        }
        return bytes[offset...].allSatisfy { $0 == first }
    }

    /// The smallest frame over the levels, or nil where a sample shows that none pays.
    private func smallestFrame(
        of bytes: UnsafeRawBufferPointer
    ) throws(Zstandard.Problem) -> [UInt8]? {
        if bytes.count > 2 * Self.sampleSize {
            let start = (bytes.count - Self.sampleSize) / 2
            let sample = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + Self.sampleSize)])
            let best = try best(of: Self.levels, for: sample)
            if best.frame.count > Self.sampleSize / 100 * 99 { return nil }
            return try zstd.compress(bytes, level: best.level)
        }
        let isSmall = bytes.count <= Self.smallPiece
        return try best(of: isSmall ? Self.levelsOfSmallPieces : Self.levels, for: bytes).frame
    }

    private func best(
        of levels: [Int], for bytes: UnsafeRawBufferPointer
    ) throws(Zstandard.Problem) -> (level: Int, frame: [UInt8]) {
        var best = (level: levels[0], frame: try zstd.compress(bytes, level: levels[0]))
        for level in levels.dropFirst() {
            let frame = try zstd.compress(bytes, level: level)
            if frame.count < best.frame.count { best = (level, frame) }
        }
        return best
    }

    // MARK: - Reading

    /// Reads a piece of so many bytes.
    ///
    /// - Throws: `PayloadProblem` where the payload does not hold it.
    func read(
        into destination: UnsafeMutableRawBufferPointer, from payload: inout PayloadReader
    ) throws(PayloadProblem) {
        guard !destination.isEmpty else { return }
        switch try payload.byte() {
        case Way.plain: destination.copyMemory(from: try payload.bytes(destination.count))
        case Way.constant:
            let byte = try payload.byte()
            destination.initializeMemory(as: UInt8.self, repeating: byte)
        case Way.zstd:
            let frame = try payload.bytes(try payload.variable())
            do throws(Zstandard.Problem) {
                try zstd.decompress(frame, into: destination)
            } catch {
                throw PayloadProblem()
            }
        default: throw PayloadProblem()
        }
    }
}

/// A payload that does not hold what it should: damaged or made up.
struct PayloadProblem: Error {}

/// Reads a frame's payload from its start to its end; every read is checked against what remains.
struct PayloadReader {
    private let payload: UnsafeRawBufferPointer
    private var offset = 0

    init(_ payload: UnsafeRawBufferPointer) {
        self.payload = payload
    }

    var isAtEnd: Bool { offset == payload.count }

    mutating func byte() throws(PayloadProblem) -> UInt8 {
        try bytes(1)[0]
    }

    /// The next bytes, in place and renumbered from 0.
    mutating func bytes(_ count: Int) throws(PayloadProblem) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= payload.count - offset else { throw PayloadProblem() }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: payload[offset..<(offset + count)])
    }

    /// The next number of variable length.
    mutating func variable() throws(PayloadProblem) -> Int {
        var value = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            let byte = try byte()
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw PayloadProblem()
    }
}

extension [UInt8] {
    /// Appends a number of at least 0 in as few bytes as it needs: seven bits in each, the lowest first; all bytes
    /// but the last have the highest bit set.
    mutating func appendVariable(_ value: Int) {
        var rest = value
        while rest > 0x7F {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
