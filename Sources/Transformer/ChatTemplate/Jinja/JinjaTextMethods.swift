/// The methods of strings.
extension JinjaEvaluator {
    func callText(_ method: String, of text: Scalars, _ arguments: JinjaArguments)
        throws(JinjaFault) -> JinjaValue
    {
        try budget.hold(text.count)
        switch method {
        case "strip", "lstrip", "rstrip":
            let characters = try arguments.bound(["chars"], of: method)[0]
            let side: PythonText.Side =
                method == "strip" ? .both : method == "lstrip" ? .left : .right
            return .string(PythonText.stripped(text, try stripping(characters), side))
        case "split", "rsplit": return .list(try split(text, method, arguments))
        case "splitlines":
            guard arguments.values.isEmpty, arguments.named.isEmpty else {
                throw .unsupported("'splitlines' with arguments")
            }
            return .list(JinjaList(text: PythonText.lines(text)))
        case "startswith", "endswith": return .bool(try hasEnd(text, method, arguments))
        case "removeprefix", "removesuffix":
            let part = try string(try arguments.bound(["part"], required: 1, of: method)[0], method)
            if method == "removeprefix", text.starts(with: part) {
                return .string(Array(text.dropFirst(part.count)))
            }
            if method == "removesuffix", text.reversed().starts(with: part.reversed()) {
                return .string(Array(text.dropLast(part.count)))
            }
            return .string(text)
        case "replace":
            let bound = try arguments.bound(["old", "new", "count"], required: 2, of: method)
            guard let count = (bound[2] ?? .integer(-1)).integer else {
                throw .failed("replace() takes an integer count")
            }
            return .string(
                try replaced(
                    text, try string(bound[0], method), try string(bound[1], method),
                    count: max(-1, count)))
        case "find", "rfind", "index", "rindex", "count", "partition", "rpartition":
            return try found(method, in: text, arguments)
        case "join":
            let bound = try arguments.bound(["items"], required: 1, of: method)
            var result: Scalars = []
            for (place, item) in try items(of: bound[0] ?? .none).enumerated() {
                if place > 0 { result += text }
                let part = try string(item, method)
                try budget.hold(part.count + text.count)
                result += part
            }
            return .string(result)
        case "format": return .string(try formatted(text, arguments))
        default:
            guard arguments.values.isEmpty, arguments.named.isEmpty else {
                throw .unsupported("the string method '\(method)' with arguments")
            }
            return try plain(method, of: text)
        }
    }

    private func plain(_ method: String, of text: Scalars) throws(JinjaFault) -> JinjaValue {
        try budget.hold(3 * text.count)
        switch method {
        case "upper": return .string(PythonCase.upper(text))
        case "lower": return .string(PythonCase.lower(text))
        case "capitalize": return .string(PythonCase.capitalized(text))
        case "title": return .string(PythonCase.titled(text))
        case "isupper": return .bool(PythonCase.isUpper(text))
        case "islower": return .bool(PythonCase.isLower(text))
        case "isspace": return .bool(!text.isEmpty && text.allSatisfy(\.isPythonSpace))
        case "isascii": return .bool(text.allSatisfy(\.isASCII))
        case "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum":
            guard text.allSatisfy(\.isASCII) else {
                throw .unsupported("'\(method)' of a text beyond ASCII")
            }
            let takesDigits = method != "isalpha"
            let takesLetters = method == "isalpha" || method == "isalnum"
            return .bool(
                !text.isEmpty
                    && text.allSatisfy {
                        $0.isDigit ? takesDigits : takesLetters && $0.properties.isAlphabetic
                    })
        default: throw .unsupported("the string method '\(method)'")
        }
    }

    /// An argument that must be a string.
    private func string(_ value: JinjaValue?, _ method: String) throws(JinjaFault) -> Scalars {
        switch value {
        case .string(let text): return text
        case .markup: throw .unsupported("a text marked as safe in '\(method)'")
        default:
            throw .failed("\(method)() takes a string, not '\(value?.typeName ?? "nothing")'")
        }
    }

    private func split(_ text: Scalars, _ method: String, _ arguments: JinjaArguments)
        throws(JinjaFault) -> JinjaList
    {
        let bound = try arguments.bound(["sep", "maxsplit"], of: method)
        guard let limit = (bound[1] ?? .integer(-1)).integer else {
            throw .failed("\(method)() takes an integer maxsplit")
        }
        let separator: Scalars?
        switch bound[0] {
        case nil, .some(.none): separator = nil
        case let value?: separator = try string(value, method)
        }
        if separator?.isEmpty ?? false { throw .failed("empty separator") }
        // From the right: the same on reversed texts.
        let isReversed = method == "rsplit"
        let parts = try split(
            isReversed ? text.reversed() : text, isReversed ? separator?.reversed() : separator,
            limit < 0 ? Int.max : limit)
        return JinjaList(text: isReversed ? parts.reversed().map { $0.reversed() } : parts)
    }

