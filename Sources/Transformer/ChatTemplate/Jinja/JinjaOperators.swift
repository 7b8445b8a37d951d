/// Operators, comparisons and access, with Python's rules for the types.
extension JinjaEvaluator {
    // MARK: - Arithmetic

    func operate(_ sign: JinjaOperator, _ left: JinjaValue, _ right: JinjaValue)
        throws(JinjaFault) -> JinjaValue
    {
        if case .undefined(let reason) = left { throw .failed(reason) }
        if case .string(let format) = left, sign == .remainder {
            return .string(try printed(format, right))
        }
        if case .undefined(let reason) = right { throw .failed(reason) }
        switch (sign, left, right) {
        case (.add, .string(let a), .string(let b)):
            try budget.hold(a.count + b.count)
            return .string(a + b)
        case (.add, .markup, .markup), (.add, .markup, .string), (.add, .string, .markup):
            let text = escaped(left) + escaped(right)
            try budget.hold(text.count)
            return .markup(text)
        case (.add, .list(let a), .list(let b)):
            try budget.spend(a.items.count + b.items.count)
            return .list(try JinjaList(a.items + b.items))
        case (.add, .tuple(let a), .tuple(let b)):
            try budget.spend(a.items.count + b.items.count)
            return .tuple(try JinjaList(a.items + b.items))
        case (.remainder, .markup, _), (.multiply, .markup, _), (.multiply, _, .markup):
            throw .unsupported("'\(sign.rawValue)' of a text marked as safe")
        case (.multiply, _, _) where left.number == nil || right.number == nil:
            return try repeated(left, right)
        default: break
        }
        if let a = left.integer, let b = right.integer {
            if let result = try integers(sign, a, b) { return result }
        }
        guard let a = left.number, let b = right.number else {
            throw .failed(
                "unsupported operand type(s) for \(sign.rawValue): '\(left.typeName)' and "
                    + "'\(right.typeName)'")
        }
        return .float(try floats(sign, a, b))
    }

    /// The exact result, or nil where it is a float.
    private func integers(_ sign: JinjaOperator, _ a: Int, _ b: Int) throws(JinjaFault)
        -> JinjaValue?
    {
        let result: (partialValue: Int, overflow: Bool)
        switch sign {
        case .add: result = a.addingReportingOverflow(b)
        case .subtract: result = a.subtractingReportingOverflow(b)
        case .multiply: result = a.multipliedReportingOverflow(by: b)
        case .divide: return nil
        case .floorDivide, .remainder:
            guard b != 0 else { throw .failed("integer division or modulo by zero") }
            let quotient = a.dividedReportingOverflow(by: b)
            guard !quotient.overflow else { throw .unsupported("an integer of more than 64 bits") }
            let rest = a % b
            let isBelow = rest != 0 && (rest < 0) != (b < 0)
            if sign == .remainder { return .integer(isBelow ? rest + b : rest) }
            return .integer(isBelow ? quotient.partialValue - 1 : quotient.partialValue)
        case .power:
            guard b >= 0 else { throw .unsupported("a negative exponent") }
            var product = (partialValue: 1, overflow: false)
            guard a.magnitude > 1 else {
                return .integer(b == 0 || a == 1 ? 1 : a == 0 ? 0 : b.isMultiple(of: 2) ? 1 : -1)
            }
            for _ in 0..<min(b, 64) where !product.overflow {
                product = product.partialValue.multipliedReportingOverflow(by: a)
            }
            if b > 64 { product.overflow = true }
            result = product
        }
        guard !result.overflow else { throw .unsupported("an integer of more than 64 bits") }
        return .integer(result.partialValue)
    }

    private func floats(_ sign: JinjaOperator, _ a: Double, _ b: Double) throws(JinjaFault)
        -> Double
    {
        switch sign {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .divide:
            guard b != 0 else { throw .failed("division by zero") }
            return a / b
        case .floorDivide, .remainder:
            guard b != 0 else { throw .failed("division by zero") }
            let rest = a.truncatingRemainder(dividingBy: b)
            let modulo = rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
            return sign == .remainder ? modulo : ((a - modulo) / b).rounded()
        case .power: throw .unsupported("a power of floats")
        }
    }

