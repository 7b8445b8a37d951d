/// Runs a template's tree: statements write into `output`.
final class JinjaEvaluator {
    let budget: JinjaBudget
    /// The moment that `strftime_now` writes.
    let moment: TemplateMoment
    /// The variables of the template itself.
    let root: JinjaScope
    private let given: [String]
    private var output: Scalars = []
    private var depth = 0
    /// Where the template is being run.
    private(set) var line = 1
    /// `strftime_now` was called.
    private(set) var asksForMoment = false

    enum Flow {
        case onward
        case leavesLoop
        case nextTurn
    }

    /// - Parameter variables: what the template is given.
    init(variables: [String: JinjaValue], budget: JinjaBudget, moment: TemplateMoment) {
        self.budget = budget
        self.moment = moment
        given = variables.keys.sorted()
        let context = JinjaScope(nil)
        context.variables = variables
        root = JinjaScope(context)
    }

    /// The text that a template writes.
    func render(_ template: [JinjaStatement]) throws(JinjaFault) -> Scalars {
        // Macros hold the scopes they stand in.
        defer { root.variables = [:] }
        for name in given {
            guard case .assigned = JinjaFirstUse(of: name, in: template) else { continue }
            root.variables[name] = .undefined("'\(name)' is undefined")
        }
        _ = try run(template, root)
        return output
    }

    var text: JinjaText { JinjaText(budget: budget) }

    // MARK: - Statements

    private func run(_ statements: [JinjaStatement], _ scope: JinjaScope) throws(JinjaFault) -> Flow
    {
        for statement in statements {
            line = statement.line
            try budget.spend()
            let flow = try deeper { () throws(JinjaFault) in try run(statement.kind, scope) }
            guard case .onward = flow else { return flow }
        }
        return .onward
    }

    private func deeper<Value>(_ body: () throws(JinjaFault) -> Value) throws(JinjaFault) -> Value {
        guard depth < JinjaBudget.depthLimit else {
            throw .tooLarge("nests more than \(JinjaBudget.depthLimit) deep while it runs")
        }
        depth += 1
        defer { depth -= 1 }
        return try body()
    }

    private func run(_ statement: JinjaStatement.Kind, _ scope: JinjaScope) throws(JinjaFault)
        -> Flow
    {
        switch statement {
        case .text(let text): try write(text)
        case .output(let value): try write(text.string(try evaluate(value, scope)))
        case .branches(let branches, let otherwise):
            for branch in branches where try evaluate(branch.test, scope).isTrue {
                return try run(branch.body, scope)
            }
            return try run(otherwise, scope)
        case .loop(let loop): return try run(loop, scope)
        case .set(let target, let value):
            try assign(try evaluate(value, scope), to: target, scope)
        case .setBlock(let target, let filter, let body):
            let value = try captured(body, JinjaScope(scope))
            try assign(try filtered(.string(value), by: filter, scope), to: target, scope)
        case .macro(let definition):
            scope.variables[definition.name] = .macro(JinjaMacro(definition, scope))
        case .call(let body, let macro, let call):
            var arguments = try self.arguments(call, scope)
            arguments.named.append(("caller", .macro(JinjaMacro(body, scope))))
            try write(text.string(try invoke(try evaluate(macro, scope), arguments)))
        case .filter(let filter, let body):
            let value = JinjaValue.string(try captured(body, JinjaScope(scope)))
            try write(text.string(try filtered(value, by: filter, scope)))
        case .with(let values, let body):
            let inner = JinjaScope(scope)
            for (target, value) in values {
                try assign(try evaluate(value, scope), to: target, inner)
            }
            return try run(body, ending: inner)
        case .generation(let body): try write(try captured(body, JinjaScope(scope)))
        case .break: return .leavesLoop
        case .continue: return .nextTurn
        }
        return .onward
    }

    private func write(_ text: Scalars) throws(JinjaFault) {
        try budget.hold(text.count)
        output += text
    }

    /// Runs statements whose variables end with them.
    private func run(_ body: [JinjaStatement], ending scope: JinjaScope) throws(JinjaFault) -> Flow
    {
        defer { scope.variables = [:] }
        return try run(body, scope)
    }

    /// What statements write, in place of writing it.
    private func captured(_ body: [JinjaStatement], _ scope: JinjaScope) throws(JinjaFault)
        -> Scalars
    {
        let outer = output
        output = []
        defer { output = outer }
        _ = try run(body, ending: scope)
        return output
    }

