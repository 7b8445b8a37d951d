/// Filters of lists, dictionaries and whatever can be gone through.
extension JinjaEvaluator {
    func filteredItems(_ value: JinjaValue, _ filter: String, _ arguments: JinjaArguments)
        throws(JinjaFault) -> JinjaValue
    {
        switch filter {
        case "list": return .list(try JinjaList(try items(of: value)))
        case "first":
            if case .iterator(let iterator) = value {
                return iterator.next() ?? Self.noItem("first")
            }
            return try items(of: value).first ?? Self.noItem("first")
        case "last":
            if case .iterator = value {
                throw .failed("'generator' object is not reversible")
            }
            return try items(of: value).last ?? Self.noItem("last")
        case "reverse":
            if case .string(let text) = value {
                try budget.hold(text.count)
                return .string(text.reversed())
            }
            let items = try items(of: value)
            if case .iterator = value { return .list(try JinjaList(items.reversed())) }
            return .iterator(JinjaIterator(items.reversed()))
        case "items":
            if value.isUndefined { return .iterator(JinjaIterator([])) }
            guard case .dictionary(let dictionary) = value else {
                throw .failed("Can only get item pairs from a mapping.")
            }
            return .iterator(JinjaIterator(try pairs(dictionary)))
        case "join": return .string(try joined(value, arguments))
        case "map": return .iterator(JinjaIterator(try mapped(value, arguments)))
        case "select", "reject", "selectattr", "rejectattr":
            return .iterator(JinjaIterator(try selected(value, filter, arguments)))
        case "unique": return .iterator(JinjaIterator(try unique(value, arguments)))
        case "sort":
            let bound = try arguments.bound(["reverse", "case_sensitive", "attribute"], of: filter)
            return .list(
                try JinjaList(
                    try sorted(
                        try items(of: value), key: try key(bound[2], isExact: bound[1]?.isTrue),
                        isReversed: bound[0]?.isTrue ?? false)))
        case "dictsort": return try dictionarySorted(value, arguments)
        case "min", "max":
            let bound = try arguments.bound(["case_sensitive", "attribute"], of: filter)
            let key = try key(bound[1], isExact: bound[0]?.isTrue)
            let items = try items(of: value)
            guard var best = items.first else {
                return .undefined("No aggregated item, sequence was empty.")
            }
            for item in items.dropFirst() {
                let (left, right) = filter == "min" ? (item, best) : (best, item)
                if try precedes(try key(left), try key(right), "<") { best = item }
            }
            return best
        case "sum":
            let bound = try arguments.bound(["attribute", "start"], of: filter)
            var sum = bound[1] ?? .integer(0)
            for item in try items(of: value) {
                sum = try operate(.add, sum, try part(bound[0], of: item))
            }
            return sum
        default: throw .unsupported("the filter '\(filter)'")
        }
    }

    private static func noItem(_ place: String) -> JinjaValue {
        .undefined("No \(place) item, sequence was empty.")
    }

    func pairs(_ dictionary: JinjaDictionary) throws(JinjaFault) -> [JinjaValue] {
        try budget.spend(dictionary.keys.count)
        var pairs: [JinjaValue] = []
        for (key, value) in zip(dictionary.keys, dictionary.values) {
            pairs.append(.tuple(try JinjaList([key, value])))
        }
        return pairs
    }

