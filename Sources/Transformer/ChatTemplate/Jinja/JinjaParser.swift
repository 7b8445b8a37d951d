/// Reads a template's tokens as a tree, by jinja2's grammar.
///
/// What jinja2 would not read is malformed; tags that it knows and rtedit does not are refused by name.
struct JinjaParser {
    /// How many levels an expression's tree may have.
    static let expressionDepthLimit = 80
    /// How deep parentheses and blocks may nest.
    static let nestingLimit = 40

    private let tokens: [JinjaToken]
    private var position = 0
    private var nesting = 0
    private var loops = 0
    /// Names that macro bodies under way speak of.
    private var spoken: [Set<String>] = []
    /// Filters and tests that jinja2 does not have, outside branches: it refuses the template for them.
    private var unknown: [String] = []
    private var isInBranch = false

    init(_ tokens: [JinjaToken]) {
        self.tokens = tokens
    }

    /// The line that is being read.
    var line: Int { token.line }

    mutating func template() throws(JinjaFault) -> [JinjaStatement] {
        let body = try statements(until: [])
        if let first = unknown.first { throw .failed(first) }
        return body
    }

    // MARK: - Tokens

    var token: JinjaToken { tokens[min(position, tokens.count - 1)] }
    var nextToken: JinjaToken { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() { position += 1 }

    func isAt(_ kind: JinjaToken.Kind) -> Bool { token.kind == kind }

    mutating func skip(_ kind: JinjaToken.Kind) -> Bool {
        guard token.kind == kind else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: JinjaToken.Kind) throws(JinjaFault) {
        guard skip(kind) else {
            throw .malformed("\(token.text) where \(JinjaToken(kind: kind, line: 0).text) belongs")
        }
    }

    mutating func name() throws(JinjaFault) -> String {
        guard case .name(let name) = token.kind else {
            throw .malformed("\(token.text) where a name belongs")
        }
        guard name.unicodeScalars.first.map({ !$0.isDigit }) ?? false else {
            throw .malformed("'\(name)' is no name")
        }
        advance()
        return name
    }

    mutating func speak(of name: String) {
        for place in spoken.indices { spoken[place].insert(name) }
    }

    // MARK: - Nesting

    mutating func nested<Value>(
        _ body: (inout JinjaParser) throws(JinjaFault) -> Value
    ) throws(JinjaFault) -> Value {
        guard nesting < Self.nestingLimit else {
            throw .tooLarge("nests more than \(Self.nestingLimit) deep")
        }
        nesting += 1
        defer { nesting -= 1 }
        return try body(&self)
    }

    func node(_ kind: JinjaExpression.Kind, line: Int, _ children: [JinjaExpression])
        throws(JinjaFault) -> JinjaExpression
    {
        let depth = 1 + (children.map(\.depth).max() ?? 0)
        guard depth <= Self.expressionDepthLimit else {
            throw .tooLarge(
                "has an expression of more than \(Self.expressionDepthLimit) parts in each other")
        }
        return JinjaExpression(kind: kind, line: line, depth: depth)
    }

    /// Reads with what jinja2 takes for a branch: there an unknown filter is an error only where it is reached.
    private mutating func inBranch<Value>(
        _ isBranch: Bool, _ body: (inout JinjaParser) throws(JinjaFault) -> Value
    ) throws(JinjaFault) -> Value {
        let was = isInBranch
        isInBranch = isBranch
        defer { isInBranch = was }
        return try body(&self)
    }

    mutating func noteUnknown(_ kind: String, _ name: String) {
        if !isInBranch { unknown.append("No \(kind) named '\(name)'") }
    }

    /// A mark for `forgetUnknown(since:)`.
    var unknownCount: Int { unknown.count }

    /// What was read since is part of a conditional expression, which is a branch.
    mutating func forgetUnknown(since count: Int) {
        unknown.removeSubrange(count...)
    }

    // MARK: - Statements

    /// Statements up to a tag of one of the names, whose name is the current token then.
    private mutating func statements(until ends: [String]) throws(JinjaFault) -> [JinjaStatement] {
        var body: [JinjaStatement] = []
        while true {
            let line = token.line
            switch token.kind {
            case .data(let text):
                advance()
                body.append(JinjaStatement(kind: .text(text), line: line))
            case .variableBegin:
                advance()
                let value = try tuple()
                try expect(.variableEnd)
                body.append(JinjaStatement(kind: .output(value), line: line))
            case .blockBegin:
                advance()
                if case .name(let name) = token.kind, ends.contains(name) { return body }
                let kind = try nested { (parser) throws(JinjaFault) in try parser.statement() }
                if let kind {
                    body.append(JinjaStatement(kind: kind, line: line))
                }
                try expect(.blockEnd)
            case .end where ends.isEmpty: return body
            default:
                throw .malformed(
                    "\(token.text) where '\(ends.last.map { "{% \($0) %}" } ?? "text")' belongs")
            }
        }
    }

    /// A block's statements, and the name of the tag that ends it; the token after the name is current.
    private mutating func block(until ends: String...) throws(JinjaFault) -> (
        body: [JinjaStatement], end: String
    ) {
        _ = skip(.symbol(":"))
        try expect(.blockEnd)
        let body = try statements(until: ends)
        return (body, try name())
    }

    private mutating func statement() throws(JinjaFault) -> JinjaStatement.Kind? {
        let tag = try name()
        switch tag {
        case "if": return try branches()
        case "for": return try loop()
        case "set": return try assignment()
        case "macro": return try macro()
        case "call": return try callBlock()
        case "filter": return try filterBlock()
        case "with": return try with()
        case "generation":
            let (body, _) = try function { (parser) throws(JinjaFault) in
                try parser.block(until: "endgeneration").body
            }
            return .generation(body)
        case "break", "continue":
            guard loops > 0 else { throw .malformed("'\(tag)' outside a loop") }
            return tag == "break" ? .break : .continue
        case "autoescape", "block", "extends", "import", "include", "from", "print":
            throw .unsupported("the tag '\(tag)'")
        default: throw .malformed("unknown tag '\(tag)'")
        }
    }

    private mutating func branches() throws(JinjaFault) -> JinjaStatement.Kind {
        try inBranch(true) { (parser) throws(JinjaFault) in
            var branches: [(test: JinjaExpression, body: [JinjaStatement])] = []
            var otherwise: [JinjaStatement] = []
            while true {
                let test = try parser.tuple(withConditional: false)
                let (body, end) = try parser.block(until: "elif", "else", "endif")
                branches.append((test, body))
                if end == "elif" { continue }
                if end == "else" { otherwise = try parser.block(until: "endif").body }
                return .branches(branches, otherwise: otherwise)
            }
        }
    }

    private mutating func loop() throws(JinjaFault) -> JinjaStatement.Kind {
        loops += 1
        let target = try target(until: "in")
        loops -= 1
        try expect(.name("in"))
        let items = try tuple(withConditional: false, until: "recursive")
        var test: JinjaExpression?
        if skip(.name("if")) {
            test = try inBranch(false) { (parser) throws(JinjaFault) in try parser.expression() }
        }
        if isAt(.name("recursive")) { throw .unsupported("a recursive loop") }
        loops += 1
        let (body, end) = try inBranch(false) { (parser) throws(JinjaFault) in
            try parser.block(until: "endfor", "else")
        }
        loops -= 1
        var otherwise: [JinjaStatement] = []
        if end == "else" {
            otherwise = try inBranch(false) { (parser) throws(JinjaFault) in
                try parser.block(until: "endfor").body
            }
        }
        return .loop(
            JinjaLoop(
                target: target, items: items, test: test, body: body, otherwise: otherwise))
    }

    private mutating func assignment() throws(JinjaFault) -> JinjaStatement.Kind {
        let target = try target(until: nil, withNamespace: true)
        if skip(.symbol("=")) {
            return .set(target, try tuple())
        }
        let filter = isAt(.symbol("|")) ? try filters(nil) : nil
        let body = try inBranch(false) { (parser) throws(JinjaFault) in
            try parser.block(until: "endset").body
        }
        return .setBlock(target, filter: filter, body)
    }

    private mutating func filterBlock() throws(JinjaFault) -> JinjaStatement.Kind {
        let filter = try filters(nil, isInline: true)
        return .filter(
            filter,
            try inBranch(false) { (parser) throws(JinjaFault) in
                try parser.block(until: "endfilter").body
            })
    }

    private mutating func with() throws(JinjaFault) -> JinjaStatement.Kind {
        var values: [(JinjaTarget, JinjaExpression)] = []
        while !isAt(.blockEnd) {
            if !values.isEmpty { try expect(.symbol(",")) }
            let target = try target(until: nil)
            try expect(.symbol("="))
            values.append((target, try expression()))
        }
        return .with(
            values,
            try inBranch(false) { (parser) throws(JinjaFault) in
                try parser.block(until: "endwith").body
            })
    }

    // MARK: - Macros

    private mutating func macro() throws(JinjaFault) -> JinjaStatement.Kind {
        let name = try name()
        return .macro(try definition(name, try parameters(), end: "endmacro"))
    }

    private mutating func callBlock() throws(JinjaFault) -> JinjaStatement.Kind {
        let parameters = isAt(.symbol("(")) ? try parameters() : []
        guard case .call(let macro, let call) = try expression().kind else {
            throw .malformed("'call' without a call")
        }
        return .call(try definition("caller", parameters, end: "endcall"), macro, call)
    }

    private mutating func definition(
        _ name: String, _ parameters: [(name: String, standard: JinjaExpression?)], end: String
    ) throws(JinjaFault) -> JinjaMacroDefinition {
        let (body, spoken) = try function { (parser) throws(JinjaFault) in
            try parser.block(until: end).body
        }
        let own = parameters.map(\.name)
        if own.contains("caller") { throw .unsupported("a parameter named 'caller'") }
        return JinjaMacroDefinition(
            name: name, parameters: parameters, body: body, takesCaller: spoken.contains("caller"),
            takesNamed: spoken.contains("kwargs") && !own.contains("kwargs"),
            takesMore: spoken.contains("varargs") && !own.contains("varargs"))
    }

    /// A body that jinja2 makes a function of, and the names it speaks of.
    private mutating func function(
        _ body: (inout JinjaParser) throws(JinjaFault) -> [JinjaStatement]
    ) throws(JinjaFault) -> ([JinjaStatement], Set<String>) {
        let outer = loops
        loops = 0
        spoken.append([])
        let result = try inBranch(false, body)
        loops = outer
        return (result, spoken.removeLast())
    }

    private mutating func parameters() throws(JinjaFault) -> [(
        name: String, standard: JinjaExpression?
    )] {
        var parameters: [(name: String, standard: JinjaExpression?)] = []
        try expect(.symbol("("))
        while !isAt(.symbol(")")) {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let name = try name()
            if skip(.symbol("=")) {
                parameters.append((name, try expression()))
            } else if parameters.last?.standard != nil {
                throw .malformed("non-default argument follows default argument")
            } else {
                parameters.append((name, nil))
            }
        }
        try expect(.symbol(")"))
        return parameters
    }

    // MARK: - Targets

    private mutating func target(until end: String?, withNamespace: Bool = false)
        throws(JinjaFault) -> JinjaTarget
    {
        var targets: [JinjaTarget] = []
        var isTuple = false
        while true {
            if let end, isAt(.name(end)) { break }
            if isAt(.blockEnd) || isAt(.symbol(")")) { break }
            targets.append(try singleTarget(withNamespace: withNamespace))
            guard skip(.symbol(",")) else { break }
            isTuple = true
        }
        guard let first = targets.first else {
            throw .malformed("\(token.text) where a name belongs")
        }
        return isTuple ? .tuple(targets) : first
    }

    private mutating func singleTarget(withNamespace: Bool) throws(JinjaFault) -> JinjaTarget {
        if skip(.symbol("(")) {
            let inner = try nested { (parser) throws(JinjaFault) in
                try parser.target(until: nil, withNamespace: withNamespace)
            }
            try expect(.symbol(")"))
            return inner
        }
        let name = try name()
        if withNamespace, skip(.symbol(".")) {
            speak(of: name)
            return .attribute(namespace: name, try self.name())
        }
        let isFixed = ["true", "false", "none", "True", "False", "None"].contains(name)
        guard !isFixed, name != "loop" || loops == 0 else {
            throw .malformed("can't assign to '\(name)'")
        }
        return .name(name)
    }
}
