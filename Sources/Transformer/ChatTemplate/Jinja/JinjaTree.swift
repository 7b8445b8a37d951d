/// A template as a tree.
struct JinjaExpression: Sendable {
    indirect enum Kind: Sendable {
        case constant(JinjaConstant)
        case name(String)
        case tuple([JinjaExpression])
        case list([JinjaExpression])
        case dictionary([(key: JinjaExpression, value: JinjaExpression)])
        case attribute(JinjaExpression, String)
        case item(JinjaExpression, JinjaExpression)
        case slice(JinjaExpression, [JinjaExpression?])
        case call(JinjaExpression, JinjaCall)
        /// The value is nil in a block that is filtered.
        case filter(JinjaExpression?, String, JinjaCall)
        case test(JinjaExpression, String, JinjaCall)
        case not(JinjaExpression)
        case sign(JinjaExpression, isNegative: Bool)
        case operation(JinjaOperator, JinjaExpression, JinjaExpression)
        case and(JinjaExpression, JinjaExpression)
        case or(JinjaExpression, JinjaExpression)
        case concatenation([JinjaExpression])
        case comparison(JinjaExpression, [(JinjaComparison, JinjaExpression)])
        case conditional(
            JinjaExpression, test: JinjaExpression, otherwise: JinjaExpression?)
    }

    let kind: Kind
    let line: Int
    /// How many levels of the tree it has.
    let depth: Int
}

/// A value that stands in the template itself.
enum JinjaConstant: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(Scalars)

    var value: JinjaValue {
        switch self {
        case .none: .none
        case .bool(let value): .bool(value)
        case .integer(let number): .integer(number)
        case .float(let number): .float(number)
        case .string(let text): .string(text)
        }
    }
}

/// The arguments of a call.
struct JinjaCall: Sendable {
    var values: [JinjaExpression] = []
    var named: [(name: String, value: JinjaExpression)] = []

    var expressions: [JinjaExpression] { values + named.map(\.value) }
}

enum JinjaOperator: String {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
}

enum JinjaComparison: String {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

/// What `set` and `for` assign to.
indirect enum JinjaTarget: Sendable {
    case name(String)
    case attribute(namespace: String, String)
    case tuple([JinjaTarget])
}

struct JinjaStatement: Sendable {
    indirect enum Kind: Sendable {
        case text(Scalars)
        case output(JinjaExpression)
        case branches(
            [(test: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement])
        case loop(JinjaLoop)
        case set(JinjaTarget, JinjaExpression)
        case setBlock(JinjaTarget, filter: JinjaExpression?, [JinjaStatement])
        case macro(JinjaMacroDefinition)
        case call(JinjaMacroDefinition, JinjaExpression, JinjaCall)
        case filter(JinjaExpression, [JinjaStatement])
        case with([(JinjaTarget, JinjaExpression)], [JinjaStatement])
        /// `{% generation %}`, which transformers uses to mark what the assistant writes.
        case generation([JinjaStatement])
        case `break`
        case `continue`
    }

    let kind: Kind
    let line: Int
}

struct JinjaLoop: Sendable {
    let target: JinjaTarget
    let items: JinjaExpression
    let test: JinjaExpression?
    let body: [JinjaStatement]
    let otherwise: [JinjaStatement]
}

/// A macro, or the body of a call block.
struct JinjaMacroDefinition: Sendable {
    let name: String
    let parameters: [(name: String, standard: JinjaExpression?)]
    let body: [JinjaStatement]
    /// Its body speaks of these.
    let takesCaller: Bool
    let takesNamed: Bool
    let takesMore: Bool
}