    private func joined(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> Scalars
    {
        let bound = try arguments.bound(["d", "attribute"], of: "join")
        let separator = try bound[0].map { (value) throws(JinjaFault) in try text.string(value) }
        var result: Scalars = []
        for (place, item) in try items(of: value).enumerated() {
            if place > 0, let separator { result += separator }
            let part = try text.string(try part(bound[1], of: item))
            try budget.hold(part.count + (separator?.count ?? 0))
            result += part
        }
        return result
    }

    // MARK: - Item by item

    /// An item's attribute, or the item where none is asked for.
    private func part(_ attribute: JinjaValue?, of item: JinjaValue) throws(JinjaFault)
        -> JinjaValue
    {
        switch attribute {
        case nil, .some(.none): return item
        case .integer(let place): return try self.item(.integer(place), of: item)
        case .string(let path):
            var value = item
            for name in path.split(separator: ".", omittingEmptySubsequences: false) {
                let key: JinjaValue =
                    !name.isEmpty && name.allSatisfy(\.isDigit)
                    ? .integer(Int(Scalars(name).text) ?? 0) : .string(Scalars(name))
                value = try self.item(key, of: value)
            }
            return value
        default: throw .failed("an attribute's name is a string")
        }
    }

    private func mapped(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> [JinjaValue]
    {
        var results: [JinjaValue] = []
        guard value.isTrue else { return [] }
        guard let first = arguments.values.first else {
            let names = arguments.named.map(\.name)
            guard names.contains("attribute"),
                Set(names).isSubset(of: ["attribute", "default"])
            else { throw .failed("map requires a filter argument") }
            let bound = try arguments.bound(["attribute", "default"], of: "map")
            for item in try items(of: value) {
                let part = try part(bound[0], of: item)
                results.append(part.isUndefined ? bound[1] ?? part : part)
            }
            return results
        }
        guard let filter = first.scalars?.text else { throw .failed("map takes a filter's name") }
        let rest = JinjaArguments(
            values: Array(arguments.values.dropFirst()), named: arguments.named)
        for item in try items(of: value) { results.append(try filtered(item, filter, rest)) }
        return results
    }

    private func selected(_ value: JinjaValue, _ filter: String, _ arguments: JinjaArguments)
        throws(JinjaFault) -> [JinjaValue]
    {
        guard value.isTrue else { return [] }
        guard arguments.named.isEmpty else {
            throw .unsupported("'\(filter)' with named arguments")
        }
        var rest = arguments.values[...]
        var attribute: JinjaValue?
        if filter.hasSuffix("attr") {
            guard let first = rest.popFirst() else {
                throw .failed("Missing parameter for attribute name")
            }
            attribute = first
        }
        let test = rest.popFirst()
        let isSelecting = filter.hasPrefix("select")
        var results: [JinjaValue] = []
        for item in try items(of: value) {
            let part = try part(attribute, of: item)
            let isTrue: Bool
            if let test {
                guard let name = test.scalars?.text else {
                    throw .failed("a test's name is a string")
                }
                isTrue = try passes(part, name, Array(rest))
            } else {
                isTrue = part.isTrue
            }
            if isTrue == isSelecting { results.append(item) }
        }
        return results
    }

    private func unique(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFault)
        -> [JinjaValue]
    {
        let bound = try arguments.bound(["case_sensitive", "attribute"], of: "unique")
        let key = try key(bound[1], isExact: bound[0]?.isTrue)
        var seen: Set<JinjaDictionary.Key> = []
        var results: [JinjaValue] = []
        for item in try items(of: value)
        where seen.insert(try JinjaDictionary.key(try key(item))).inserted {
            results.append(item)
        }
        return results
    }

    // MARK: - Order

    private typealias SortKey = (JinjaValue) throws(JinjaFault) -> JinjaValue

    /// What items are ordered by: texts without case, unless told otherwise.
    private func key(_ attribute: JinjaValue?, isExact: Bool?) throws(JinjaFault) -> SortKey {
        if let attribute = attribute?.scalars, attribute.contains(",") {
            throw .unsupported("an order by several attributes")
        }
        return { (item) throws(JinjaFault) in
            let part = try self.part(attribute, of: item)
            guard !(isExact ?? false), case .string(let text) = part else { return part }
            try self.budget.hold(text.count)
            return .string(PythonCase.lower(text))
        }
    }

    /// Merges ever longer runs; equal items keep their order.
    private func sorted(_ items: [JinjaValue], key: SortKey, isReversed: Bool)
        throws(JinjaFault) -> [JinjaValue]
    {
        var runs: [[(key: JinjaValue, item: JinjaValue)]] = []
        for item in items { runs.append([(try key(item), item)]) }
        while runs.count > 1 {
            var merged: [[(key: JinjaValue, item: JinjaValue)]] = []
            for start in stride(from: 0, to: runs.count, by: 2) {
                guard start + 1 < runs.count else {
                    merged.append(runs[start])
                    continue
                }
                var (left, right) = (runs[start][...], runs[start + 1][...])
                var run: [(key: JinjaValue, item: JinjaValue)] = []
                while let a = left.first, let b = right.first {
                    let takesRight =
                        isReversed
                        ? try precedes(a.key, b.key, "<") : try precedes(b.key, a.key, "<")
                    run.append(takesRight ? b : a)
                    if takesRight { right.removeFirst() } else { left.removeFirst() }
                }
                merged.append(run + left + right)
            }
            runs = merged
        }
        return runs.first?.map(\.item) ?? []
    }

    private func dictionarySorted(_ value: JinjaValue, _ arguments: JinjaArguments)
        throws(JinjaFault) -> JinjaValue
    {
        let bound = try arguments.bound(["case_sensitive", "by", "reverse"], of: "dictsort")
        guard case .dictionary(let dictionary) = value else {
            if case .undefined(let reason) = value { throw .failed(reason) }
            throw .failed("'\(value.typeName)' object has no attribute 'items'")
        }
        let by = bound[1]?.scalars?.text ?? "key"
        guard by == "key" || by == "value" else {
            throw .failed("You can only sort by either \"key\" or \"value\"")
        }
        let place = JinjaValue.integer(by == "key" ? 0 : 1)
        return .list(
            try JinjaList(
                try sorted(
                    try pairs(dictionary), key: try key(place, isExact: bound[0]?.isTrue),
                    isReversed: bound[2]?.isTrue ?? false)))
    }
}
