import Formats

/// Finds added tokens (control and user-defined ones) in text: at each place the longest, from left to right.
///
/// A search takes O(text × longest token), and tokens are at most `AddedTokens.lengthLimit` bytes long.
struct AddedTokens {
    static let lengthLimit = 1024

    /// A part of a text: a token, or what lies between tokens.
    enum Part: Equatable {
        case token(Int)
        case text(Range<Int>)
    }

    private let table: PrefixTable
    private let rules: [Int: TokenizerDefinition.AddedTokenRules]

    /// - Parameters:
    ///   - tokens: the texts to look for and their ids
    ///   - rules: how each is found, where it is not simply by its text
    /// - Throws: `TokenizerError.tokenTooLong`.
    init(
        _ tokens: [(text: ArraySlice<UInt8>, id: Int)],
        rules: [Int: TokenizerDefinition.AddedTokenRules]
    ) throws(TokenizerError) {
        for (text, id) in tokens where text.count > Self.lengthLimit {
            throw .tokenTooLong(
                token: ByteString(Array(text)).text, id: id, bytes: text.count,
                limit: Self.lengthLimit)
        }
        table = PrefixTable(tokens)
        self.rules = rules
    }

    var isEmpty: Bool { table.isEmpty }

    /// The parts of a text, in order; none is an empty text.
    func parts(of text: [UInt8]) -> [Part] {
        guard !isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
        var parts: [Part] = []
        var taken = 0
        var position = 0
        while position < text.count {
            guard let (length, id) = table.longestPrefix(of: text, from: position) else {
                position += 1
                continue
            }
            var range = position..<(position + length)
            position = range.upperBound
            if let rules = rules[id] {
                let surroundings = Surroundings(text: text)
                if rules.isWholeWord, !surroundings.isWholeWord(range) { continue }
                if rules.takesSpaceBefore {
                    range = surroundings.spaceStart(before: range.lowerBound)..<range.upperBound
                }
                if rules.takesSpaceAfter {
                    range = range.lowerBound..<surroundings.spaceEnd(after: range.upperBound)
                }
            }
            if taken < range.lowerBound { parts.append(.text(taken..<range.lowerBound)) }
            parts.append(.token(id))
            taken = max(taken, range.upperBound)
        }
        if taken < text.count { parts.append(.text(taken..<text.count)) }
        return parts
    }
}

/// What stands around a place in a text.
private struct Surroundings {
    let text: [UInt8]

    /// Whether neither neighbour of a range belongs to a word.
    func isWholeWord(_ range: Range<Int>) -> Bool {
        let before = scalar(before: range.lowerBound).map { isWord($0.scalar) } ?? false
        let after = scalar(after: range.upperBound).map { isWord($0.scalar) } ?? false
        return !before && !after
    }

    /// Where the white space that ends at a place begins.
    func spaceStart(before end: Int) -> Int {
        var place = end
        while let (scalar, start) = scalar(before: place), scalar.properties.isWhitespace {
            place = start
        }
        return place
    }

    /// Where the white space that begins at a place ends.
    func spaceEnd(after start: Int) -> Int {
        var place = start
        while let (scalar, end) = scalar(after: place), scalar.properties.isWhitespace {
            place = end
        }
        return place
    }

    /// What Unicode's regular expressions (annex C of technical standard 18) take for a part of a word.
    private func isWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
            true
        default: scalar.properties.isAlphabetic || scalar.properties.isJoinControl
        }
    }

    private func scalar(before end: Int) -> (scalar: Unicode.Scalar, start: Int)? {
        guard end > 0 else { return nil }
        var start = end - 1
        while start > 0, end - start < 4, text[start] & 0xC0 == 0x80 { start -= 1 }
        return scalar(after: start).map { ($0.scalar, start) }
    }

    private func scalar(after start: Int) -> (scalar: Unicode.Scalar, end: Int)? {
        guard start < text.count else { return nil }
        let found = ScalarScanner(text: text, end: text.count).scalar(at: start)
        return Unicode.Scalar(found.value).map { ($0, found.end) }
    }
}
