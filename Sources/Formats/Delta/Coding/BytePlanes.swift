/// Numbers as byte planes: the lowest bytes of all, then the second lowest, and so on.
enum BytePlanes<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & SendableMetatype> {
    /// Writes one plane.
    static func split(
        _ words: UnsafePointer<Word>, count: Int, plane: Int,
        into bytes: UnsafeMutablePointer<UInt8>
    ) {
        let shift = Word(truncatingIfNeeded: plane * 8)
        for index in 0..<count { bytes[index] = UInt8(truncatingIfNeeded: words[index] &>> shift) }
    }

    /// Adds one plane; the first sets the words, the others must come after it.
    static func join(
        _ bytes: UnsafePointer<UInt8>, count: Int, plane: Int,
        into words: UnsafeMutablePointer<Word>
    ) {
        if plane == 0 {
            for index in 0..<count { words[index] = Word(truncatingIfNeeded: bytes[index]) }
            return
        }
        let shift = Word(truncatingIfNeeded: plane * 8)
        for index in 0..<count { words[index] |= Word(truncatingIfNeeded: bytes[index]) &<< shift }
    }
}
