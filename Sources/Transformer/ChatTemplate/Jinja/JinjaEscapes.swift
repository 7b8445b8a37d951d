/// The escape sequences of Python's strings, both ways.
enum JinjaEscapes {
    /// What a literal between its quotes stands for, as Python's `unicode-escape` has it.
    static func unescaped(_ source: ArraySlice<Unicode.Scalar>) throws(JinjaFault) -> Scalars {
        var text: Scalars = []
        var rest = source
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            guard let escape = rest.popFirst() else { throw .malformed("\\ at end of string") }
            switch escape {
            case "\n": break
            case "\\", "'", "\"": text.append(escape)
            case "a": text.append("\u{07}")
            case "b": text.append("\u{08}")
            case "f": text.append("\u{0c}")
            case "n": text.append("\n")
            case "r": text.append("\r")
            case "t": text.append("\t")
            case "v": text.append("\u{0b}")
            case "0"..."7":
                let digits = [escape] + Scalars(rest.prefix(2).prefix { ("0"..."7").contains($0) })
                rest = rest.dropFirst(digits.count - 1)
                text.append(try value(digits, radix: 8))
            case "x": text.append(try hexadecimal(&rest, 2))
            case "u": text.append(try hexadecimal(&rest, 4))
            case "U": text.append(try hexadecimal(&rest, 8))
            case "N": throw .unsupported("a character by name (\\N)")
            default: text += ["\\", escape]
            }
        }
        return text
    }

    private static func hexadecimal(_ rest: inout ArraySlice<Unicode.Scalar>, _ count: Int)
        throws(JinjaFault) -> Unicode.Scalar
    {
        let digits = Scalars(rest.prefix(count))
        rest = rest.dropFirst(count)
        guard digits.count == count else { throw .malformed("a truncated \\ escape") }
        return try value(digits, radix: 16)
    }

    private static func value(_ digits: Scalars, radix: Int) throws(JinjaFault) -> Unicode.Scalar {
        guard digits.first != "+", digits.first != "-",
            let value = UInt32(digits.text, radix: radix)
        else { throw .malformed("a truncated \\ escape") }
        guard let scalar = Unicode.Scalar(value) else {
            throw .unsupported("a string with half of a surrogate pair")
        }
        return scalar
    }

    /// A string as Python's `repr` writes it.
    static func represented(_ text: Scalars) -> Scalars {
        let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
        var result: Scalars = [quote]
        for scalar in text {
            switch scalar {
            case quote, "\\": result += ["\\", scalar]
            case "\n": result += Scalars("\\n")
            case "\r": result += Scalars("\\r")
            case "\t": result += Scalars("\\t")
            default:
                if isPrintable(scalar) {
                    result.append(scalar)
                } else {
                    let value = scalar.value
                    let (letter, count) =
                        value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
                    result += Scalars("\\" + letter + hexadecimal(value, count))
                }
            }
        }
        return result + [quote]
    }

    static func hexadecimal(_ value: UInt32, _ count: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == " " { return true }
        return switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator, .spaceSeparator:
            false
        default: true
        }
    }
}
