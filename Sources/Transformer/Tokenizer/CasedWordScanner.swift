/// Finds words that end where lower case turns into upper case, as the expressions of Tekken and GPT-4o do:
///
/// ```
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
/// ```
///
/// the first before the second, each with an optional contraction behind it for GPT-4o.
struct CasedWordScanner {
    let scanner: ScalarScanner
    let keepsContractions: Bool

    private enum Case {
        case upper
        case lower
        /// Letters without case and marks stand in both sets of the expressions.
        case both
    }

    /// Where the word at a place ends; nil where there is none.
    func end(from start: Int) -> Int? {
        guard let end = wordEnd(from: start) else { return nil }
        guard keepsContractions, end < scanner.end else { return end }
        return scanner.contraction(end, ignoringCase: true) ?? end
    }

    private func wordEnd(from start: Int) -> Int? {
        let first = scanner.scalar(at: start)
        switch first.kind {
        case .letter: return endingInLower(from: start) ?? allUpper(from: start)
        case .number, .newline: return nil
        case .whitespace, .other:
            // The scalar before the word is tried first, in either alternative.
            return endingInLower(from: first.end) ?? endingInLower(from: start)
                ?? allUpper(from: first.end) ?? allUpper(from: start)
        }
    }

    /// Upper case, then lower case at least once. Where no lower case follows, the last scalar that counts as both
    /// ends the word.
    private func endingInLower(from start: Int) -> Int? {
        var place = start
        var lastBoth: Int?
        while let (letterCase, end) = letter(at: place) {
            if letterCase == .lower { return lowerEnd(from: place) }
            if letterCase == .both { lastBoth = end }
            place = end
        }
        return lastBoth
    }

    private func lowerEnd(from start: Int) -> Int {
        var place = start
        while let (letterCase, end) = letter(at: place), letterCase != .upper { place = end }
        return place
    }

    private func allUpper(from start: Int) -> Int? {
        var place = start
        while let (letterCase, end) = letter(at: place), letterCase != .lower { place = end }
        return place > start ? place : nil
    }

    private func letter(at place: Int) -> (Case, end: Int)? {
        guard place < scanner.end else { return nil }
        let scalar = scanner.scalar(at: place)
        guard scalar.kind == .letter || scalar.kind == .other,
            let category = Unicode.Scalar(scalar.value)?.properties.generalCategory
        else { return nil }
        switch category {
        case .uppercaseLetter, .titlecaseLetter: return (.upper, scalar.end)
        case .lowercaseLetter: return (.lower, scalar.end)
        case .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark:
            return (.both, scalar.end)
        default: return nil
        }
    }
}
