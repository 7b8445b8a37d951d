/// Values as texts: Python's `str` and `repr`, and `json.dumps`.
struct JinjaText {
    let budget: JinjaBudget

    /// `str(value)`.
    func string(_ value: JinjaValue) throws(JinjaFault) -> Scalars {
        switch value {
        case .undefined: return []
        case .string(let text), .markup(let text): return text
        default: return try represented(value)
        }
    }

    /// `repr(value)`.
    func represented(_ value: JinjaValue) throws(JinjaFault) -> Scalars {
        var text: Scalars = []
        try represent(value, into: &text)
        return text
    }

    private func represent(_ value: JinjaValue, into text: inout Scalars) throws(JinjaFault) {
        try budget.spend()
        switch value {
        case .undefined: text += Scalars("Undefined")
        case .none: text += Scalars("None")
        case .bool(let value): text += Scalars(value ? "True" : "False")
        case .integer(let number): text += Scalars(String(number))
        case .float(let number): text += Scalars(Self.number(number))
        case .string(let string):
            try budget.hold(string.count)
            text += JinjaEscapes.represented(string)
        case .markup: throw .unsupported("a text marked as safe in a list")
        case .list(let list): try represent(list, "[", "]", into: &text)
        case .tuple(let list):
            try represent(list, "(", list.items.count == 1 ? ",)" : ")", into: &text)
        case .view(let name, let list): try represent(list, "\(name)([", "])", into: &text)
        case .dictionary(let dictionary):
            text.append("{")
            for (place, key) in dictionary.keys.enumerated() {
                if place > 0 { text += [",", " "] }
                try represent(key, into: &text)
                text += [":", " "]
                try represent(dictionary.values[place], into: &text)
            }
            text.append("}")
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            text += Scalars("range(\(range.start), \(range.stop)\(step))")
        case .iterator, .namespace, .macro, .function, .method, .loop:
            throw .unsupported("the text of a \(value.typeName)")
        }
    }

    private func represent(
        _ list: JinjaList, _ opening: String, _ closing: String, into text: inout Scalars
    ) throws(JinjaFault) {
        text += Scalars(opening)
        for (place, item) in list.items.enumerated() {
            if place > 0 { text += [",", " "] }
            try represent(item, into: &text)
        }
        text += Scalars(closing)
    }

    /// A number as Python writes it.
    static func number(_ number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        if number == 0 { return number.sign == .minus ? "-0.0" : "0.0" }
        // Swift gives the shortest digits too, but goes over to exponents elsewhere.
        let text = "\(number.magnitude)".lowercased()
        let parts = text.split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let shift = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
        let all = String(mantissa[0]) + fraction
        let leading = all.prefix { $0 == "0" }.count
        let digits = String(all.dropFirst(leading).reversed().drop { $0 == "0" }.reversed())
        // The number is 0.digits × 10^point.
        let point = mantissa[0].count - leading + shift
        let sign = number < 0 ? "-" : ""
        if point > 16 || point < -3 {
            let rest = digits.dropFirst()
            let exponent = point - 1
            let width = exponent.magnitude < 10 ? "0" : ""
            return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest)
                + "e\(exponent < 0 ? "-" : "+")\(width)\(exponent.magnitude)"
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point {
            return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
        }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}

/// `json.dumps` as transformers' `tojson` calls it.
struct JinjaJSON {
    let budget: JinjaBudget
    var isASCII = false
    var indentation: Scalars?
    var sortsKeys = false
    var itemSeparator = Scalars(", ")
    var keySeparator = Scalars(": ")

    func text(_ value: JinjaValue) throws(JinjaFault) -> Scalars {
        var text: Scalars = []
        try write(value, level: 0, into: &text)
        return text
    }

    private func write(_ value: JinjaValue, level: Int, into text: inout Scalars)
        throws(JinjaFault)
    {
        try budget.spend()
        switch value {
        case .none: text += Scalars("null")
        case .bool(let value): text += Scalars(value ? "true" : "false")
        case .integer(let number): text += Scalars(String(number))
        case .float(let number):
            text += Scalars(
                number.isNaN
                    ? "NaN"
                    : number.isInfinite
                        ? number < 0 ? "-Infinity" : "Infinity" : JinjaText.number(number))
        case .string(let string), .markup(let string):
            try budget.hold(string.count)
            quote(string, into: &text)
        case .list(let list), .tuple(let list):
            try write(
                count: list.items.count, "[", "]", level: level, into: &text
            ) { (place, text) throws(JinjaFault) in
                try write(list.items[place], level: level + 1, into: &text)
            }
        case .dictionary(let dictionary): try write(dictionary, level: level, into: &text)
        default:
            throw .failed("Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private func write(_ dictionary: JinjaDictionary, level: Int, into text: inout Scalars)
        throws(JinjaFault)
    {
        var members: [(key: Scalars, value: JinjaValue)] = []
        for (place, key) in dictionary.keys.enumerated() {
            members.append((try name(key), dictionary.values[place]))
        }
        if sortsKeys {
            guard dictionary.keys.allSatisfy({ $0.scalars != nil }) else {
                throw .unsupported("sorted keys that are no strings")
            }
            members.sort { $0.key.lexicographicallyPrecedes($1.key) }
        }
        try write(count: members.count, "{", "}", level: level, into: &text) {
            (place, text) throws(JinjaFault) in
            quote(members[place].key, into: &text)
            text += keySeparator
            try write(members[place].value, level: level + 1, into: &text)
        }
    }

    private func write(
        count: Int, _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, level: Int,
        into text: inout Scalars, item: (Int, inout Scalars) throws(JinjaFault) -> Void
    ) throws(JinjaFault) {
        text.append(opening)
        for place in 0..<count {
            if place > 0 { text += itemSeparator }
            breakLine(level + 1, into: &text)
            try item(place, &text)
        }
        if count > 0 { breakLine(level, into: &text) }
        text.append(closing)
    }

    private func breakLine(_ level: Int, into text: inout Scalars) {
        guard let indentation else { return }
        text.append("\n")
        for _ in 0..<level { text += indentation }
    }

    private func name(_ key: JinjaValue) throws(JinjaFault) -> Scalars {
        switch key {
        case .string(let text), .markup(let text): return text
        case .none, .bool, .integer, .float:
            var name: Scalars = []
            try write(key, level: 0, into: &name)
            return name
        default:
            throw .failed(
                "keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }

    private func quote(_ string: Scalars, into text: inout Scalars) {
        text.append("\"")
        for scalar in string {
            switch scalar {
            case "\"", "\\": text += ["\\", scalar]
            case "\n": text += ["\\", "n"]
            case "\r": text += ["\\", "r"]
            case "\t": text += ["\\", "t"]
            case "\u{08}": text += ["\\", "b"]
            case "\u{0c}": text += ["\\", "f"]
            default:
                if scalar.value < 0x20 || (isASCII && scalar.value > 0x7e) {
                    for unit in String(scalar).utf16 {
                        text += Scalars("\\u" + JinjaEscapes.hexadecimal(UInt32(unit), 4))
                    }
                } else {
                    text.append(scalar)
                }
            }
        }
        text.append("\"")
    }
}
