/// How a template's own level first uses a name.
///
/// jinja2 makes a variable of every name that a level assigns. Where the level assigns it before it reads it, what the
/// template was given under that name is never seen, not by loops and macros that run before the assignment either.
enum JinjaFirstUse {
    case read
    case assigned
    case none

    /// The first use by statements, in the order in which jinja2 looks at them: bodies of loops and macros, which are
    /// levels of their own, are passed over.
    init(of name: String, in statements: [JinjaStatement]) {
        for statement in statements {
            self.init(of: name, in: statement.kind)
            guard case .none = self else { return }
        }
        self = .none
    }

    private init(of name: String, in statement: JinjaStatement.Kind) {
        func use(_ expressions: [JinjaExpression?], thenAssigns target: JinjaTarget? = nil)
            -> JinjaFirstUse
        {
            if expressions.contains(where: { $0?.reads(name) ?? false }) { return .read }
            return target?.use(of: name) ?? .none
        }
        switch statement {
        case .text, .generation, .break, .continue: self = .none
        case .output(let value): self = use([value])
        case .set(let target, let value): self = use([value], thenAssigns: target)
        case .setBlock(let target, let filter, _): self = use([filter], thenAssigns: target)
        case .macro(let definition): self = definition.name == name ? .assigned : .none
        case .loop(let loop): self = use([loop.items])
        case .filter(let filter, _): self = use([filter])
        case .call(_, let macro, let call): self = use([macro] + call.expressions)
        case .with(let values, _): self = use(values.map(\.1))
        case .branches(let branches, let otherwise):
            self = Self.inBranches(name, branches, otherwise)
        }
    }

    /// A name that a branch assigns is first what was given, as no branch may be taken.
    private static func inBranches(
        _ name: String, _ branches: [(test: JinjaExpression, body: [JinjaStatement])],
        _ otherwise: [JinjaStatement]
    ) -> JinjaFirstUse {
        let bodies = branches.map(\.body) + [otherwise]
        let isUsed =
            branches.contains { $0.test.reads(name) }
            || bodies.contains {
                if case .none = JinjaFirstUse(of: name, in: $0) { false } else { true }
            }
        return isUsed ? .read : .none
    }
}

extension JinjaTarget {
    fileprivate func use(of name: String) -> JinjaFirstUse {
        switch self {
        case .name(let own): return own == name ? .assigned : .none
        case .attribute(let namespace, _): return namespace == name ? .read : .none
        case .tuple(let targets):
            return targets.lazy.map { $0.use(of: name) }.first {
                if case .none = $0 { false } else { true }
            } ?? .none
        }
    }
}

extension JinjaExpression {
    /// Whether evaluating it may read a variable.
    fileprivate func reads(_ name: String) -> Bool {
        if case .name(let own) = kind { return own == name }
        return children.contains { $0.reads(name) }
    }

    private var children: [JinjaExpression] {
        switch kind {
        case .constant, .name: []
        case .tuple(let items), .list(let items), .concatenation(let items): items
        case .dictionary(let members): members.flatMap { [$0.key, $0.value] }
        case .attribute(let value, _), .not(let value), .sign(let value, _): [value]
        case .item(let a, let b), .operation(_, let a, let b), .and(let a, let b),
            .or(let a, let b):
            [a, b]
        case .slice(let value, let parts): [value] + parts.compactMap { $0 }
        case .call(let value, let call), .test(let value, _, let call): [value] + call.expressions
        case .filter(let value, _, let call): (value.map { [$0] } ?? []) + call.expressions
        case .comparison(let first, let others): [first] + others.map(\.1)
        case .conditional(let value, let test, let otherwise):
            [value, test] + (otherwise.map { [$0] } ?? [])
        }
    }
}
