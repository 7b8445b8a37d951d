import Glibc

/// How alike texts are to the texts they should be: corpus BLEU of up to four words in a row (Papineni and others, 2002),
/// with the words, the smoothing and the numbers of sacrebleu (Post, arXiv 1804.08771).
///
/// Its signature is `nrefs:1|case:mixed|eff:yes|tok:13a|smooth:exp`: words are those of mteval-v13a, an order without a match
/// counts half, a quarter … of one, and orders that no text is long enough for are left out.
struct BLEU {
    /// Matches by the number of words in a row, from 1.
    private var matches = [Int](repeating: 0, count: Self.orders)
    /// What was written, likewise.
    private var totals = [Int](repeating: 0, count: Self.orders)
    private var length = 0
    private var referenceLength = 0

    private static let orders = 4

    /// Adds a text and what it should be.
    mutating func add(_ text: String, reference: String) {
        let (words, expected) = (Self.words(of: text), Self.words(of: reference))
        length += words.count
        referenceLength += expected.count
        for order in 1...Self.orders {
            let available = Self.counts(expected, order)
            for (sequence, count) in Self.counts(words, order) {
                matches[order - 1] += min(count, available[sequence] ?? 0)
                totals[order - 1] += count
            }
        }
    }

    /// From 0 to 100; 100 where every text is what it should be.
    var score: Double {
        guard matches.contains(where: { $0 > 0 }) else { return 0 }
        var (sum, orders, smoothing) = (0.0, 0, 1.0)
        for (matched, total) in zip(matches, totals) where total > 0 {
            orders += 1
            if matched == 0 { smoothing *= 2 }
            sum += log(100 * (matched > 0 ? Double(matched) : 1 / smoothing) / Double(total))
        }
        let isShort = length < referenceLength
        let penalty = isShort ? exp(1 - Double(referenceLength) / Double(length)) : 1
        return penalty * exp(sum / Double(orders))
    }

    private static func counts(_ words: [String], _ order: Int) -> [ArraySlice<String>: Int] {
        guard words.count >= order else { return [:] }
        return (0...words.count - order).reduce(into: [:]) { counts, start in
            counts[words[start..<start + order], default: 0] += 1
        }
    }
}

// MARK: - Words

extension BLEU {
    /// The words of a text as mteval-v13a cuts it: at spaces, at punctuation but for what stands between digits, and at a
    /// hyphen after a digit.
    static func words(of text: String) -> [String] {
        var text = text.replacing("<skipped>", with: "").replacing("-\n", with: "")
            .replacing("\n", with: " ")
        for (entity, character) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")]
        {
            text = text.replacing(entity, with: character)
        }
        var scalars: [Unicode.Scalar] = []
        for scalar in " \(text) ".unicodeScalars {
            scalars += isSymbol(scalar) ? [" ", scalar, " "] : [scalar]
        }
        scalars = cut(scalars, between: { !isDigit($0) && isStop($1) }) { [$0, " ", $1, " "] }
        scalars = cut(scalars, between: { isStop($0) && !isDigit($1) }) { [" ", $0, " ", $1] }
        scalars = cut(scalars, between: { isDigit($0) && $1 == "-" }) { [$0, " ", $1, " "] }
        return scalars.split(whereSeparator: isSpace).map { word in
            String(String.UnicodeScalarView(word))
        }
    }

    /// Puts spaces about neighbours, from the left on, each scalar in one pair at most.
    private static func cut(
        _ scalars: [Unicode.Scalar], between isCut: (Unicode.Scalar, Unicode.Scalar) -> Bool,
        _ spaced: (Unicode.Scalar, Unicode.Scalar) -> [Unicode.Scalar]
    ) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var index = 0
        while index < scalars.count {
            if index + 1 < scalars.count, isCut(scalars[index], scalars[index + 1]) {
                result += spaced(scalars[index], scalars[index + 1])
                index += 2
            } else {
                result.append(scalars[index])
                index += 1
            }
        }
        return result
    }

    /// A space, and ASCII punctuation but for `'`, `,`, `-` and `.`.
    private static func isSymbol(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "{"..."~", "["..."`", " "..."&", "("..."+", ":"..."@", "/": true
        default: false
        }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private static func isStop(_ scalar: Unicode.Scalar) -> Bool { scalar == "." || scalar == "," }

    /// What Python's `str.split` takes for a space.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1c...0x1f).contains(scalar.value)
    }
}
