/// A piece of a template.
struct JinjaToken {
    enum Kind: Equatable {
        /// Text between tags.
        case data(Scalars)
        case variableBegin
        case variableEnd
        case blockBegin
        case blockEnd
        case name(String)
        case string(Scalars)
        case integer(Int)
        case float(Double)
        case symbol(String)
        /// The end of the template.
        case end
    }

    let kind: Kind
    let line: Int

    /// As an error names it.
    var text: String {
        switch kind {
        case .data: "text"
        case .variableBegin: "'{{'"
        case .variableEnd: "'}}'"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .integer(let number): "'\(number)'"
        case .float(let number): "'\(number)'"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end of the template"
        }
    }
}

/// A text as jinja2 sees it: code points, compared one by one.
typealias Scalars = [Unicode.Scalar]

extension Array where Element == Unicode.Scalar {
    init(_ text: String) { self = Array(text.unicodeScalars) }

    var text: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: self)
        return String(view)
    }
}

extension Unicode.Scalar {
    /// What Python's `str.isspace` and the class `\s` of its expressions mean.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f,
            0x205f, 0x3000:
            true
        default: false
        }
    }

    /// A letter, a number or `_`.
    var isWord: Bool {
        if self == "_" || properties.isAlphabetic { return true }
        return switch properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    var isDigit: Bool { ("0"..."9").contains(self) }
}
