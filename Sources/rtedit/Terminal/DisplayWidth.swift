extension String {
    /// How many columns of a terminal the text takes.
    var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

    /// The text with spaces after it (or, aligned to the right, before it) up to a number of columns.
    func padded(to width: Int, alignRight: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - displayWidth))
        return alignRight ? spaces + self : self + spaces
    }

    /// The longest start of the text that fits a number of columns.
    func clipped(to width: Int) -> String {
        var used = 0
        let fitting = prefix { character in
            used += character.displayWidth
            return used <= width
        }
        return String(fitting)
    }

    /// The text broken at spaces into lines of at most so many columns; a longer word has a line of its own.
    func wrapped(to width: Int) -> [String] {
        var lines: [String] = []
        for word in split(separator: " ").map(String.init) {
            if let last = lines.last, last.displayWidth + 1 + word.displayWidth <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(word)
            }
        }
        return lines
    }
}

extension Character {
    /// 2 for East Asian wide characters and emoji, 0 for what has no width of its own, else 1
    /// (Unicode Standard Annex 11, blocks rather than single code points).
    fileprivate var displayWidth: Int {
        guard let first = unicodeScalars.first else { return 0 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        if first.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}") { return 2 }
        return Self.wideBlocks.contains { $0.contains(first.value) } ? 2 : 1
    }

    private static let wideBlocks: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
        0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18CFF,
        0x1B000...0x1B2FF, 0x20000...0x3FFFD,
    ]
}
