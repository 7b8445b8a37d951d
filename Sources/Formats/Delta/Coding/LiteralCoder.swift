/// Codes bytes that are no tensor: heads of weight files, configurations, tokenizers.
struct LiteralCoder: Sendable {
    enum Result: Sendable {
        case zeros
        /// The same bytes of the base's file.
        case copy
        /// One zstd frame, with a range of the base's file as prefix or not.
        case compressed([UInt8], prefix: Range<Int>?)
    }

    /// A longer literal is cut.
    static let largest = 4 << 20

    let zstd: Zstandard

    /// How far before and after the literal's own place the base is searched, unless the literal is longer.
    private static let margin = 1 << 20
    /// The library's strongest level takes a second for a megabyte.
    private static let strongLevel = 19
    private static let quickLevel = 12
    private static let longLiteral = 512 << 10
    /// What a prefix must save at least: naming it takes some bytes too.
    private static let costOfPrefix = 48

    /// Codes a literal.
    ///
    /// - Parameters:
    ///   - offset: its place in its file.
    ///   - base: the base's file of that name, or nil.
    /// - Throws: `Zstandard.Problem` where memory runs out.
    func encode(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, base: MappedFile?
    ) throws(Zstandard.Problem) -> Result {
        if bytes.allSatisfy({ $0 == 0 }) { return .zeros }
        let own = offset..<(offset + bytes.count)
        if let same = base?.bytes.slice(own),
            same.withUnsafeBytes({ memcmpIsEqual(bytes, $0) })
        {
            return .copy
        }
        let level = bytes.count > Self.longLiteral ? Self.quickLevel : Self.strongLevel
        let plain = try zstd.compress(bytes, level: level)
        guard let base, plain.count > Self.costOfPrefix else {
            return .compressed(plain, prefix: nil)
        }
        let margin = max(Self.margin, bytes.count)
        let start = max(0, min(own.lowerBound, base.size) - margin)
        let window = start..<max(start, min(base.size, own.upperBound + margin))
        guard let prefix = base.bytes.slice(window), prefix.count > 0 else {
            return .compressed(plain, prefix: nil)
        }
        let short = try prefix.withUnsafeBytes { (prefix) throws(Zstandard.Problem) in
            try zstd.compress(bytes, level: level, prefix: prefix)
        }
        base.release(window)
        return short.count + Self.costOfPrefix < plain.count
            ? .compressed(short, prefix: window) : .compressed(plain, prefix: nil)
    }
}