    private func repeated(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaFault) -> JinjaValue
    {
        let (value, count) = left.integer == nil ? (left, right.integer) : (right, left.integer)
        guard let count else {
            throw .failed("can't multiply sequence by non-int of type '\(right.typeName)'")
        }
        func size(_ items: Int) throws(JinjaFault) -> Int {
            let (size, overflow) = items.multipliedReportingOverflow(by: max(0, count))
            guard !overflow else { throw .tooLarge("repeats a value \(count) times") }
            return size
        }
        switch value {
        case .string(let text):
            try budget.hold(try size(text.count))
            return .string(Array(repeatElement(text, count: max(0, count)).joined()))
        case .list(let list):
            try budget.spend(try size(list.items.count))
            let items = Array(repeatElement(list.items, count: max(0, count)).joined())
            return .list(try JinjaList(items))
        case .tuple(let list):
            try budget.spend(try size(list.items.count))
            let items = Array(repeatElement(list.items, count: max(0, count)).joined())
            return .tuple(try JinjaList(items))
        default:
            throw .failed(
                "unsupported operand type(s) for *: '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    func signed(_ value: JinjaValue, isNegative: Bool) throws(JinjaFault) -> JinjaValue {
        if let number = value.integer {
            guard number != Int.min else { throw .unsupported("an integer of more than 64 bits") }
            return .integer(isNegative ? -number : number)
        }
        if case .float(let number) = value { return .float(isNegative ? -number : number) }
        if case .undefined(let reason) = value { throw .failed(reason) }
        throw .failed("bad operand type for unary \(isNegative ? "-" : "+"): '\(value.typeName)'")
    }

    /// `format % values`, with the conversions `%s`, `%d` and `%i`.
    private func printed(_ format: Scalars, _ value: JinjaValue) throws(JinjaFault) -> Scalars {
        var values: [JinjaValue]
        if case .tuple(let list) = value { values = list.items } else { values = [value] }
        var text: Scalars = []
        var rest = format[...]
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                text.append(scalar)
                continue
            }
            let conversion = rest.popFirst()
            if conversion == "%" {
                text.append("%")
                continue
            }
            guard !values.isEmpty else { throw .failed("not enough arguments for format string") }
            let value = values.removeFirst()
            switch conversion {
            case "s": text += try self.text.string(value)
            case "d", "i":
                guard let number = value.integer else {
                    throw .failed("%d format: a number is required, not \(value.typeName)")
                }
                text += Scalars(String(number))
            default: throw .unsupported("a format '%\(conversion.map(String.init) ?? "")'")
            }
        }
        // Python takes what has keys or indices for a mapping, of which all may be left over.
        let isMapping =
            switch value {
            case .list, .dictionary, .range, .undefined: true
            default: false
            }
        guard values.isEmpty || isMapping else {
            throw .failed("not all arguments converted during string formatting")
        }
        try budget.hold(text.count)
        return text
    }

    func escaped(_ value: JinjaValue) -> Scalars {
        guard case .string(let text) = value else { return value.scalars ?? [] }
        return text.flatMap { scalar -> Scalars in
            switch scalar {
            case "&": Scalars("&amp;")
            case "<": Scalars("&lt;")
            case ">": Scalars("&gt;")
            case "'": Scalars("&#39;")
            case "\"": Scalars("&#34;")
            default: [scalar]
            }
        }
    }

    // MARK: - Comparison

    func holds(_ comparison: JinjaComparison, _ left: JinjaValue, _ right: JinjaValue)
        throws(JinjaFault) -> Bool
    {
        switch comparison {
        case .equal: try equal(left, right)
        case .unequal: !(try equal(left, right))
        case .isIn: try contains(right, left)
        case .isNotIn: !(try contains(right, left))
        case .less: try precedes(left, right, "<")
        case .greater: try precedes(right, left, ">")
        case .lessOrEqual: try precedes(left, right, "<=", orEqual: true)
        case .greaterOrEqual: try precedes(right, left, ">=", orEqual: true)
        }
    }