    private func split(_ text: Scalars, _ separator: Scalars?, _ limit: Int) throws(JinjaFault)
        -> [Scalars]
    {
        var parts: [Scalars] = []
        var rest = text[...]
        guard let separator else {
            rest = rest.drop(while: \.isPythonSpace)
            while !rest.isEmpty {
                guard parts.count < limit else {
                    parts.append(Scalars(rest))
                    break
                }
                let end = rest.firstIndex(where: \.isPythonSpace) ?? rest.endIndex
                parts.append(Scalars(rest[..<end]))
                rest = rest[end...].drop(while: \.isPythonSpace)
                try budget.spend()
            }
            return parts
        }
        while parts.count < limit, let place = try find(separator, in: rest) {
            parts.append(Scalars(rest[..<place]))
            rest = rest[(place + separator.count)...]
            try budget.spend()
        }
        return parts + [Scalars(rest)]
    }

    private func hasEnd(_ text: Scalars, _ method: String, _ arguments: JinjaArguments)
        throws(JinjaFault) -> Bool
    {
        guard arguments.values.count == 1, arguments.named.isEmpty else {
            throw .unsupported("'\(method)' with other than one argument")
        }
        let ends: [JinjaValue]
        if case .tuple(let list) = arguments.values[0] {
            ends = list.items
        } else {
            ends = [arguments.values[0]]
        }
        for end in ends {
            let part = try string(end, method)
            if method == "startswith"
                ? text.starts(with: part) : text.suffix(part.count) == part[...]
            {
                return true
            }
        }
        return false
    }

    private func found(_ method: String, in text: Scalars, _ arguments: JinjaArguments)
        throws(JinjaFault) -> JinjaValue
    {
        guard arguments.values.count == 1, arguments.named.isEmpty else {
            throw .unsupported("'\(method)' with other than one argument")
        }
        let part = try string(arguments.values[0], method)
        if method == "count" {
            guard !part.isEmpty else { return .integer(text.count + 1) }
            return .integer(try split(text, part, Int.max).count - 1)
        }
        let isLast = method.hasPrefix("r")
        let place =
            isLast
            ? try find(part.reversed(), in: text.reversed()[...]).map {
                text.count - $0 - part.count
            } : try find(part, in: text[...])
        switch method {
        case "find", "rfind": return .integer(place ?? -1)
        case "index", "rindex":
            guard let place else { throw .failed("substring not found") }
            return .integer(place)
        default:
            guard !part.isEmpty else { throw .failed("empty separator") }
            guard let place else {
                return .tuple(JinjaList(text: isLast ? [[], [], text] : [text, [], []]))
            }
            return .tuple(
                JinjaList(
                    text: [
                        Scalars(text[..<place]), part, Scalars(text[(place + part.count)...]),
                    ]))
        }
    }

    /// `str.format` with fields that are only a number, a name or nothing.
    private func formatted(_ text: Scalars, _ arguments: JinjaArguments) throws(JinjaFault)
        -> Scalars
    {
        var result: Scalars = []
        var rest = text[...]
        var automatic = 0
        while let scalar = rest.popFirst() {
            guard scalar == "{" || scalar == "}" else {
                result.append(scalar)
                continue
            }
            if rest.first == scalar {
                rest.removeFirst()
                result.append(scalar)
                continue
            }
            guard scalar == "{", let end = rest.firstIndex(of: "}") else {
                throw .failed("single '\(scalar)' encountered in format string")
            }
            let field = Scalars(rest[..<end])
            rest = rest[(end + 1)...]
            guard field.allSatisfy(\.isWord) else {
                throw .unsupported("a format field '{\(field.text)}'")
            }
            let value: JinjaValue?
            if field.isEmpty || field.allSatisfy(\.isDigit) {
                let place = field.isEmpty ? automatic : Int(field.text) ?? Int.max
                automatic += 1
                value = arguments.values.indices.contains(place) ? arguments.values[place] : nil
            } else {
                let name = field.text
                value = arguments.named.first { $0.name == name }?.value
            }
            guard let value else { throw .failed("no value for format field '{\(field.text)}'") }
            let part = try self.text.string(value)
            try budget.hold(part.count)
            result += part
        }
        return result
    }
}
