/// A part of what a template writes for one message.
indirect enum TemplatePart: Equatable, Sendable {
    case literal(String)
    case role
    case content(trimmed: Bool)
    /// The system message, where a template keeps it in a variable.
    case system(trimmed: Bool)
    case beginningOfText
    case endOfText
    /// Several parts taken together, as where a template trims what it has joined.
    case joined([TemplatePart], trimmed: Bool)
    /// Something that is none of these, as the source writes it.
    case other(String)
}

/// An expression of a Jinja template that joins texts: `'<|user|>' + message['content'] + eos_token`.
struct TemplateExpression: Equatable, Sendable {
    /// The variable that a `set` statement gives the value to; nil where it is written out.
    let variable: String?
    let parts: [TemplatePart]

    /// The text, where the expression is one literal.
    var literal: String? {
        if parts.count == 1, case .literal(let text) = parts[0] { text } else { nil }
    }

    var literals: [String] {
        parts.compactMap { if case .literal(let text) = $0 { text } else { nil } }
    }

    var hasContent: Bool {
        parts.contains { if case .content = $0 { true } else { false } }
    }

    var hasSystem: Bool {
        parts.contains { if case .system = $0 { true } else { false } }
    }

    /// Whether every part was understood.
    var isUnderstood: Bool {
        !parts.contains { if case .other = $0 { true } else { false } }
    }

    func mentions(_ text: String) -> Bool { literals.contains { $0.contains(text) } }

    // MARK: - Reading

    /// The expressions of a template, in its order: what it writes out and what it gives to variables.
    ///
    /// Statements other than `set` and all conditions are passed over; comments too. A line break after a
    /// written-out expression belongs to it, as in Jinja.
    static func all(in source: String) -> [TemplateExpression] {
        let scalars = Array(source.unicodeScalars)
        var expressions: [TemplateExpression] = []
        var position = 0
        while position + 1 < scalars.count {
            guard scalars[position] == "{", let kind = TagKind(scalars[position + 1]) else {
                position += 1
                continue
            }
            let start = position + 2
            let end = tagEnd(scalars, from: start, kind: kind)
            var text = String(String.UnicodeScalarView(scalars[start..<end.inner]))
                .trimmingPrefix("-")
            if text.hasSuffix("-") { text = text.dropLast() }
            switch kind {
            case .output:
                var parts = parts(of: String(text))
                if scalars[end.inner - 1] != "-", keepsLineBreak(scalars, at: end.outer) {
                    parts = joined(parts + [.literal("\n")])
                }
                expressions.append(TemplateExpression(variable: nil, parts: parts))
            case .statement:
                if let assignment = assignment(in: String(text)) { expressions.append(assignment) }
            case .comment: break
            }
            position = end.outer
        }
        return expressions
    }

    private enum TagKind {
        case output, statement, comment

        init?(_ scalar: Unicode.Scalar) {
            switch scalar {
            case "{": self = .output
            case "%": self = .statement
            case "#": self = .comment
            default: return nil
            }
        }

        var closing: Unicode.Scalar {
            switch self {
            case .output: "}"
            case .statement: "%"
            case .comment: "#"
            }
        }
    }

    /// Where a tag's inside ends, and where the tag does; quoted texts may hold anything.
    private static func tagEnd(_ scalars: [Unicode.Scalar], from start: Int, kind: TagKind) -> (
        inner: Int, outer: Int
    ) {
        var quote: Unicode.Scalar?
        var position = start
        while position + 1 < scalars.count {
            let scalar = scalars[position]
            if let open = quote {
                if scalar == "\\" { position += 1 } else if scalar == open { quote = nil }
            } else if kind != .comment, scalar == "'" || scalar == "\"" {
                quote = scalar
            } else if scalar == kind.closing, scalars[position + 1] == "}" {
                return (position, position + 2)
            }
            position += 1
        }
        return (scalars.count, scalars.count)
    }

