/// What Python's strings do to their text.
enum PythonText {
    enum Side {
        case both
        case left
        case right
    }

    /// - Parameter characters: what is stripped; nil for white space.
    static func stripped(_ text: Scalars, _ characters: Set<Unicode.Scalar>?, _ side: Side)
        -> Scalars
    {
        func strips(_ scalar: Unicode.Scalar) -> Bool {
            characters?.contains(scalar) ?? scalar.isPythonSpace
        }
        var rest = text[...]
        if side != .right { rest = rest.drop(while: strips) }
        if side != .left {
            rest = rest.lastIndex { !strips($0) }.map { rest[...$0] } ?? []
        }
        return Scalars(rest)
    }

    /// `str.splitlines`
    static func lines(_ text: Scalars) -> [Scalars] {
        var lines: [Scalars] = []
        var line: Scalars = []
        var previous: Unicode.Scalar?
        for scalar in text {
            defer { previous = scalar }
            switch scalar {
            case "\n" where previous == "\r": continue
            case "\n", "\r", "\u{0b}", "\u{0c}", "\u{1c}", "\u{1d}", "\u{1e}", "\u{85}",
                "\u{2028}", "\u{2029}":
                lines.append(line)
                line = []
            default: line.append(scalar)
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }

    /// A float in Python's spelling, without white space around it.
    static func number(_ text: Scalars) -> Double? {
        let plain = PythonCase.lower(text).text
        let unsigned = plain.hasPrefix("-") || plain.hasPrefix("+") ? plain.dropFirst() : plain[...]
        switch unsigned {
        case "inf", "infinity": return plain.hasPrefix("-") ? -.infinity : .infinity
        case "nan": return .nan
        default:
            guard let first = unsigned.unicodeScalars.first, first.isDigit || first == "." else {
                return nil
            }
            guard unsigned.allSatisfy({ "0123456789.e+-".contains($0) }) else { return nil }
            // Python takes '.5' and '5.' too.
            var spelling = plain
            if unsigned.first == "." { spelling = plain.replacing(".", with: "0.") }
            return Double(spelling.replacing(".e", with: ".0e"))
                ?? (spelling.last == "." ? Double(spelling + "0") : nil)
        }
    }
}
