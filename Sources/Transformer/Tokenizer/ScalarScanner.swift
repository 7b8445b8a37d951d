/// What the pre-tokenizers tell apart.
enum ScalarKind {
    case letter
    case number
    /// White space other than a line feed and a carriage return.
    case whitespace
    case newline
    case other

    var isWhitespace: Bool { self == .whitespace || self == .newline }

    init(_ scalar: Unicode.Scalar) {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            self = .letter
        case .decimalNumber, .letterNumber, .otherNumber:
            self = .number
        default:
            if scalar == "\n" || scalar == "\r" {
                self = .newline
            } else {
                self = scalar.properties.isWhitespace ? .whitespace : .other
            }
        }
    }

    static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        default: false
        }
    }

    static let ascii: [ScalarKind] = (UInt8(0)..<128).map { ScalarKind(Unicode.Scalar($0)) }
}

/// Reads the scalars of a stretch of UTF-8.
struct ScalarScanner {
    /// A scalar's class and where it ends.
    struct Scalar {
        let value: UInt32
        let kind: ScalarKind
        let end: Int

        var isSpace: Bool { value == 0x20 }
    }

    let text: [UInt8]
    let end: Int
    var marksAreLetters = false

    /// The scalar that starts at a position before `end`.
    func scalar(at position: Int) -> Scalar {
        let lead = text[position]
        if lead < 0x80 {
            return Scalar(
                value: UInt32(lead), kind: ScalarKind.ascii[Int(lead)], end: position + 1)
        }
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        let last = min(position + length, end)
        var value = UInt32(lead) & (0xFF >> UInt32(length + 1))
        for byte in text[(position + 1)..<last] { value = value << 6 | UInt32(byte & 0x3F) }
        let scalar = Unicode.Scalar(value)
        var kind = scalar.map { ScalarKind($0) } ?? .other
        if marksAreLetters, let scalar, ScalarKind.isMark(scalar) { kind = .letter }
        return Scalar(value: value, kind: kind, end: last)
    }

    /// Where the scalar at a place of a text ends; bytes that are no scalar stand alone or with what follows them.
    static func scalarEnd(in text: ArraySlice<UInt8>, at place: Int) -> Int {
        let lead = text[place]
        let length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        return min(place + length, text.endIndex)
    }

    /// The end of the run of at most `limit` scalars, from a position on, whose kind fits.
    func run(
        from start: Int, limit: Int = .max, while fits: (ScalarKind) -> Bool
    ) -> Int {
        var position = start
        var count = 0
        while position < end, count < limit {
            let scalar = scalar(at: position)
            guard fits(scalar.kind) else { break }
            position = scalar.end
            count += 1
        }
        return position
    }

    /// The end of the run of line feeds, carriage returns and, where asked for, slashes.
    func newlinesEnd(from start: Int, takingSlashes: Bool) -> Int {
        var position = start
        while position < end {
            let scalar = scalar(at: position)
            guard scalar.kind == .newline || takingSlashes && scalar.value == 0x2F else { break }
            position = scalar.end
        }
        return position
    }

    /// Where the last line feed or carriage return of a run of white space ends, if there is one.
    func lastNewlineEnd(inWhitespaceFrom start: Int) -> Int? {
        var found: Int?
        var position = start
        while position < end {
            let scalar = scalar(at: position)
            guard scalar.kind.isWhitespace else { break }
            position = scalar.end
            if scalar.kind == .newline { found = position }
        }
        return found
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at a position.
    ///
    /// Without case the long s (U+017F) is an s as well, as Unicode's case folding has it.
    func contraction(_ start: Int, ignoringCase: Bool) -> Int? {
        guard text[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
        let first = scalar(at: start + 1)
        switch folded(first.value, ignoringCase) {
        case "s", "t", "m", "d": return first.end
        case "r", "v": return end(of: "e", at: first.end, ignoringCase)
        case "l": return end(of: "l", at: first.end, ignoringCase)
        default: return nil
        }
    }

    private func end(of letter: Unicode.Scalar, at position: Int, _ ignoringCase: Bool) -> Int? {
        guard position < end else { return nil }
        let scalar = scalar(at: position)
        return folded(scalar.value, ignoringCase) == letter ? scalar.end : nil
    }

    private func folded(_ value: UInt32, _ ignoringCase: Bool) -> Unicode.Scalar? {
        guard ignoringCase else { return Unicode.Scalar(value) }
        switch value {
        case 0x41...0x5A: return Unicode.Scalar(value + 0x20)
        case 0x17F: return "s"
        default: return Unicode.Scalar(value)
        }
    }
}
