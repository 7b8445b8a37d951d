/// The functions that templates find without being given them.
enum JinjaFunctions {
    static let names: Set<String> = [
        "range", "dict", "namespace", "raise_exception", "strftime_now", "cycler", "joiner",
        "lipsum",
    ]
}

extension JinjaEvaluator {
    func call(_ name: String, _ arguments: JinjaArguments) throws(JinjaFault) -> JinjaValue {
        switch name {
        case "range":
            guard arguments.named.isEmpty, (1...3).contains(arguments.values.count) else {
                throw .failed("range() takes one to three arguments")
            }
            var numbers: [Int] = []
            for value in arguments.values {
                guard let number = value.integer else {
                    throw .failed(
                        "'\(value.typeName)' object cannot be interpreted as an integer")
                }
                numbers.append(number)
            }
            return .range(
                try JinjaRange(
                    numbers.count > 1 ? numbers[0] : 0, numbers.count > 1 ? numbers[1] : numbers[0],
                    numbers.count > 2 ? numbers[2] : 1))
        case "dict": return .dictionary(try dictionary(arguments))
        case "namespace":
            let namespace = JinjaNamespace()
            let values = try dictionary(arguments)
            for (key, value) in zip(values.keys, values.values) {
                guard let name = key.scalars?.text else {
                    throw .unsupported("a namespace attribute that is no text")
                }
                try namespace.set(name, value)
            }
            return .namespace(namespace)
        case "raise_exception":
            let message = try arguments.bound(["message"], required: 1, of: name)[0]
            throw .raised(try text.string(message ?? .none).text)
        default: throw .unsupported("the function '\(name)'")
        }
    }

    private func dictionary(_ arguments: JinjaArguments) throws(JinjaFault) -> JinjaDictionary {
        var dictionary = JinjaDictionary()
        guard arguments.values.count <= 1 else { throw .failed("dict expected at most 1 argument") }
        if let first = arguments.values.first {
            guard case .dictionary(let given) = first else {
                throw .unsupported("a dictionary made of a \(first.typeName)")
            }
            dictionary = given
        }
        for (name, value) in arguments.named { try dictionary.set(.text(name), value) }
        try budget.spend(dictionary.keys.count)
        return dictionary
    }
}
