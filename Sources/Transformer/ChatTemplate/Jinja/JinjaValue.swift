/// A value of a template, with the semantics that Python gives it.
enum JinjaValue {
    /// Something that is not there; where it may not be used, the text says what.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(Scalars)
    /// A text that the template marked with `safe` or `escape`.
    case markup(Scalars)
    case list(JinjaList)
    case tuple(JinjaList)
    case dictionary(JinjaDictionary)
    /// What `items()`, `keys()` and `values()` give.
    case view(String, JinjaList)
    case range(JinjaRange)
    /// What filters such as `map` give: values that can be gone through once.
    case iterator(JinjaIterator)
    case namespace(JinjaNamespace)
    case macro(JinjaMacro)
    case function(String)
    indirect case method(JinjaValue, String)
    case loop(JinjaLoopState)

    static func text(_ text: String) -> JinjaValue { .string(Scalars(text)) }

    /// The type as Python names it.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float"
        case .string: "str"
        case .markup: "Markup"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .view(let name, _): name
        case .range: "range"
        case .iterator: "generator"
        case .namespace: "Namespace"
        case .macro: "Macro"
        case .function: "function"
        case .method: "builtin_function_or_method"
        case .loop: "LoopContext"
        }
    }

    /// As jinja2 names it where something is not there.
    var objectName: String {
        if case .none = self { return "None" }
        return "\(typeName) object"
    }

    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let text), .markup(let text): !text.isEmpty
        case .list(let list), .tuple(let list), .view(_, let list): !list.items.isEmpty
        case .dictionary(let dictionary): !dictionary.keys.isEmpty
        case .range(let range): range.count > 0
        case .iterator, .namespace, .macro, .function, .method, .loop: true
        }
    }

    var isUndefined: Bool { if case .undefined = self { true } else { false } }

    /// Its text where it is one.
    var scalars: Scalars? {
        switch self {
        case .string(let text), .markup(let text): text
        default: nil
        }
    }

    /// An integer, or a truth value as Python counts with it.
    var integer: Int? {
        switch self {
        case .integer(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    var number: Double? {
        if case .float(let value) = self { return value }
        return integer.map(Double.init)
    }

    /// How deep lists and dictionaries nest in it.
    var depth: Int {
        switch self {
        case .list(let list), .tuple(let list), .view(_, let list): list.depth
        case .dictionary(let dictionary): dictionary.depth
        default: 0
        }
    }

    /// Values that hold others by reference may not be put into others, so that nothing becomes a cycle.
    func checkStorable() throws(JinjaFault) {
        switch self {
        case .iterator, .namespace, .macro, .function, .method, .loop:
            throw .unsupported("a \(typeName) as part of another value")
        default: break
        }
    }
}

/// The items of a list or tuple.
struct JinjaList {
    let items: [JinjaValue]
    let depth: Int

    init(_ items: [JinjaValue]) throws(JinjaFault) {
        var depth = 0
        for item in items {
            try item.checkStorable()
            depth = max(depth, item.depth)
        }
        guard depth < JinjaBudget.valueDepthLimit else {
            throw .tooLarge("nests values more than \(JinjaBudget.valueDepthLimit) deep")
        }
        self.items = items
        self.depth = depth + 1
    }

    /// A list of texts.
    init(text: [Scalars]) {
        items = text.map { .string($0) }
        depth = 1
    }
}

/// A dictionary in the order of its keys.
struct JinjaDictionary {
    /// A key as Python compares it: 1, 1.0 and True are one.
    enum Key: Hashable {
        case none
        case undefined
        case number(Double)
        case integer(Int)
        case string(Scalars)
        case tuple([Key])
    }

    private(set) var keys: [JinjaValue] = []
    private(set) var values: [JinjaValue] = []
    private var places: [Key: Int] = [:]
    private(set) var depth = 1

    init() {}

    /// The conversation's own.
    init(texts: [(String, Scalars)]) {
        for (key, text) in texts {
            places[.string(Scalars(key))] = keys.count
            keys.append(.text(key))
            values.append(.string(text))
        }
    }

    mutating func set(_ key: JinjaValue, _ value: JinjaValue) throws(JinjaFault) {
        try value.checkStorable()
        depth = max(depth, value.depth + 1, key.depth + 1)
        guard depth <= JinjaBudget.valueDepthLimit else {
            throw .tooLarge("nests values more than \(JinjaBudget.valueDepthLimit) deep")
        }
        let place = try Self.key(key)
        if let old = places[place] {
            values[old] = value
        } else {
            places[place] = keys.count
            keys.append(key)
            values.append(value)
        }
    }

    func value(_ key: JinjaValue) throws(JinjaFault) -> JinjaValue? {
        places[try Self.key(key)].map { values[$0] }
    }

    static func key(_ value: JinjaValue) throws(JinjaFault) -> Key {
        switch value {
        case .none: return .none
        case .undefined: return .undefined
        case .bool(let value): return .integer(value ? 1 : 0)
        case .integer(let value): return .integer(value)
        case .float(let value): return Int(exactly: value).map { .integer($0) } ?? .number(value)
        case .string(let text), .markup(let text): return .string(text)
        case .tuple(let list):
            var keys: [Key] = []
            for item in list.items { keys.append(try key(item)) }
            return .tuple(keys)
        case .list, .dictionary: throw .failed("unhashable type: '\(value.typeName)'")
        default: throw .unsupported("a \(value.typeName) as a key")
        }
    }
}

/// Evenly spaced integers.
struct JinjaRange: Equatable {
    let start: Int
    let stop: Int
    let step: Int
    let count: Int

    static let countLimit = 100_000

    init(_ start: Int, _ stop: Int, _ step: Int) throws(JinjaFault) {
        guard step != 0 else { throw .failed("range() arg 3 must not be zero") }
        self.start = start
        self.stop = stop
        self.step = step
        let (difference, overflow) =
            step > 0
            ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        count =
            difference <= 0 && !overflow
            ? 0 : overflow ? Int.max : (difference - 1) / Int(clamping: step.magnitude) + 1
        guard count <= Self.countLimit else {
            throw .failed(
                "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(Self.countLimit))."
            )
        }
    }

    func value(_ place: Int) -> JinjaValue { .integer(start + place * step) }
}

final class JinjaIterator {
    private var items: [JinjaValue]

    init(_ items: [JinjaValue]) { self.items = items }

    /// What is left; nothing is left after it.
    func take() -> [JinjaValue] {
        defer { items = [] }
        return items
    }

    /// The next, or nil at the end.
    func next() -> JinjaValue? { items.isEmpty ? nil : items.removeFirst() }
}

final class JinjaNamespace {
    var values: [String: JinjaValue] = [:]

    func set(_ name: String, _ value: JinjaValue) throws(JinjaFault) {
        guard !name.hasPrefix("_") else {
            throw .failed("a namespace attribute '\(name)' begins with an underscore")
        }
        try value.checkStorable()
        values[name] = value
    }
}

/// A macro with the variables around its definition.
final class JinjaMacro {
    let definition: JinjaMacroDefinition
    let scope: JinjaScope

    init(_ definition: JinjaMacroDefinition, _ scope: JinjaScope) {
        self.definition = definition
        self.scope = scope
    }
}

/// What `loop` stands for in one turn of a loop.
final class JinjaLoopState {
    let items: [JinjaValue]
    let index: Int

    init(_ items: [JinjaValue], index: Int) {
        self.items = items
        self.index = index
    }

    /// An attribute, or nil where jinja2 has none of the name.
    func attribute(_ name: String) -> JinjaValue? {
        switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(items.count - index)
        case "revindex0": .integer(items.count - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(index == items.count - 1)
        case "length": .integer(items.count)
        case "depth": .integer(1)
        case "depth0": .integer(0)
        case "previtem": index == 0 ? .undefined("there is no previous item") : items[index - 1]
        case "nextitem":
            index + 1 == items.count ? .undefined("there is no next item") : items[index + 1]
        default: nil
        }
    }
}

/// Variables of one block and where it stands.
final class JinjaScope {
    var variables: [String: JinjaValue] = [:]
    let parent: JinjaScope?

    init(_ parent: JinjaScope?) { self.parent = parent }

    func value(_ name: String) -> JinjaValue? {
        var scope: JinjaScope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}
