/// Text made safe to show: names out of files may hold anything, terminal commands included.
enum PrintableText {
    /// The text on one line: line ends and all other control characters are escaped.
    static func line(_ text: String) -> String { escaped(text, keeping: []) }

    /// The text on one line of readable length: what a file holds may be as long as the file, and a message that quotes
    /// it leaves out the middle.
    static func message(_ text: String) -> String {
        let line = line(text)
        let (first, last) = (6000, 1000)
        guard line.unicodeScalars.count > first + last else { return line }
        let left = line.unicodeScalars.count - first - last
        let scalars = line.unicodeScalars
        return String(String.UnicodeScalarView(scalars.prefix(first)))
            + " … (\(left) characters left out) … "
            + String(String.UnicodeScalarView(scalars.suffix(last)))
    }

    /// The text with its line ends and tabs, all other control characters escaped.
    static func lines(_ text: String) -> String { escaped(text, keeping: ["\n", "\t"]) }

    private static func escaped(_ text: String, keeping kept: Set<Unicode.Scalar>) -> String {
        guard text.unicodeScalars.contains(where: { isUnsafe($0) && !kept.contains($0) }) else {
            return text
        }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar), !kept.contains(scalar) {
                result.append(contentsOf: escape(scalar).unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    /// Control characters, line separators, and what turns the direction of the text around it.
    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
}
