/// What is stored of a number in place of it: nothing is lost, since the reader has the base's number too.
enum Residual {
    case plain
    /// The bits of a float one to the left, so that its exponent fills the highest byte.
    case rotated
    case exclusiveOr
    case rotatedExclusiveOr
    /// The difference modulo 2ⁿ, folded so that small ones of both signs are small: 0, −1, 1, −2 … become 0, 1, 2, 3 …
    case difference
    /// The same of the floats' places in the order of all floats.
    case orderedDifference
    /// The differences modulo 16 of the two halves of a byte.
    case nibbleDifference
}

/// The loops over the numbers of a field, for one width.
enum ResidualLoops<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & SendableMetatype> {
    /// Where the numbers lie: `count` in each of so many blocks, whose starts are `stride` bytes apart.
    struct Layout {
        let blocks: Int
        let stride: Int
        let count: Int
    }

    /// Writes the residuals of the target's numbers against the base's.
    static func make(
        _ residual: Residual, target: UnsafeRawPointer, base: UnsafeRawPointer, _ layout: Layout,
        into words: UnsafeMutablePointer<Word>
    ) {
        switch residual {
        case .plain: make(target, base, layout, words) { target, _ in target }
        case .rotated: make(target, base, layout, words) { target, _ in rotatedLeft(target) }
        case .exclusiveOr: make(target, base, layout, words) { $0 ^ $1 }
        case .rotatedExclusiveOr: make(target, base, layout, words) { rotatedLeft($0 ^ $1) }
        case .difference: make(target, base, layout, words) { folded($0 &- $1) }
        case .orderedDifference:
            make(target, base, layout, words) { folded(ordered($0) &- ordered($1)) }
        case .nibbleDifference:
            make(target, base, layout, words) { ($0 &- $1) & 0x0F | (($0 & 0xF0) &- ($1 & 0xF0)) }
        }
    }

    /// Writes the target's numbers from the residuals and the base.
    static func restore(
        _ residual: Residual, words: UnsafePointer<Word>, base: UnsafeRawPointer, _ layout: Layout,
        into target: UnsafeMutableRawPointer
    ) {
        switch residual {
        case .plain: restore(words, base, layout, target) { word, _ in word }
        case .rotated: restore(words, base, layout, target) { word, _ in rotatedRight(word) }
        case .exclusiveOr: restore(words, base, layout, target) { $0 ^ $1 }
        case .rotatedExclusiveOr: restore(words, base, layout, target) { rotatedRight($0) ^ $1 }
        case .difference: restore(words, base, layout, target) { unfolded($0) &+ $1 }
        case .orderedDifference:
            restore(words, base, layout, target) { unordered(unfolded($0) &+ ordered($1)) }
        case .nibbleDifference:
            restore(words, base, layout, target) {
                ($0 &+ $1) & 0x0F | (($0 & 0xF0) &+ ($1 & 0xF0))
            }
        }
    }

    // MARK: - Loops

    @inline(__always)
    private static func make(
        _ target: UnsafeRawPointer, _ base: UnsafeRawPointer, _ layout: Layout,
        _ words: UnsafeMutablePointer<Word>, _ residual: (Word, Word) -> Word
    ) {
        let width = MemoryLayout<Word>.size
        for block in 0..<layout.blocks {
            let (from, beside) = (target + block &* layout.stride, base + block &* layout.stride)
            let output = words + block &* layout.count
            for index in 0..<layout.count {
                output[index] = residual(
                    from.loadUnaligned(fromByteOffset: index &* width, as: Word.self),
                    beside.loadUnaligned(fromByteOffset: index &* width, as: Word.self))
            }
        }
    }

    @inline(__always)
    private static func restore(
        _ words: UnsafePointer<Word>, _ base: UnsafeRawPointer, _ layout: Layout,
        _ target: UnsafeMutableRawPointer, _ number: (Word, Word) -> Word
    ) {
        let width = MemoryLayout<Word>.size
        for block in 0..<layout.blocks {
            let (output, beside) = (target + block &* layout.stride, base + block &* layout.stride)
            let input = words + block &* layout.count
            for index in 0..<layout.count {
                let word = number(
                    input[index],
                    beside.loadUnaligned(fromByteOffset: index &* width, as: Word.self))
                output.storeBytes(of: word, toByteOffset: index &* width, as: Word.self)
            }
        }
    }

    // MARK: - Numbers

    @inline(__always) private static var lastBit: Word {
        Word(truncatingIfNeeded: Word.bitWidth - 1)
    }
    @inline(__always) private static var signBit: Word { 1 &<< lastBit }

    @inline(__always) private static func rotatedLeft(_ word: Word) -> Word {
        (word &<< 1) | (word &>> lastBit)
    }

    @inline(__always) private static func rotatedRight(_ word: Word) -> Word {
        (word &>> 1) | (word &<< lastBit)
    }

    /// All ones where the highest bit is set, else zero.
    @inline(__always) private static func signMask(_ word: Word) -> Word { 0 &- (word &>> lastBit) }

    @inline(__always) private static func folded(_ difference: Word) -> Word {
        (difference &<< 1) ^ signMask(difference)
    }

    @inline(__always) private static func unfolded(_ word: Word) -> Word {
        (word &>> 1) ^ (0 &- (word & 1))
    }

    /// A float's place in the order of all floats: −∞ … −0, 0 … ∞.
    @inline(__always) private static func ordered(_ float: Word) -> Word {
        float ^ (signMask(float) | signBit)
    }

    @inline(__always) private static func unordered(_ place: Word) -> Word {
        place ^ (signMask(~place) | signBit)
    }
}
