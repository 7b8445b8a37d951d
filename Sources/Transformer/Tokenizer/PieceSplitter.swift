import Formats

/// Cuts a stretch of normalised text into the pieces inside which the model runs.
struct PieceSplitter {
    let rule: PreTokenizerRule

    private static let mark = Array(PreTokenizerRule.spaceMark.utf8)

    /// The pieces, in order; none is empty.
    ///
    /// - Parameters:
    ///   - text: UTF-8
    ///   - isFirst: whether the stretch begins where the whole text does
    func pieces(of text: [UInt8], isFirst: Bool) -> [ArraySlice<UInt8>] {
        guard !text.isEmpty else { return [] }
        switch rule {
        case .none: return [text[...]]
        case .byteLevel(let rule, let addsSpacePrefix):
            let prefixed = addsSpacePrefix && text.first != 0x20 ? [0x20] + text : text
            return byteLevel(prefixed, SplitScanner(rule: rule))
        case .afterSpaces:
            return split(text) { place in place > 0 && text[place - 1] == 0x20 }
        case .newlineRuns:
            let newline = UInt8(ascii: "\n")
            return split(text) { (text[$0] == newline) != (text[$0 - 1] == newline) }
        case .spaceMarks(let marks):
            guard marks.dropsWhitespace else {
                return marked(text[...], marks, isFirst: isFirst)
            }
            return words(of: text).flatMap {
                marked(text[$0], marks, isFirst: isFirst && $0.lowerBound == 0)
            }
        }
    }

    private func byteLevel(_ text: [UInt8], _ scanner: SplitScanner) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < text.count {
            let end = scanner.pieceEnd(in: text, from: start, to: text.count)
            pieces.append(text[start..<end])
            start = end
        }
        return pieces
    }

    /// The text with marks in place of spaces, cut before each mark where the rule asks for it.
    private func marked(
        _ text: ArraySlice<UInt8>, _ marks: PreTokenizerRule.SpaceMarks, isFirst: Bool
    ) -> [ArraySlice<UInt8>] {
        var marked: [UInt8] = []
        marked.reserveCapacity(text.count + text.count / 4)
        let needsPrefix = marks.prefix == .always || marks.prefix == .first && isFirst
        if needsPrefix, text.first != 0x20, !text.starts(with: Self.mark) { marked += Self.mark }
        for byte in text {
            if byte == 0x20 { marked += Self.mark } else { marked.append(byte) }
        }
        guard marks.splits else { return [marked[...]] }
        return split(marked) { place in
            marked[place] == Self.mark[0] && marked[place...].starts(with: Self.mark)
        }
    }

    /// The text cut at the places that begin a piece.
    private func split(_ text: [UInt8], at begins: (Int) -> Bool) -> [ArraySlice<UInt8>] {
        let starts = [0] + text.indices.dropFirst().filter(begins)
        return zip(starts, starts.dropFirst() + [text.count]).map { text[$0..<$1] }
    }

    /// The stretches without white space.
    private func words(of text: [UInt8]) -> [Range<Int>] {
        let scanner = ScalarScanner(text: text, end: text.count)
        var words: [Range<Int>] = []
        var place = 0
        while place < text.count {
            let end = scanner.run(from: place) { !$0.isWhitespace }
            if end > place { words.append(place..<end) }
            place = scanner.run(from: end) { $0.isWhitespace }
        }
        return words
    }
}
