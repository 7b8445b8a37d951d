/// Codes the numbers of one field of a frame: residuals, in byte planes or in groups of planes.
struct FieldCoder<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & SendableMetatype> {
    let pieces: PieceCoder
    let residual: Residual
    let layout: ResidualLoops<Word>.Layout
    /// The bits of the fraction where the residuals are sorted by the base's exponents.
    let fractionBits: Int?

    private var count: Int { layout.blocks * layout.count }
    private static var width: Int { MemoryLayout<Word>.size }

    // MARK: - Writing

    /// Appends the field's pieces to a payload.
    func encode(
        _ target: UnsafeRawPointer, base: UnsafeRawPointer, to payload: inout [UInt8]
    ) throws(Zstandard.Problem) {
        try Self.withWords(count) { (words) throws(Zstandard.Problem) in
            ResidualLoops.make(residual, target: target, base: base, layout, into: words)
            guard let fractionBits else {
                return try encodePlanes(of: words, count: count, to: &payload)
            }
            let groups = ExponentGroups<Word>(base: base, count: count, fractionBits: fractionBits)
            try Self.withWords(count) { (sorted) throws(Zstandard.Problem) in
                groups.sort(words, into: sorted)
                for group in groups.groups {
                    try encodeGroup(sorted + group.lowerBound, count: group.count, to: &payload)
                }
            }
        }
    }

    private func encodePlanes(
        of words: UnsafePointer<Word>, count: Int, to payload: inout [UInt8]
    ) throws(Zstandard.Problem) {
        try Self.withBytes(count) { (plane) throws(Zstandard.Problem) in
            for number in 0..<Self.width {
                BytePlanes.split(words, count: count, plane: number, into: plane)
                try pieces.append(UnsafeRawBufferPointer(start: plane, count: count), to: &payload)
            }
        }
    }

    private func encodeGroup(
        _ words: UnsafePointer<Word>, count: Int, to payload: inout [UInt8]
    ) throws(Zstandard.Problem) {
        let escapes = SmallResiduals<Word>.escapes(of: words, count: count)
        let isPacked = escapes < count / SmallResiduals<Word>.largestShareOfEscapes
        payload.append(isPacked ? 1 : 0)
        guard isPacked else { return try encodePlanes(of: words, count: count, to: &payload) }
        try Self.withBytes((count + 3) / 4) { (packed) throws(Zstandard.Problem) in
            // One more: the loop writes before it knows whether the place counts.
            try Self.withWords(escapes + 1) { (rest) throws(Zstandard.Problem) in
                SmallResiduals.pack(words, count: count, into: packed, escapes: rest)
                try pieces.append(
                    UnsafeRawBufferPointer(start: packed, count: (count + 3) / 4), to: &payload)
                try encodePlanes(of: rest, count: escapes, to: &payload)
            }
        }
    }

    // MARK: - Reading

    /// Reads the field's pieces and writes its numbers.
    func decode(
        from payload: inout PayloadReader, base: UnsafeRawPointer,
        into target: UnsafeMutableRawPointer
    ) throws(PayloadProblem) {
        try Self.withWords(count) { (words) throws(PayloadProblem) in
            if let fractionBits {
                let groups = ExponentGroups<Word>(
                    base: base, count: count, fractionBits: fractionBits)
                try Self.withWords(count) { (sorted) throws(PayloadProblem) in
                    for group in groups.groups {
                        try decodeGroup(
                            from: &payload, count: group.count, into: sorted + group.lowerBound)
                    }
                    groups.unsort(sorted, into: words)
                }
            } else {
                try decodePlanes(from: &payload, count: count, into: words)
            }
            ResidualLoops.restore(residual, words: words, base: base, layout, into: target)
        }
    }

    private func decodePlanes(
        from payload: inout PayloadReader, count: Int, into words: UnsafeMutablePointer<Word>
    ) throws(PayloadProblem) {
        try Self.withBytes(count) { (plane) throws(PayloadProblem) in
            for number in 0..<Self.width {
                try pieces.read(
                    into: UnsafeMutableRawBufferPointer(start: plane, count: count), from: &payload)
                BytePlanes.join(plane, count: count, plane: number, into: words)
            }
        }
    }

    private func decodeGroup(
        from payload: inout PayloadReader, count: Int, into words: UnsafeMutablePointer<Word>
    ) throws(PayloadProblem) {
        switch try payload.byte() {
        case 0: try decodePlanes(from: &payload, count: count, into: words)
        case 1:
            try Self.withBytes((count + 3) / 4) { (packed) throws(PayloadProblem) in
                try pieces.read(
                    into: UnsafeMutableRawBufferPointer(start: packed, count: (count + 3) / 4),
                    from: &payload)
                let escapes = SmallResiduals<Word>.escapes(ofPacked: packed, count: count)
                // One more: the loop reads before it knows whether the place counts.
                try Self.withWords(escapes + 1) { (rest) throws(PayloadProblem) in
                    rest[escapes] = 0
                    try decodePlanes(from: &payload, count: escapes, into: rest)
                    SmallResiduals.unpack(packed, count: count, escapes: rest, into: words)
                }
            }
        default: throw PayloadProblem()
        }
    }

    // MARK: - Memory

    private static func withWords<Failure: Error>(
        _ count: Int, _ body: (UnsafeMutablePointer<Word>) throws(Failure) -> Void
    ) throws(Failure) {
        let words = UnsafeMutablePointer<Word>.allocate(capacity: count)
        defer { words.deallocate() }
        try body(words)
    }

    private static func withBytes<Failure: Error>(
        _ count: Int, _ body: (UnsafeMutablePointer<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        defer { bytes.deallocate() }
        try body(bytes)
    }
}