    /// A value under the filters of a block; their innermost value is the block's text.
    private func filtered(
        _ value: JinjaValue, by filter: JinjaExpression?, _ scope: JinjaScope
    ) throws(JinjaFault) -> JinjaValue {
        guard let filter, case .filter(let inner, let name, let call) = filter.kind else {
            return value
        }
        let given = try filtered(value, by: inner, scope)
        return try self.filtered(given, name, try arguments(call, scope))
    }

    private func assign(_ value: JinjaValue, to target: JinjaTarget, _ scope: JinjaScope)
        throws(JinjaFault)
    {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .attribute(let owner, let name):
            guard case .namespace(let namespace)? = scope.value(owner) else {
                throw .failed("cannot assign attribute on non-namespace object")
            }
            try namespace.set(name, value)
        case .tuple(let targets):
            let items = try items(of: value)
            guard items.count == targets.count else {
                throw .failed(
                    "\(items.count) values to unpack where \(targets.count) are expected")
            }
            for (target, item) in zip(targets, items) { try assign(item, to: target, scope) }
        }
    }

    private func run(_ loop: JinjaLoop, _ scope: JinjaScope) throws(JinjaFault) -> Flow {
        var items = try items(of: try evaluate(loop.items, scope))
        if let test = loop.test {
            var kept: [JinjaValue] = []
            for item in items {
                let inner = JinjaScope(scope)
                try assign(item, to: loop.target, inner)
                if try evaluate(test, inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        guard !items.isEmpty else { return try run(loop.otherwise, ending: JinjaScope(scope)) }
        for (index, item) in items.enumerated() {
            try budget.spend()
            let inner = JinjaScope(scope)
            inner.variables["loop"] = .loop(JinjaLoopState(items, index: index))
            try assign(item, to: loop.target, inner)
            if case .leavesLoop = try run(loop.body, ending: inner) { break }
        }
        return .onward
    }

    // MARK: - Expressions

    func evaluate(_ expression: JinjaExpression, _ scope: JinjaScope) throws(JinjaFault)
        -> JinjaValue
    {
        try budget.spend()
        line = expression.line
        return try deeper { () throws(JinjaFault) in try evaluate(expression.kind, scope) }
    }

    private func evaluate(_ kind: JinjaExpression.Kind, _ scope: JinjaScope) throws(JinjaFault)
        -> JinjaValue
    {
        switch kind {
        case .constant(let constant): return constant.value
        case .name(let name): return value(of: name, scope)
        case .and(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? try evaluate(right, scope) : value
        case .or(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? value : try evaluate(right, scope)
        case .not(let value): return .bool(!(try evaluate(value, scope).isTrue))
        case .conditional(let value, let test, let otherwise):
            if try evaluate(test, scope).isTrue { return try evaluate(value, scope) }
            guard let otherwise else {
                return .undefined("the inline if-expression has no else")
            }
            return try evaluate(otherwise, scope)
        case .attribute(let value, let name):
            return try attribute(name, of: try evaluate(value, scope))
        case .item(let value, let key):
            return try item(try evaluate(key, scope), of: try evaluate(value, scope))
        default: return try evaluateLonger(kind, scope)
        }
    }

    private func evaluateLonger(_ kind: JinjaExpression.Kind, _ scope: JinjaScope)
        throws(JinjaFault) -> JinjaValue
    {
        switch kind {
        case .tuple(let items): return .tuple(try JinjaList(try values(items, scope)))
        case .list(let items): return .list(try JinjaList(try values(items, scope)))
        case .dictionary(let members):
            var dictionary = JinjaDictionary()
            for member in members {
                let key = try evaluate(member.key, scope)
                try dictionary.set(key, try evaluate(member.value, scope))
            }
            return .dictionary(dictionary)
        case .slice(let value, let parts):
            let bounds = try values(parts.map { $0 ?? Self.missing }, scope)
            return try slice(try evaluate(value, scope), bounds)
        case .call(let function, let call):
            let function = try evaluate(function, scope)
            return try invoke(function, try arguments(call, scope))
        case .filter(let value, let name, let call):
            guard let value else { throw .failed("a filter without a value") }
            return try filtered(
                try evaluate(value, scope), name, try arguments(call, scope))
        case .test(let value, let name, let call):
            return .bool(
                try passes(try evaluate(value, scope), name, try arguments(call, scope).values))
        case .sign(let value, let isNegative):
            return try signed(try evaluate(value, scope), isNegative: isNegative)
        case .operation(let sign, let left, let right):
            let left = try evaluate(left, scope)
            return try operate(sign, left, try evaluate(right, scope))
        case .concatenation(let parts):
            var text: Scalars = []
            for part in parts { text += try self.text.string(try evaluate(part, scope)) }
            try budget.hold(text.count)
            return .string(text)
        case .comparison(let first, let others):
            var left = try evaluate(first, scope)
            for (comparison, right) in others {
                let right = try evaluate(right, scope)
                guard try holds(comparison, left, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        default: throw .failed("an expression of no kind")
        }
    }

    private static let missing = JinjaExpression(kind: .constant(.none), line: 0, depth: 1)

    private func values(_ expressions: [JinjaExpression], _ scope: JinjaScope)
        throws(JinjaFault) -> [JinjaValue]
    {
        var values: [JinjaValue] = []
        for expression in expressions { values.append(try evaluate(expression, scope)) }
        return values
    }

    private func value(of name: String, _ scope: JinjaScope) -> JinjaValue {
        if let value = scope.value(name) { return value }
        if JinjaFunctions.names.contains(name) { return .function(name) }
        return .undefined("'\(name)' is undefined")
    }

    private func arguments(_ call: JinjaCall, _ scope: JinjaScope) throws(JinjaFault)
        -> JinjaArguments
    {
        var arguments = JinjaArguments(values: try values(call.values, scope))
        for (name, value) in call.named {
            guard !arguments.named.contains(where: { $0.name == name }) else {
                throw .failed("argument '\(name)' is given twice")
            }
            arguments.named.append((name, try evaluate(value, scope)))
        }
        return arguments
    }

    // MARK: - Calls

    func invoke(_ function: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> JinjaValue
    {
        switch function {
        case .macro(let macro): return .string(try run(macro, arguments))
        case .function("strftime_now"):
            asksForMoment = true
            let format = try arguments.bound(["format"], required: 1, of: "strftime_now")[0]
            guard let format = format?.scalars else {
                throw .failed("strftime() argument must be str")
            }
            return .string(try moment.formatted(format))
        case .function(let name): return try call(name, arguments)
        case .method(let receiver, let name): return try call(name, of: receiver, arguments)
        case .undefined(let reason): throw .failed(reason)
        default: throw .failed("'\(function.typeName)' object is not callable")
        }
    }

    private func run(_ macro: JinjaMacro, _ arguments: JinjaArguments) throws(JinjaFault) -> Scalars
    {
        let definition = macro.definition
        let scope = JinjaScope(macro.scope)
        let called = line
        defer { line = called }
        var named = arguments.named
        func takeNamed(_ name: String) -> JinjaValue? {
            named.firstIndex { $0.name == name }.map { named.remove(at: $0).value }
        }
        for (place, parameter) in definition.parameters.enumerated() {
            let given =
                place < arguments.values.count
                ? arguments.values[place] : takeNamed(parameter.name)
            if let given {
                scope.variables[parameter.name] = given
            } else if let standard = parameter.standard {
                scope.variables[parameter.name] = try evaluate(standard, scope)
            } else {
                scope.variables[parameter.name] = .undefined(
                    "parameter '\(parameter.name)' was not provided")
            }
        }
        if definition.takesCaller {
            scope.variables["caller"] = takeNamed("caller") ?? .undefined("No caller defined")
        }
        if definition.takesNamed {
            var dictionary = JinjaDictionary()
            for (name, value) in named { try dictionary.set(.text(name), value) }
            scope.variables["kwargs"] = .dictionary(dictionary)
        } else if let first = named.first {
            throw .failed(
                "macro '\(definition.name)' takes no keyword argument '\(first.name)'")
        }
        let count = definition.parameters.count
        if definition.takesMore {
            scope.variables["varargs"] = .tuple(
                try JinjaList(Array(arguments.values.dropFirst(count))))
        } else if arguments.values.count > count {
            throw .failed("macro '\(definition.name)' takes not more than \(count) argument(s)")
        }
        return try captured(definition.body, scope)
    }
}

/// Values given to a function, a filter or a macro.
struct JinjaArguments {
    var values: [JinjaValue] = []
    var named: [(name: String, value: JinjaValue)] = []

    /// The values by parameter, nil where none is given.
    func bound(_ names: [String], required: Int = 0, of function: String) throws(JinjaFault)
        -> [JinjaValue?]
    {
        guard values.count <= names.count else {
            throw .failed("\(function)() takes at most \(names.count) arguments")
        }
        var bound: [JinjaValue?] =
            values.map { $0 } + Array(repeating: nil, count: names.count - values.count)
        for (name, value) in named {
            guard let place = names.firstIndex(of: name) else {
                throw .failed("\(function)() got an unexpected keyword argument '\(name)'")
            }
            guard bound[place] == nil else {
                throw .failed("\(function)() got multiple values for argument '\(name)'")
            }
            bound[place] = value
        }
        for place in 0..<required where bound[place] == nil {
            throw .failed("\(function)() misses argument '\(names[place])'")
        }
        return bound
    }
}
