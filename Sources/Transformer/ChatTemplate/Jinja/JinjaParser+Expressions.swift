extension JinjaParser {
    // MARK: - Operators, loosest first

    /// Expressions with commas between them are a tuple.
    mutating func tuple(
        withConditional: Bool = true, until end: String? = nil, isParenthesised: Bool = false
    ) throws(JinjaFault) -> JinjaExpression {
        let line = line
        var items: [JinjaExpression] = []
        var isTuple = false
        while true {
            if isTupleEnd(end) { break }
            items.append(withConditional ? try expression() : try nestedOr())
            guard skip(.symbol(",")) else { break }
            isTuple = true
        }
        if !isTuple, let first = items.first { return first }
        guard isTuple || isParenthesised else {
            throw .malformed("\(token.text) where an expression belongs")
        }
        return try node(.tuple(items), line: line, items)
    }

    private func isTupleEnd(_ end: String?) -> Bool {
        switch token.kind {
        case .variableEnd, .blockEnd, .symbol(")"): true
        case .name(let name): name == end
        default: false
        }
    }

    mutating func expression() throws(JinjaFault) -> JinjaExpression {
        try nested { (parser) throws(JinjaFault) in try parser.conditional() }
    }

    private mutating func nestedOr() throws(JinjaFault) -> JinjaExpression {
        try nested { (parser) throws(JinjaFault) in try parser.or() }
    }

    private mutating func conditional() throws(JinjaFault) -> JinjaExpression {
        let line = line
        let known = unknownCount
        var value = try or()
        while skip(.name("if")) {
            let test = try or()
            var otherwise: JinjaExpression?
            if skip(.name("else")) { otherwise = try expression() }
            value = try node(
                .conditional(value, test: test, otherwise: otherwise), line: line,
                [value, test] + (otherwise.map { [$0] } ?? []))
            forgetUnknown(since: known)
        }
        return value
    }

    private mutating func or() throws(JinjaFault) -> JinjaExpression {
        let line = line
        var left = try and()
        while skip(.name("or")) {
            let right = try and()
            left = try node(.or(left, right), line: line, [left, right])
        }
        return left
    }

    private mutating func and() throws(JinjaFault) -> JinjaExpression {
        let line = line
        var left = try not()
        while skip(.name("and")) {
            let right = try not()
            left = try node(.and(left, right), line: line, [left, right])
        }
        return left
    }

    private mutating func not() throws(JinjaFault) -> JinjaExpression {
        let line = line
        guard skip(.name("not")) else { return try comparison() }
        let value = try nested { (parser) throws(JinjaFault) in try parser.not() }
        return try node(.not(value), line: line, [value])
    }

    private mutating func comparison() throws(JinjaFault) -> JinjaExpression {
        let line = line
        let first = try sum()
        var others: [(JinjaComparison, JinjaExpression)] = []
        while let comparison = comparisonSign() {
            others.append((comparison, try sum()))
        }
        guard !others.isEmpty else { return first }
        return try node(.comparison(first, others), line: line, [first] + others.map(\.1))
    }

    private mutating func comparisonSign() -> JinjaComparison? {
        switch token.kind {
        case .symbol(let symbol):
            guard let comparison = JinjaComparison(rawValue: symbol) else { return nil }
            advance()
            return comparison
        case .name("in"):
            advance()
            return .isIn
        case .name("not") where nextToken.kind == .name("in"):
            advance()
            advance()
            return .isNotIn
        default: return nil
        }
    }

    private mutating func sum() throws(JinjaFault) -> JinjaExpression {
        let line = line
        var left = try concatenation()
        while let sign = operation([.add, .subtract]) {
            let right = try concatenation()
            left = try node(.operation(sign, left, right), line: line, [left, right])
        }
        return left
    }

    private mutating func concatenation() throws(JinjaFault) -> JinjaExpression {
        let line = line
        var parts = [try product()]
        while skip(.symbol("~")) { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try node(.concatenation(parts), line: line, parts)
    }

    private mutating func product() throws(JinjaFault) -> JinjaExpression {
        let line = line
        var left = try power()
        while let sign = operation([.multiply, .divide, .floorDivide, .remainder]) {
            let right = try power()
            left = try node(.operation(sign, left, right), line: line, [left, right])
        }
        return left
    }

    private mutating func power() throws(JinjaFault) -> JinjaExpression {
        let line = line
        var left = try unary()
        while let sign = operation([.power]) {
            let right = try unary()
            left = try node(.operation(sign, left, right), line: line, [left, right])
        }
        return left
    }

    private mutating func operation(_ wanted: [JinjaOperator]) -> JinjaOperator? {
        guard case .symbol(let symbol) = token.kind, let sign = JinjaOperator(rawValue: symbol),
            wanted.contains(sign)
        else { return nil }
        advance()
        return sign
    }

    private mutating func unary(withFilters: Bool = true) throws(JinjaFault) -> JinjaExpression {
        let line = line
        var value: JinjaExpression
        if isAt(.symbol("-")) || isAt(.symbol("+")) {
            let isNegative = isAt(.symbol("-"))
            advance()
            let inner = try nested { (parser) throws(JinjaFault) in
                try parser.unary(withFilters: false)
            }
            value = try node(.sign(inner, isNegative: isNegative), line: line, [inner])
        } else {
            value = try primary()
        }
        value = try postfixes(value)
        return withFilters ? try filtersAndTests(value) : value
    }

    // MARK: - Values

    private mutating func primary() throws(JinjaFault) -> JinjaExpression {
        let line = line
        let token = token
        switch token.kind {
        case .name(let text):
            _ = try name()
            switch text {
            case "true", "True": return try node(.constant(.bool(true)), line: line, [])
            case "false", "False": return try node(.constant(.bool(false)), line: line, [])
            case "none", "None": return try node(.constant(.none), line: line, [])
            default:
                speak(of: text)
                return try node(.name(text), line: line, [])
            }
        case .string(var text):
            advance()
            while case .string(let more) = self.token.kind {
                text += more
                advance()
            }
            return try node(.constant(.string(text)), line: line, [])
        case .integer(let number):
            advance()
            return try node(.constant(.integer(number)), line: line, [])
        case .float(let number):
            advance()
            return try node(.constant(.float(number)), line: line, [])
        case .symbol("("):
            advance()
            let value = try nested { (parser) throws(JinjaFault) in
                try parser.tuple(isParenthesised: true)
            }
            try expect(.symbol(")"))
            return value
        case .symbol("["): return try list()
        case .symbol("{"): return try dictionary()
        default: throw .malformed("unexpected \(token.text)")
        }
    }

    private mutating func list() throws(JinjaFault) -> JinjaExpression {
        let line = line
        try expect(.symbol("["))
        var items: [JinjaExpression] = []
        while !isAt(.symbol("]")) {
            if !items.isEmpty { try expect(.symbol(",")) }
            if isAt(.symbol("]")) { break }
            items.append(try expression())
        }
        try expect(.symbol("]"))
        return try node(.list(items), line: line, items)
    }

    private mutating func dictionary() throws(JinjaFault) -> JinjaExpression {
        let line = line
        try expect(.symbol("{"))
        var items: [(key: JinjaExpression, value: JinjaExpression)] = []
        while !isAt(.symbol("}")) {
            if !items.isEmpty { try expect(.symbol(",")) }
            if isAt(.symbol("}")) { break }
            let key = try expression()
            try expect(.symbol(":"))
            items.append((key, try expression()))
        }
        try expect(.symbol("}"))
        return try node(.dictionary(items), line: line, items.flatMap { [$0.key, $0.value] })
    }

    // MARK: - What follows a value

    private mutating func postfixes(_ start: JinjaExpression) throws(JinjaFault) -> JinjaExpression
    {
        var value = start
        while true {
            switch token.kind {
            case .symbol("."): value = try attribute(value)
            case .symbol("["): value = try subscripted(value)
            case .symbol("("): value = try called(value)
            default: return value
            }
        }
    }

    private mutating func called(_ value: JinjaExpression) throws(JinjaFault) -> JinjaExpression {
        let line = line
        let call = try arguments()
        return try node(.call(value, call), line: line, [value] + call.expressions)
    }

    private mutating func attribute(_ value: JinjaExpression) throws(JinjaFault) -> JinjaExpression
    {
        let line = line
        advance()
        if case .integer(let index) = token.kind {
            advance()
            let item = try node(.constant(.integer(index)), line: line, [])
            return try node(.item(value, item), line: line, [value, item])
        }
        return try node(.attribute(value, try name()), line: line, [value])
    }

    private mutating func subscripted(_ value: JinjaExpression) throws(JinjaFault)
        -> JinjaExpression
    {
        let line = line
        advance()
        var parts: [JinjaExpression?] = [nil]
        var colons = 0
        while !isAt(.symbol("]")) {
            if skip(.symbol(":")) {
                colons += 1
                guard colons <= 2 else { throw .malformed("unexpected ':'") }
                parts.append(nil)
            } else if isAt(.symbol(",")) {
                throw .unsupported("a subscript of several values")
            } else if parts[colons] == nil {
                parts[colons] = try expression()
            } else {
                throw .malformed("unexpected \(token.text)")
            }
        }
        advance()
        guard colons > 0 else {
            guard let item = parts[0] else { throw .malformed("an empty subscript") }
            return try node(.item(value, item), line: line, [value, item])
        }
        return try node(.slice(value, parts), line: line, [value] + parts.compactMap { $0 })
    }

    private mutating func filtersAndTests(_ start: JinjaExpression) throws(JinjaFault)
        -> JinjaExpression
    {
        var value = start
        while true {
            switch token.kind {
            case .symbol("|"): value = try filters(value)
            case .name("is"): value = try test(value)
            case .symbol("("): value = try called(value)
            default: return value
            }
        }
    }

    /// A chain of filters; the value is nil for a block's.
    mutating func filters(_ start: JinjaExpression?, isInline: Bool = false) throws(JinjaFault)
        -> JinjaExpression
    {
        var value = start
        var isFirst = isInline
        while isFirst || isAt(.symbol("|")) {
            if !isFirst { advance() }
            isFirst = false
            let line = line
            let filter = try dottedName()
            let call = isAt(.symbol("(")) ? try arguments() : JinjaCall()
            if !JinjaFilters.names.contains(filter) { noteUnknown("filter", filter) }
            value = try node(
                .filter(value, filter, call), line: line,
                (value.map { [$0] } ?? []) + call.expressions)
        }
        guard let value else { throw .malformed("\(token.text) where a filter belongs") }
        return value
    }

    private mutating func dottedName() throws(JinjaFault) -> String {
        var text = try name()
        while skip(.symbol(".")) { text += "." + (try name()) }
        return text
    }

    private mutating func test(_ value: JinjaExpression) throws(JinjaFault) -> JinjaExpression {
        let line = line
        advance()
        let isNegated = skip(.name("not"))
        let test = try dottedName()
        var call = JinjaCall()
        switch token.kind {
        case .symbol("("): call = try arguments()
        case .name("else"), .name("or"), .name("and"): break
        case .name("is"): throw .malformed("You cannot chain multiple tests with is")
        case .name, .string, .integer, .float, .symbol("["), .symbol("{"):
            call.values = [
                try nested { (parser) throws(JinjaFault) in
                    try parser.postfixes(try parser.primary())
                }
            ]
        default: break
        }
        if !JinjaTests.names.contains(test) { noteUnknown("test", test) }
        let result = try node(.test(value, test, call), line: line, [value] + call.expressions)
        return isNegated ? try node(.not(result), line: line, [result]) : result
    }

    private mutating func arguments() throws(JinjaFault) -> JinjaCall {
        try expect(.symbol("("))
        var call = JinjaCall()
        var isFirst = true
        while !isAt(.symbol(")")) {
            if !isFirst {
                try expect(.symbol(","))
                if isAt(.symbol(")")) { break }
            }
            isFirst = false
            if isAt(.symbol("*")) || isAt(.symbol("**")) {
                throw .unsupported("a call with '*' or '**'")
            }
            if case .name(let key) = token.kind, nextToken.kind == .symbol("=") {
                advance()
                advance()
                call.named.append((key, try expression()))
            } else if call.named.isEmpty {
                call.values.append(try expression())
            } else {
                throw .malformed("a plain argument after a named one")
            }
        }
        try expect(.symbol(")"))
        return call
    }
}
