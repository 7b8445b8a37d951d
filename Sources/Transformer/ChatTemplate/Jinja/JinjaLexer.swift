/// Cuts a template into tokens, with the white space that jinja2 leaves out under `trim_blocks` and `lstrip_blocks`.
struct JinjaLexer {
    private let source: Scalars
    private var position = 0
    private var lineStart = 0
    private var startsLine = true
    private var tokens: [JinjaToken] = []
    /// The line that is being read, counted from 1.
    private(set) var line = 1

    init(_ text: String) {
        var source: Scalars = []
        source.reserveCapacity(text.utf8.count)
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if scalar == "\r" {
                source.append("\n")
            } else if scalar != "\n" || previous != "\r" {
                source.append(scalar)
            }
            previous = scalar
        }
        if source.last == "\n" { source.removeLast() }
        self.source = source
    }

    /// The tokens of the whole template; the last is `.end`.
    mutating func read() throws(JinjaFault) -> [JinjaToken] {
        while position < source.count {
            try readText()
        }
        add(.end)
        return tokens
    }

    // MARK: - Text

    private mutating func readText() throws(JinjaFault) {
        guard let open = nextTag() else {
            add(.data(Array(source[position...])))
            position = source.count
            return
        }
        let text = source[position..<open]
        if source[open + 1] == "%", let raw = rawTag("raw", at: open) {
            add(stripped(text, sign: raw.sign, isVariable: false))
            move(to: raw.endsStripped ? afterSpaces(raw.end) : raw.end)
            try readRaw()
            return
        }
        let sign = self.sign(at: open + 2)
        let isVariable = source[open + 1] == "{"
        add(stripped(text, sign: sign, isVariable: isVariable))
        move(to: open + 2 + (sign == nil ? 0 : 1))
        switch source[open + 1] {
        case "#": try skipComment()
        case "%":
            add(.blockBegin)
            try readTag(closing: "%")
        default:
            add(.variableBegin)
            try readTag(closing: "}")
        }
    }

    private func nextTag() -> Int? {
        var place = position
        while place + 1 < source.count {
            if source[place] == "{" {
                switch source[place + 1] {
                case "{", "%", "#": return place
                default: break
                }
            }
            place += 1
        }
        return nil
    }

    private func sign(at place: Int) -> Unicode.Scalar? {
        place < source.count && (source[place] == "-" || source[place] == "+")
            ? source[place] : nil
    }

    private func afterSpaces(_ start: Int) -> Int {
        source[start...].firstIndex { !$0.isPythonSpace } ?? source.count
    }

    private func has(_ text: String, at place: Int) -> Bool {
        place <= source.count && source[place...].starts(with: text.unicodeScalars)
    }

    /// Text before a tag without the white space that the tag takes away.
    private func stripped(
        _ text: ArraySlice<Unicode.Scalar>, sign: Unicode.Scalar?, isVariable: Bool
    )
        -> ArraySlice<Unicode.Scalar>
    {
        if sign == "-" {
            return text.droppingLastSpaces()
        }
        guard sign == nil, !isVariable else { return text }
        let line = (text.lastIndex(of: "\n").map { $0 + 1 }) ?? text.startIndex
        guard line > text.startIndex || startsLine, text[line...].allSatisfy(\.isPythonSpace) else {
            return text
        }
        return text[..<line]
    }

    /// `{% raw %}` or `{% endraw %}`, and where its `%}` ends.
    private func rawTag(_ word: String, at open: Int) -> (
        sign: Unicode.Scalar?, end: Int, endsStripped: Bool
    )? {
        let sign = self.sign(at: open + 2)
        let start = afterSpaces(min(source.count, open + 2 + (sign == nil ? 0 : 1)))
        guard has(word, at: start) else { return nil }
        let end = afterSpaces(start + word.unicodeScalars.count)
        if has("-%}", at: end) { return (sign, end + 3, true) }
        if has("%}", at: end) { return (sign, end + 2, false) }
        if word == "endraw", has("+%}", at: end) { return (sign, end + 3, false) }
        return nil
    }

    private mutating func readRaw() throws(JinjaFault) {
        for open in position..<max(position, source.count) where has("{%", at: open) {
            guard let tag = rawTag("endraw", at: open) else { continue }
            add(stripped(source[position..<open], sign: tag.sign, isVariable: false))
            var end = tag.end
            if tag.endsStripped {
                end = afterSpaces(end)
            } else if has("\n", at: end), source[end - 3] != "+" {
                end += 1
            }
            move(to: end)
            return
        }
        guard position == source.count else { throw .malformed("Missing end of raw directive") }
    }

    private mutating func skipComment() throws(JinjaFault) {
        var place = position
        while place + 1 < source.count {
            if source[place] == "#", source[place + 1] == "}" {
                var end = place + 2
                let sign = place > position ? source[place - 1] : nil
                if sign == "-" {
                    end = afterSpaces(end)
                } else if sign != "+", has("\n", at: end) {
                    end += 1
                }
                move(to: end)
                return
            }
            place += 1
        }
        guard position == source.count else { throw .malformed("Missing end of comment tag") }
    }

    // MARK: - Inside a tag

    private mutating func readTag(closing: Unicode.Scalar) throws(JinjaFault) {
        var open: [Unicode.Scalar] = []
        while position < source.count {
            if open.isEmpty, let end = tagEnd(closing) {
                add(closing == "%" ? .blockEnd : .variableEnd)
                move(to: end)
                return
            }
            let scalar = source[position]
            if scalar.isPythonSpace {
                move(to: afterSpaces(position))
            } else if scalar.isDigit {
                try readNumber()
            } else if scalar.isWord {
                let end = source[position...].firstIndex { !$0.isWord } ?? source.count
                add(.name(Scalars(source[position..<end]).text))
                move(to: end)
            } else if scalar == "'" || scalar == "\"" {
                try readString(scalar)
            } else {
                try readSymbol(&open)
            }
        }
    }

    private func tagEnd(_ closing: Unicode.Scalar) -> Int? {
        let end = closing == "%" ? "%}" : "}}"
        if has("-" + end, at: position) { return afterSpaces(position + 3) }
        if closing == "%", has("+%}", at: position) { return position + 3 }
        guard has(end, at: position) else { return nil }
        let after = position + 2
        return closing == "%" && has("\n", at: after) ? after + 1 : after
    }

    private mutating func readNumber() throws(JinjaFault) {
        func digits(_ start: Int) -> Int {
            source[start...].firstIndex { !$0.isDigit } ?? source.count
        }
        let isAfterDot = position > 0 && source[position - 1] == "."
        var end = digits(position)
        guard end == source.count || source[end] != "_" else {
            throw .unsupported("a number with '_'")
        }
        if source[position] == "0", end == position + 1, end < source.count,
            ["x", "o", "b", "X", "O", "B"].contains(source[end])
        {
            throw .unsupported("a number that is not decimal")
        }
        var isFloat = false
        if !isAfterDot {
            if has(".", at: end), end + 1 < source.count, source[end + 1].isDigit {
                end = digits(end + 1)
                isFloat = true
            }
            if end < source.count, source[end] == "e" || source[end] == "E" {
                let exponent = end + (sign(at: end + 1) == nil ? 1 : 2)
                if exponent < source.count, source[exponent].isDigit {
                    end = digits(exponent)
                    isFloat = true
                }
            }
        }
        let text = Scalars(source[position..<end]).text
        if isFloat {
            guard let number = Double(text) else { throw .malformed("number '\(text)'") }
            add(.float(number))
        } else {
            guard source[position] != "0" || text.allSatisfy({ $0 == "0" }) else {
                throw .malformed("number '\(text)' begins with 0")
            }
            guard let number = Int(text) else {
                throw .unsupported("an integer of more than 64 bits")
            }
            add(.integer(number))
        }
        move(to: end)
    }

    private mutating func readSymbol(_ open: inout [Unicode.Scalar]) throws(JinjaFault) {
        for symbol in ["//", "**", "==", "!=", ">=", "<="] where has(symbol, at: position) {
            add(.symbol(symbol))
            move(to: position + 2)
            return
        }
        let scalar = source[position]
        switch scalar {
        case "(": open.append(")")
        case "[": open.append("]")
        case "{": open.append("}")
        case ")", "]", "}":
            guard let expected = open.popLast() else { throw .malformed("unexpected '\(scalar)'") }
            guard expected == scalar else {
                throw .malformed("unexpected '\(scalar)', expected '\(expected)'")
            }
        case "+", "-", "/", "*", "%", "~", ">", "<", "=", ".", ":", "|", ",", ";": break
        default: throw .malformed("unexpected character U+\(String(scalar.value, radix: 16))")
        }
        add(.symbol(String(scalar)))
        move(to: position + 1)
    }

    private mutating func readString(_ quote: Unicode.Scalar) throws(JinjaFault) {
        var place = position + 1
        while place < source.count, source[place] != quote {
            place += source[place] == "\\" ? 2 : 1
        }
        guard place < source.count else { throw .malformed("a string without its end") }
        add(.string(try JinjaEscapes.unescaped(source[(position + 1)..<place])))
        move(to: place + 1)
    }

    // MARK: - Tokens

    private mutating func add(_ text: ArraySlice<Unicode.Scalar>) {
        if !text.isEmpty { add(.data(Array(text))) }
    }

    private mutating func add(_ kind: JinjaToken.Kind) {
        tokens.append(JinjaToken(kind: kind, line: line))
    }

    private mutating func move(to place: Int) {
        line += source[lineStart..<place].count { $0 == "\n" }
        lineStart = place
        startsLine = place > 0 && source[place - 1] == "\n"
        position = place
    }
}

extension ArraySlice where Element == Unicode.Scalar {
    func droppingLastSpaces() -> ArraySlice {
        guard let last = lastIndex(where: { !$0.isPythonSpace }) else { return prefix(0) }
        return self[...last]
    }
}
