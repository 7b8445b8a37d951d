/// Residuals most of which are below 3, four in a byte: a byte's four symbols are coded together, so that a number can
/// take less than the one bit that coding by frequency spends on each symbol at least. A symbol of 3 is an escape: the
/// number, less 3, stands in a list of its own.
///
/// The number with index 4 · i + j has bits 2 · j and 2 · j + 1 of byte i; the last byte is filled with zeros.
enum SmallResiduals<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & SendableMetatype>
{
    /// Packing pays where fewer than one number in so many is an escape.
    static var largestShareOfEscapes: Int { 6 }

    /// How many numbers are 3 or more.
    static func escapes(of words: UnsafePointer<Word>, count: Int) -> Int {
        var escapes = 0
        for index in 0..<count { escapes &+= escape(symbol(words[index])) }
        return escapes
    }

    /// How many symbols of 3 there are.
    static func escapes(ofPacked bytes: UnsafePointer<UInt8>, count: Int) -> Int {
        var escapes = 0
        for index in 0..<count / 4 {
            let byte = bytes[index]
            escapes &+= (byte & (byte &>> 1) & 0x55).nonzeroBitCount
        }
        for index in (count / 4 * 4)..<count { escapes += symbol(bytes, index) == 3 ? 1 : 0 }
        return escapes
    }

    /// Packs numbers; there is room for one escape more than there are.
    static func pack(
        _ words: UnsafePointer<Word>, count: Int, into bytes: UnsafeMutablePointer<UInt8>,
        escapes: UnsafeMutablePointer<Word>
    ) {
        var next = 0
        for index in 0..<count / 4 {
            bytes[index] = pack(words + index &* 4, count: 4, escapes, &next)
        }
        let rest = count % 4
        if rest > 0 {
            bytes[count / 4] = pack(words + (count - rest), count: rest, escapes, &next)
        }
    }

    /// One byte of symbols. An escape is written whether it is one or not, so that there is nothing to jump over.
    @inline(__always)
    private static func pack(
        _ words: UnsafePointer<Word>, count: Int, _ escapes: UnsafeMutablePointer<Word>,
        _ next: inout Int
    ) -> UInt8 {
        var byte: UInt8 = 0
        for index in 0..<count {
            let symbol = symbol(words[index])
            escapes[next] = words[index] &- 3
            next &+= escape(symbol)
            byte |= UInt8(truncatingIfNeeded: symbol) &<< UInt8(truncatingIfNeeded: 2 &* index)
        }
        return byte
    }

    /// Unpacks numbers; one escape more than there are may be read.
    static func unpack(
        _ bytes: UnsafePointer<UInt8>, count: Int, escapes: UnsafePointer<Word>,
        into words: UnsafeMutablePointer<Word>
    ) {
        var next = 0
        for index in 0..<count / 4 {
            unpack(bytes[index], count: 4, escapes, &next, into: words + index &* 4)
        }
        let rest = count % 4
        if rest > 0 {
            unpack(bytes[count / 4], count: rest, escapes, &next, into: words + (count - rest))
        }
    }

    @inline(__always)
    private static func unpack(
        _ byte: UInt8, count: Int, _ escapes: UnsafePointer<Word>, _ next: inout Int,
        into words: UnsafeMutablePointer<Word>
    ) {
        let hasEscapes = byte & (byte &>> 1) & 0x55 != 0
        for index in 0..<count {
            let symbol = (byte &>> UInt8(truncatingIfNeeded: 2 &* index)) & 3
            words[index] = Word(truncatingIfNeeded: symbol)
        }
        guard hasEscapes else { return }
        for index in 0..<count {
            let symbol = words[index]
            words[index] = symbol == 3 ? escapes[next] &+ 3 : symbol
            next &+= escape(symbol)
        }
    }

    /// The symbol of a number, 0 to 3.
    @inline(__always) private static func symbol(_ word: Word) -> Word { min(word, 3) }

    /// 1 for the symbol 3, else 0; without a comparison, so that no compiler makes a jump of it that no processor can
    /// foresee.
    @inline(__always) private static func escape(_ symbol: Word) -> Int {
        Int(truncatingIfNeeded: symbol & (symbol &>> 1))
    }

    @inline(__always) private static func symbol(_ bytes: UnsafePointer<UInt8>, _ index: Int)
        -> UInt8
    {
        (bytes[index &>> 2] &>> UInt8(truncatingIfNeeded: 2 &* (index & 3))) & 3
    }
}