    func equal(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaFault) -> Bool {
        try budget.spend()
        if let a = left.scalars, let b = right.scalars {
            guard a.count == b.count else { return false }
            try budget.spend(a.count / 64)
            return a == b
        }
        if let a = left.integer, let b = right.integer { return a == b }
        if let a = left.number, let b = right.number { return a == b }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            guard a.items.count == b.items.count else { return false }
            for (x, y) in zip(a.items, b.items) where !(try equal(x, y)) { return false }
            return true
        case (.dictionary(let a), .dictionary(let b)):
            guard a.keys.count == b.keys.count else { return false }
            for (key, value) in zip(a.keys, a.values) {
                guard let other = try b.value(key), try equal(value, other) else { return false }
            }
            return true
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.range, .range), (.view, .view), (.iterator, .iterator), (.macro, .macro),
            (.method, .method), (.function, .function), (.loop, .loop):
            throw .unsupported("a comparison of two values of type \(left.typeName)")
        default: return false
        }
    }

    func precedes(
        _ left: JinjaValue, _ right: JinjaValue, _ sign: String, orEqual: Bool = false
    ) throws(JinjaFault) -> Bool {
        try budget.spend()
        if let a = left.scalars, let b = right.scalars {
            try budget.spend(min(a.count, b.count) / 64)
            return a.lexicographicallyPrecedes(b) || (orEqual && a == b)
        }
        if let a = left.integer, let b = right.integer { return orEqual ? a <= b : a < b }
        if let a = left.number, let b = right.number { return orEqual ? a <= b : a < b }
        switch (left, right) {
        case (.undefined(let reason), _), (_, .undefined(let reason)): throw .failed(reason)
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (x, y) in zip(a.items, b.items) where !(try equal(x, y)) {
                return try precedes(x, y, sign, orEqual: orEqual)
            }
            return orEqual ? a.items.count <= b.items.count : a.items.count < b.items.count
        default:
            throw .failed(
                "'\(sign)' not supported between instances of '\(left.typeName)' and "
                    + "'\(right.typeName)'")
        }
    }

    /// `value in container`.
    func contains(_ container: JinjaValue, _ value: JinjaValue) throws(JinjaFault) -> Bool {
        switch container {
        case .string(let text), .markup(let text):
            guard let part = value.scalars else {
                throw .failed(
                    "'in <string>' requires string as left operand, not \(value.typeName)")
            }
            return try find(part, in: text[...]) != nil
        case .dictionary(let dictionary): return try look(up: value, in: dictionary) != nil
        case .none, .bool, .integer, .float, .macro, .function, .method, .namespace:
            throw .failed("argument of type '\(container.typeName)' is not iterable")
        default:
            for item in try items(of: container) where try equal(item, value) { return true }
            return false
        }
    }

    /// Where a text first occurs.
    func find(_ part: Scalars, in text: ArraySlice<Unicode.Scalar>) throws(JinjaFault) -> Int? {
        guard let first = part.first else { return text.startIndex }
        guard text.count >= part.count else { return nil }
        var compared = 0
        for start in text.startIndex...(text.endIndex - part.count) {
            compared += 1
            if text[start] == first {
                var length = 1
                while length < part.count, text[start + length] == part[length] { length += 1 }
                if length == part.count { return start }
                compared += length
            }
            if compared > 4096 {
                try budget.spend(compared / 32)
                compared = 0
            }
        }
        try budget.spend(compared / 32)
        return nil
    }

    // MARK: - Access

    /// What a loop goes through.
    func items(of value: JinjaValue) throws(JinjaFault) -> [JinjaValue] {
        let items: [JinjaValue]
        switch value {
        case .list(let list), .tuple(let list), .view(_, let list): items = list.items
        case .dictionary(let dictionary): items = dictionary.keys
        case .string(let text):
            try budget.hold(text.count)
            items = text.map { .string([$0]) }
        case .range(let range): items = (0..<range.count).map(range.value)
        case .iterator(let iterator): items = iterator.take()
        case .undefined: items = []
        case .markup, .loop: throw .unsupported("a loop over a \(value.typeName)")
        default: throw .failed("'\(value.typeName)' object is not iterable")
        }
        try budget.spend(items.count)
        return items
    }

    func look(up key: JinjaValue, in dictionary: JinjaDictionary) throws(JinjaFault) -> JinjaValue?
    {
        try budget.spend((key.scalars?.count ?? 0) / 64)
        return try dictionary.value(key)
    }

    /// `value.name`
    func attribute(_ name: String, of value: JinjaValue) throws(JinjaFault) -> JinjaValue {
        if let own = try ownAttribute(name, of: value) { return own }
        if case .dictionary(let dictionary) = value, let item = try dictionary.value(.text(name)) {
            return item
        }
        return .undefined("'\(value.objectName)' has no attribute '\(name)'")
    }

    /// An attribute that Python's object has by itself.
    private func ownAttribute(_ name: String, of value: JinjaValue) throws(JinjaFault)
        -> JinjaValue?
    {
        switch value {
        case .undefined(let reason): throw .failed(reason)
        case .namespace(let namespace):
            return namespace.values[name]
        case .loop(let loop):
            if let attribute = loop.attribute(name) { return attribute }
            if ["cycle", "changed"].contains(name) { throw .unsupported("'loop.\(name)'") }
        case .macro:
            if ["name", "arguments", "caller", "catch_kwargs", "catch_varargs"].contains(name) {
                throw .unsupported("'\(name)' of a macro")
            }
        default: break
        }
        let isUnsafe = name.hasPrefix("__") || JinjaMethods.changing(value).contains(name)
        if isUnsafe {
            return .undefined(
                "access to attribute '\(name)' of '\(value.typeName)' object is unsafe.")
        }
        return JinjaMethods.names(of: value).contains(name) ? .method(value, name) : nil
    }

    /// `value[key]`
    func item(_ key: JinjaValue, of value: JinjaValue) throws(JinjaFault) -> JinjaValue {
        if case .undefined(let reason) = value { throw .failed(reason) }
        func element(_ items: [JinjaValue]) -> JinjaValue? {
            guard let place = key.integer else { return nil }
            let index = place < 0 ? place + items.count : place
            return items.indices.contains(index) ? items[index] : nil
        }
        switch value {
        case .dictionary(let dictionary):
            switch key {
            case .list, .dictionary: break
            default: if let item = try look(up: key, in: dictionary) { return item }
            }
        case .list(let list), .tuple(let list):
            if let item = element(list.items) { return item }
        case .string(let text):
            if let place = key.integer {
                let index = place < 0 ? place + text.count : place
                if text.indices.contains(index) { return .string([text[index]]) }
            }
        case .range(let range):
            if let place = key.integer {
                let index = place < 0 ? place + range.count : place
                if (0..<range.count).contains(index) { return range.value(index) }
            }
        case .markup: throw .unsupported("a part of a text marked as safe")
        default: break
        }
        guard let name = key.scalars?.text else {
            let key = try text.represented(key).text
            return .undefined("\(value.objectName) has no element \(key)")
        }
        return try ownAttribute(name, of: value)
            ?? .undefined("'\(value.objectName)' has no attribute '\(name)'")
    }

    /// `value[start:stop:step]`
    func slice(_ value: JinjaValue, _ bounds: [JinjaValue]) throws(JinjaFault) -> JinjaValue {
        func bound(_ place: Int) throws(JinjaFault) -> Int? {
            guard place < bounds.count else { return nil }
            if case .none = bounds[place] { return nil }
            guard let number = bounds[place].integer else {
                throw .failed("slice indices must be integers or None")
            }
            return number
        }
        let (start, stop) = (try bound(0), try bound(1))
        let step = try bound(2) ?? 1
        guard step != 0 else { throw .failed("slice step cannot be zero") }
        func indices(_ count: Int) -> [Int] {
            func clamped(_ bound: Int?, _ standard: Int) -> Int {
                guard let bound else { return standard }
                let place = bound < 0 ? bound + count : bound
                return step > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
            }
            let first = clamped(start, step > 0 ? 0 : count - 1)
            let last = clamped(stop, step > 0 ? count : -1)
            return Array(Swift.stride(from: first, to: last, by: step))
        }
        switch value {
        case .string(let text):
            try budget.hold(text.count)
            return .string(indices(text.count).map { text[$0] })
        case .list(let list):
            try budget.spend(list.items.count)
            return .list(try JinjaList(indices(list.items.count).map { list.items[$0] }))
        case .tuple(let list):
            try budget.spend(list.items.count)
            return .tuple(try JinjaList(indices(list.items.count).map { list.items[$0] }))
        case .undefined(let reason): throw .failed(reason)
        // Of a number or none jinja2 fails, or makes nothing where the whole output is constant.
        default: throw .unsupported("a slice of a \(value.typeName)")
        }
    }
}
