import Formats

/// Cuts text into the pieces inside which merges may run: hand-written scanners for the expressions of byte-level
/// vocabularies.
///
/// Each is a single pass over the scalars, equal to leftmost matching of the family's regular expression
/// (given at each method); alternatives are tried in the expression's order. Letters and numbers are the
/// Unicode general categories L and N, white space is the property White_Space.
struct SplitScanner {
    let rule: PreTokenizerRule.SplitRule

    /// Where the piece that starts at `start` ends: after `start`, at most at `end`.
    ///
    /// - Parameters:
    ///   - text: UTF-8
    ///   - start: the first byte of a scalar, before `end`
    ///   - end: where the stretch of text ends; nothing beyond it is looked at
    /// - Returns: the end of the piece.
    func pieceEnd(in text: [UInt8], from start: Int, to end: Int) -> Int {
        let scanner = ScalarScanner(text: text, end: end, marksAreLetters: rule == .qwen35)
        return switch rule {
        case .gpt2: gpt2(scanner, start)
        case .smolLM: smolLM(scanner, start)
        case .llama3: llama3(scanner, start, digits: 3, symbolsTake: .newlines)
        case .qwen2, .qwen35: llama3(scanner, start, digits: 1, symbolsTake: .newlines)
        case .seedCoder: llama3(scanner, start, digits: 1, symbolsTake: .nothing)
        case .tekken: casedWords(scanner, start, digits: 1, keepsContractions: false)
        case .gpt4o: casedWords(scanner, start, digits: 3, keepsContractions: true)
        }
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    private func gpt2(_ scanner: ScalarScanner, _ start: Int) -> Int {
        if let end = scanner.contraction(start, ignoringCase: false) { return end }
        let first = scanner.scalar(at: start)
        // The optional space before a run of one class.
        let (run, runStart) =
            first.isSpace && first.end < scanner.end
            ? (scanner.scalar(at: first.end), first.end) : (first, start)
        if !run.kind.isWhitespace {
            return scanner.run(from: runStart) { $0 == run.kind }
        }
        return whitespace(scanner, start)
    }

    /// Every number by itself, and GPT-2's expression on the stretches between.
    private func smolLM(_ scanner: ScalarScanner, _ start: Int) -> Int {
        let first = scanner.scalar(at: start)
        if first.kind == .number { return first.end }
        // Only a space or a run of white space looks further than its own class; a number ends the stretch.
        guard first.kind.isWhitespace else { return gpt2(scanner, start) }
        let stretchEnd = scanner.run(from: start) { $0.isWhitespace }
        guard stretchEnd < scanner.end, scanner.scalar(at: stretchEnd).kind == .number else {
            return gpt2(scanner, start)
        }
        return stretchEnd
    }

    /// ```
    /// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
    /// |\s*[\r\n]+|\s+(?!\S)|\s+
    /// ```
    /// with `\p{N}{1,3}` for three digits and `\p{N}` for one, and without `[\r\n]*` where symbols take nothing. Qwen 3.5's
    /// expression has `[\p{L}\p{M}]+` for words and `[^\s\p{L}\p{M}\p{N}]+` for symbols; that a mark may also be the
    /// scalar before a word changes no piece.
    private func llama3(
        _ scanner: ScalarScanner, _ start: Int, digits: Int, symbolsTake: AfterSymbols
    ) -> Int {
        if let end = scanner.contraction(start, ignoringCase: true) { return end }
        let first = scanner.scalar(at: start)
        switch first.kind {
        case .letter: return scanner.run(from: start) { $0 == .letter }
        case .whitespace, .other:
            let end = scanner.run(from: first.end) { $0 == .letter }
            if end > first.end { return end }
        case .number, .newline: break
        }
        return afterWords(scanner, start, digits: digits, symbolsTake: symbolsTake)
    }

    /// The cased words of `CasedWordScanner`, then
    /// ```
    /// \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
    /// ```
    /// with `\p{N}{1,3}` for three digits and `\p{N}` for one.
    private func casedWords(
        _ scanner: ScalarScanner, _ start: Int, digits: Int, keepsContractions: Bool
    ) -> Int {
        let words = CasedWordScanner(scanner: scanner, keepsContractions: keepsContractions)
        return words.end(from: start)
            ?? afterWords(scanner, start, digits: digits, symbolsTake: .newlinesAndSlashes)
    }

    /// What behind symbols belongs to their piece.
    private enum AfterSymbols {
        case nothing, newlines, newlinesAndSlashes
    }

    /// The alternatives that follow those for words: numbers, symbols with the newlines behind them, white space.
    private func afterWords(
        _ scanner: ScalarScanner, _ start: Int, digits: Int, symbolsTake: AfterSymbols
    ) -> Int {
        let first = scanner.scalar(at: start)
        if first.kind == .number {
            return scanner.run(from: start, limit: digits) { $0 == .number }
        }
        let symbols =
            first.isSpace && first.end < scanner.end
                && scanner.scalar(at: first.end).kind == .other ? first.end : start
        if scanner.scalar(at: symbols).kind == .other {
            let end = scanner.run(from: symbols) { $0 == .other }
            return switch symbolsTake {
            case .nothing: end
            case .newlines: scanner.newlinesEnd(from: end, takingSlashes: false)
            case .newlinesAndSlashes: scanner.newlinesEnd(from: end, takingSlashes: true)
            }
        }
        return scanner.lastNewlineEnd(inWhitespaceFrom: start) ?? whitespace(scanner, start)
    }

    /// `\s+(?!\S)|\s+`: white space before a visible scalar leaves its last one to that scalar's piece.
    private func whitespace(_ scanner: ScalarScanner, _ start: Int) -> Int {
        var last = start
        var position = start
        while position < scanner.end {
            let scalar = scanner.scalar(at: position)
            guard scalar.kind.isWhitespace else {
                return last > start ? last : position
            }
            last = position
            position = scalar.end
        }
        return position
    }
}
