/// What stands after `|`.
enum JinjaFilters {
    /// The filters that jinja2 has.
    static let names: Set<String> = [
        "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e",
        "escape", "filesizeformat", "first", "float", "forceescape", "format", "groupby", "indent",
        "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "pprint",
        "random", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
        "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim",
        "truncate", "unique", "upper", "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr",
    ]

    /// Those that take a text marked as safe like any other.
    static let takingMarkup: Set<String> = [
        "count", "d", "default", "e", "escape", "length", "safe", "string", "tojson",
    ]
}

extension JinjaEvaluator {
    /// A value under a filter.
    func filtered(_ value: JinjaValue, _ filter: String, _ arguments: JinjaArguments)
        throws(JinjaFault) -> JinjaValue
    {
        try budget.spend()
        if case .markup = value, !JinjaFilters.takingMarkup.contains(filter) {
            throw .unsupported("the filter '\(filter)' of a text marked as safe")
        }
        switch filter {
        case "default", "d":
            let bound = try arguments.bound(["default_value", "boolean"], of: filter)
            let isMissing = value.isUndefined || (bound[1]?.isTrue ?? false) && !value.isTrue
            return isMissing ? bound[0] ?? .text("") : value
        case "length", "count": return .integer(try length(value))
        case "string":
            return value.scalars == nil ? .string(try text.string(value)) : value
        case "safe": return .markup(try text.string(value))
        case "escape", "e":
            if case .markup = value { return value }
            let text = escaped(.string(try text.string(value)))
            try budget.hold(text.count)
            return .markup(text)
        case "tojson": return .string(try json(value, arguments))
        case "int": return try integer(value, arguments)
        case "float": return try float(value, arguments)
        case "abs":
            if let number = value.integer, number != Int.min { return .integer(abs(number)) }
            guard case .float(let number) = value else {
                throw .failed("bad operand type for abs(): '\(value.typeName)'")
            }
            return .float(abs(number))
        case "upper", "lower", "title", "capitalize", "trim", "replace", "indent":
            return .string(try filteredText(value, filter, arguments))
        case let name where JinjaFilters.names.contains(name):
            return try filteredItems(value, filter, arguments)
        default: throw .failed("No filter named '\(filter)' found")
        }
    }

