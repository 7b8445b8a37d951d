/// The methods of Python's types.
enum JinjaMethods {
    private static let ofStrings: Set<String> = [
        "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find",
        "format", "format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit",
        "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper",
        "join", "ljust", "lower", "lstrip", "maketrans", "partition", "removeprefix",
        "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip",
        "split", "splitlines", "startswith", "strip", "swapcase", "title", "translate", "upper",
        "zfill",
    ]
    private static let ofMarkup = ofStrings.union(["unescape", "striptags", "escape"])
    private static let ofLists: Set<String> = ["copy", "count", "index"]
    private static let ofTuples: Set<String> = ["count", "index"]
    private static let ofRanges: Set<String> = ["count", "index", "start", "stop", "step"]
    private static let ofDictionaries: Set<String> = [
        "copy", "fromkeys", "get", "items", "keys", "values",
    ]
    private static let ofViews: Set<String> = ["isdisjoint", "mapping"]
    private static let ofIterators: Set<String> = [
        "close", "send", "throw", "gi_code", "gi_frame", "gi_running", "gi_yieldfrom",
    ]
    private static let ofIntegers: Set<String> = [
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes",
        "imag", "is_integer", "numerator", "real", "to_bytes",
    ]
    private static let ofFloats: Set<String> = [
        "as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real",
    ]

    static func names(of value: JinjaValue) -> Set<String> {
        switch value {
        case .string: ofStrings
        case .markup: ofMarkup
        case .list: ofLists
        case .tuple: ofTuples
        case .dictionary: ofDictionaries
        case .view: ofViews
        case .range: ofRanges
        case .iterator: ofIterators
        case .integer, .bool: ofIntegers
        case .float: ofFloats
        case .function("dict"): ["fromkeys"]
        default: []
        }
    }

    /// Methods that change their object: templates may not call them.
    static func changing(_ value: JinjaValue) -> Set<String> {
        switch value {
        case .list:
            ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
        case .dictionary: ["clear", "pop", "popitem", "setdefault", "update"]
        default: []
        }
    }
}

extension JinjaEvaluator {
    func call(_ method: String, of value: JinjaValue, _ arguments: JinjaArguments)
        throws(JinjaFault) -> JinjaValue
    {
        switch value {
        case .string(let text): return try callText(method, of: text, arguments)
        case .dictionary(let dictionary):
            switch method {
            case "get":
                let bound = try arguments.bound(["key", "default"], required: 1, of: method)
                return try look(up: bound[0] ?? .none, in: dictionary) ?? bound[1] ?? .none
            case "items":
                _ = try arguments.bound([], of: method)
                return .view("dict_items", try JinjaList(try pairs(dictionary)))
            case "keys":
                _ = try arguments.bound([], of: method)
                return .view("dict_keys", try JinjaList(dictionary.keys))
            case "values":
                _ = try arguments.bound([], of: method)
                return .view("dict_values", try JinjaList(dictionary.values))
            case "copy":
                _ = try arguments.bound([], of: method)
                return value
            default: break
            }
        case .list(let list), .tuple(let list):
            switch method {
            case "copy":
                _ = try arguments.bound([], of: method)
                return value
            case "count":
                let wanted = try arguments.bound(["value"], required: 1, of: method)[0] ?? .none
                var count = 0
                for item in list.items where try equal(item, wanted) { count += 1 }
                return .integer(count)
            case "index":
                let wanted = try arguments.bound(["value"], required: 1, of: method)[0] ?? .none
                for (place, item) in list.items.enumerated() where try equal(item, wanted) {
                    return .integer(place)
                }
                throw .failed("the value of index() is not in the list")
            default: break
            }
        default: break
        }
        throw .unsupported("'\(method)' of a \(value.typeName)")
    }
}