    /// Whether a line break stands here that Jinja writes out: not the file's last, nor one that the next tag strips.
    private static func keepsLineBreak(_ scalars: [Unicode.Scalar], at position: Int) -> Bool {
        guard position < scalars.count - 1, scalars[position] == "\n" else { return false }
        guard let next = scalars[position...].firstIndex(where: { !$0.isPythonSpace }),
            next + 2 < scalars.count
        else { return true }
        return
            !(scalars[next] == "{" && TagKind(scalars[next + 1]) != nil && scalars[next + 2] == "-")
    }

    private static func assignment(in statement: String) -> TemplateExpression? {
        let text = statement.trimmingSpaces
        guard text.hasPrefix("set "), let equals = text.firstIndex(of: "=") else { return nil }
        return TemplateExpression(
            variable: String(text[..<equals].dropFirst(4)).trimmingSpaces,
            parts: parts(of: String(text[text.index(after: equals)...])))
    }

    /// The operands of `+`, neighbouring literals joined.
    private static func parts(of expression: String) -> [TemplatePart] {
        var operands: [String] = []
        var current = String.UnicodeScalarView()
        var quote: Unicode.Scalar?
        var depth = 0
        var isEscaped = false
        for scalar in expression.unicodeScalars {
            if let open = quote {
                if isEscaped {
                    isEscaped = false
                } else if scalar == "\\" {
                    isEscaped = true
                } else if scalar == open {
                    quote = nil
                }
            } else if scalar == "'" || scalar == "\"" {
                quote = scalar
            } else if scalar == "(" || scalar == "[" {
                depth += 1
            } else if scalar == ")" || scalar == "]" {
                depth -= 1
            } else if scalar == "+", depth == 0 {
                operands.append(String(current))
                current = String.UnicodeScalarView()
                continue
            }
            current.append(scalar)
        }
        operands.append(String(current))
        return joined(operands.map { part(of: $0.trimmingSpaces) })
    }

    private static func part(of operand: String) -> TemplatePart {
        if let text = quoted(operand) { return .literal(text) }
        var name = operand.filter { $0 != " " }
        var isTrimmed = false
        for suffix in ["|trim", ".strip()"] where name.hasSuffix(suffix) {
            name = String(name.dropLast(suffix.count))
            isTrimmed = true
        }
        switch name.replacing("\"", with: "'") {
        case "message['role']", "message.role", "role": return .role
        case "message['content']", "message.content", "content", "messages[0]['content']",
            "messages[0].content":
            return .content(trimmed: isTrimmed)
        case "system_message": return .system(trimmed: isTrimmed)
        case "bos_token": return .beginningOfText
        case "eos_token": return .endOfText
        default: return .other(operand)
        }
    }

    /// The text of a quoted literal, its escapes resolved; nil where the operand is not one literal.
    private static func quoted(_ operand: String) -> String? {
        guard let quote = operand.unicodeScalars.first, quote == "'" || quote == "\"",
            operand.unicodeScalars.count >= 2
        else { return nil }
        var text = String.UnicodeScalarView()
        var isEscaped = false
        var isClosed = false
        for scalar in operand.unicodeScalars.dropFirst() {
            if isClosed { return nil }
            if isEscaped {
                switch scalar {
                case "n": text.append("\n")
                case "t": text.append("\t")
                case "r": text.append("\r")
                default: text.append(scalar)
                }
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == quote {
                isClosed = true
            } else {
                text.append(scalar)
            }
        }
        return isClosed ? String(text) : nil
    }

    private static func joined(_ parts: [TemplatePart]) -> [TemplatePart] {
        var joined: [TemplatePart] = []
        for part in parts {
            if case .literal(let text) = part, case .literal(let before)? = joined.last {
                joined[joined.count - 1] = .literal(before + text)
            } else {
                joined.append(part)
            }
        }
        return joined
    }
}

extension String {
    /// Without white space at both ends, as Python's `strip` and Jinja's `trim` take it.
    var trimmingSpaces: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.isPythonSpace }),
            let last = scalars.lastIndex(where: { !$0.isPythonSpace })
        else { return "" }
        return String(scalars[first...last])
    }
}

extension Unicode.Scalar {
    /// Python counts four control characters (U+001C to U+001F) as white space, Unicode does not.
    fileprivate var isPythonSpace: Bool {
        properties.isWhitespace || (0x1C...0x1F).contains(value)
    }
}