    func length(_ value: JinjaValue) throws(JinjaFault) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text), .markup(let text): return text.count
        case .list(let list), .tuple(let list), .view(_, let list): return list.items.count
        case .dictionary(let dictionary): return dictionary.keys.count
        case .range(let range): return range.count
        case .loop(let loop): return loop.items.count
        default: throw .failed("object of type '\(value.typeName)' has no len()")
        }
    }

    // MARK: - Texts

    private func filteredText(
        _ value: JinjaValue, _ filter: String, _ arguments: JinjaArguments
    ) throws(JinjaFault) -> Scalars {
        if filter == "indent" { return try indented(value, arguments) }
        let given = try text.string(value)
        try budget.hold(given.count)
        switch filter {
        case "upper", "lower", "capitalize", "title":
            // Case takes longer than copying.
            try budget.hold(3 * given.count)
            return Self.cased(given, filter)
        case "trim":
            let characters = try arguments.bound(["chars"], of: filter)[0]
            return PythonText.stripped(given, try stripping(characters), PythonText.Side.both)
        default:
            let bound = try arguments.bound(["old", "new", "count"], required: 2, of: filter)
            var count = -1
            if let limit = bound[2], case .none = limit {
            } else if let limit = bound[2] {
                guard let number = limit.integer else {
                    throw .failed("replace() takes an integer count")
                }
                count = number
            }
            return try replaced(
                given, try text.string(bound[0] ?? .none), try text.string(bound[1] ?? .none),
                count: count)
        }
    }

    private static func cased(_ text: Scalars, _ filter: String) -> Scalars {
        switch filter {
        case "upper": PythonCase.upper(text)
        case "lower": PythonCase.lower(text)
        case "capitalize": PythonCase.capitalized(text)
        default: titled(text)
        }
    }

    /// The filter's rule, which is another than `str.title`'s.
    private static func titled(_ text: Scalars) -> Scalars {
        var words: [Scalars] = []
        var isBetween = false
        for scalar in text {
            let separates = scalar.isPythonSpace || ["-", "(", "{", "[", "<"].contains(scalar)
            if separates != isBetween || words.isEmpty { words.append([]) }
            isBetween = separates
            words[words.count - 1].append(scalar)
        }
        return words.flatMap {
            PythonCase.upper(Array($0.prefix(1))) + PythonCase.lower(Array($0.dropFirst()))
        }
    }

    private func indented(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> Scalars
    {
        let bound = try arguments.bound(["width", "first", "blank"], of: "indent")
        let space: Scalars
        switch bound[0] {
        case .string(let text): space = text
        case nil: space = Array(repeating: " ", count: 4)
        case let width?:
            guard let count = width.integer else { throw .failed("indent() takes a width") }
            try budget.hold(count)
            space = Array(repeating: " ", count: max(0, count))
        }
        guard case .string(let given) = value else {
            if case .undefined(let reason) = value { throw .failed(reason) }
            throw .failed("the filter 'indent' takes a string, not '\(value.typeName)'")
        }
        let isBlank = bound[2]?.isTrue ?? false
        var result: Scalars = bound[1]?.isTrue ?? false ? space : []
        for (place, line) in PythonText.lines(given + ["\n"]).enumerated() {
            if place > 0 {
                result.append("\n")
                if isBlank || !line.isEmpty {
                    try budget.hold(space.count)
                    result += space
                }
            }
            result += line
        }
        try budget.hold(result.count)
        return result
    }

    /// The characters that a call strips: nil for white space.
    func stripping(_ value: JinjaValue?) throws(JinjaFault) -> Set<Unicode.Scalar>? {
        switch value {
        case nil, .some(.none): return nil
        case .string(let text), .markup(let text): return Set(text)
        case let other?: throw .failed("strip arg must be None or str, not \(other.typeName)")
        }
    }

    func replaced(_ text: Scalars, _ old: Scalars, _ new: Scalars, count: Int) throws(JinjaFault)
        -> Scalars
    {
        var result: Scalars = []
        var rest = text[...]
        var left = count
        if old.isEmpty {
            for scalar in text {
                if left != 0 {
                    result += new
                    left -= 1
                }
                result.append(scalar)
                try budget.hold(new.count + 1)
            }
            return left == 0 ? result : result + new
        }
        while left != 0, let place = try find(old, in: rest) {
            result += rest[..<place]
            result += new
            try budget.hold(place - rest.startIndex + new.count)
            rest = rest[(place + old.count)...]
            left -= 1
        }
        try budget.hold(rest.count)
        return result + rest
    }

    // MARK: - JSON and numbers

    private func json(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> Scalars
    {
        let bound = try arguments.bound(
            ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
        var json = JinjaJSON(budget: budget)
        json.isASCII = bound[0]?.isTrue ?? false
        json.sortsKeys = bound[3]?.isTrue ?? false
        switch bound[1] {
        case nil, .some(.none): break
        case .string(let text): json.indentation = text
        case let width?:
            guard let count = width.integer else { throw .failed("tojson() takes a width") }
            try budget.hold(count)
            json.indentation = Array(repeating: " ", count: max(0, count))
        }
        if json.indentation != nil { json.itemSeparator = [","] }
        if let separators = bound[2], case .none = separators {
        } else if let given = bound[2] {
            let items = try items(of: given)
            guard items.count == 2, let item = items[0].scalars, let key = items[1].scalars else {
                throw .failed("tojson() takes two separators")
            }
            json.itemSeparator = item
            json.keySeparator = key
        }
        return try json.text(value)
    }

    private func integer(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> JinjaValue
    {
        let bound = try arguments.bound(["default", "base"], of: "int")
        if let base = bound[1], base.integer != 10 { throw .unsupported("'int' with a base") }
        let standard = bound[0] ?? .integer(0)
        if let number = value.integer { return .integer(number) }
        switch value {
        case .undefined(let reason): throw .failed(reason)
        case .float(let number):
            if number.isNaN { return standard }
            guard let whole = Int(exactly: number.rounded(.towardZero)) else {
                throw .unsupported("an integer of more than 64 bits")
            }
            return .integer(whole)
        case .string(let text):
            let plain = PythonText.stripped(text, nil, .both)
            if plain.contains("_") || plain.contains(where: { !$0.isASCII }) {
                throw .unsupported("'int' of '\(plain.text)'")
            }
            let digits = plain.drop { $0 == "+" || $0 == "-" }
            if !digits.isEmpty, digits.allSatisfy(\.isDigit), plain.count - digits.count <= 1 {
                guard let number = Int(plain.text) else {
                    throw .unsupported("an integer of more than 64 bits")
                }
                return .integer(number)
            }
            guard let number = PythonText.number(plain), number.isFinite,
                let whole = Int(exactly: number.rounded(.towardZero))
            else { return standard }
            return .integer(whole)
        default: return standard
        }
    }

    private func float(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> JinjaValue
    {
        let standard = try arguments.bound(["default"], of: "float")[0] ?? .float(0)
        if case .undefined(let reason) = value { throw .failed(reason) }
        if let number = value.number { return .float(number) }
        guard case .string(let text) = value else { return standard }
        let plain = PythonText.stripped(text, nil, .both)
        if plain.contains("_") || plain.contains(where: { !$0.isASCII }) {
            throw .unsupported("'float' of '\(plain.text)'")
        }
        return PythonText.number(plain).map { .float($0) } ?? standard
    }
}
