/// What stands after `is`.
enum JinjaTests {
    /// The tests that jinja2 has.
    static let names: Set<String> = [
        "boolean", "callable", "defined", "divisibleby", "eq", "==", "equalto", "escaped", "even",
        "false", "filter", "float", "ge", ">=", "gt", ">", "greaterthan", "in", "integer",
        "iterable", "le", "<=", "lower", "lt", "<", "lessthan", "mapping", "ne", "!=", "none",
        "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper",
    ]
}

extension JinjaEvaluator {
    func passes(_ value: JinjaValue, _ test: String, _ arguments: [JinjaValue])
        throws(JinjaFault) -> Bool
    {
        guard JinjaTests.names.contains(test) else {
            throw .failed("No test named '\(test)' found")
        }
        if let comparison = Self.comparison(test) {
            try expect(arguments, 1, test)
            return try holds(comparison, value, arguments[0])
        }
        switch test {
        case "sameas":
            try expect(arguments, 1, test)
            return try same(value, arguments[0])
        case "divisibleby":
            try expect(arguments, 1, test)
            return try equal(try operate(.remainder, value, arguments[0]), .integer(0))
        default:
            try expect(arguments, 0, test)
            return try passes(value, test)
        }
    }

    private static func comparison(_ test: String) -> JinjaComparison? {
        switch test {
        case "eq", "==", "equalto": .equal
        case "ne", "!=": .unequal
        case "lt", "<", "lessthan": .less
        case "le", "<=": .lessOrEqual
        case "gt", ">", "greaterthan": .greater
        case "ge", ">=": .greaterOrEqual
        case "in": .isIn
        default: nil
        }
    }

    private func expect(_ arguments: [JinjaValue], _ count: Int, _ test: String)
        throws(JinjaFault)
    {
        guard arguments.count == count else {
            throw .failed("test '\(test)' takes \(count) argument(s), not \(arguments.count)")
        }
    }

    private func passes(_ value: JinjaValue, _ test: String) throws(JinjaFault) -> Bool {
        switch (test, value) {
        case ("defined", _): !value.isUndefined
        case ("undefined", _): value.isUndefined
        case ("none", .none), ("boolean", .bool), ("integer", .integer), ("float", .float): true
        case ("true", .bool(let value)): value
        case ("false", .bool(let value)): !value
        case ("number", _): value.number != nil
        case ("string", _): value.scalars != nil
        case ("mapping", .dictionary): true
        case ("escaped", .markup): true
        case ("iterable", _):
            switch value {
            case .none, .bool, .integer, .float, .namespace, .macro, .function, .method: false
            default: true
            }
        case ("sequence", _):
            switch value {
            case .undefined, .string, .markup, .list, .tuple, .dictionary, .range: true
            default: false
            }
        case ("callable", _):
            switch value {
            case .undefined, .macro, .function, .method: true
            case .loop: throw .unsupported("the test 'callable' of a loop")
            default: false
            }
        case ("even", _): try equal(try operate(.remainder, value, .integer(2)), .integer(0))
        case ("odd", _): try equal(try operate(.remainder, value, .integer(2)), .integer(1))
        case ("upper", _): PythonCase.isUpper(try text.string(value))
        case ("lower", _): PythonCase.isLower(try text.string(value))
        case ("filter", _): JinjaFilters.names.contains(try text.string(value).text)
        case ("test", _): JinjaTests.names.contains(try text.string(value).text)
        default: false
        }
    }

    /// Python's `is`, where it can be told.
    private func same(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaFault) -> Bool {
        switch (left, right) {
        case (.none, .none): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.none, _), (_, .none), (.bool, _), (_, .bool): return false
        case (.namespace(let a), .namespace(let b)): return a === b
        default: throw .unsupported("the test 'sameas' of two values of type \(left.typeName)")
        }
    }
}
