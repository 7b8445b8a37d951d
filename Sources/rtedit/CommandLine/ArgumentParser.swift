/// Sorts the words after a command's name into its positional arguments and options.
struct ArgumentParser {
    let command: any Command

    /// Throws the `UsageError` of the first word that does not fit, then that of the first that is missing.
    func parse(_ words: [String]) throws(UsageError) -> ParsedArguments {
        var arguments = ParsedArguments(declared: Set(command.allOptions.map(\.name)))
        var rest = words[...]
        var extra: String?
        var optionsAreOver = false
        while let word = rest.popFirst() {
            if optionsAreOver || !Self.isWrittenAsOption(word) {
                if try !take(positional: word, into: &arguments), extra == nil { extra = word }
            } else if word == "--" {
                optionsAreOver = true
            } else {
                try take(option: word, followedBy: &rest, into: &arguments)
            }
        }
        if let extra {
            let option = neededOptions(in: arguments).first.map { "\($0.flagText) \(extra)" }
            throw .extraArgument(extra, suggestion: option)
        }
        if !arguments.has(.help), !arguments.has(.version) {
            try checkNothingIsMissing(in: arguments)
        }
        return arguments
    }

    /// A dash alone (standard input) and a negative number are no options.
    static func isWrittenAsOption(_ word: String) -> Bool {
        word.hasPrefix("-") && word != "-" && Double(word) == nil
    }

    // MARK: - One word

    /// - Returns: whether the command has a place for the word.
    private func take(
        positional word: String, into arguments: inout ParsedArguments
    ) throws(UsageError) -> Bool {
        guard arguments.positionals.count < command.positionals.count else {
            guard let last = command.positionals.last, last.isRepeatable else { return false }
            arguments.rest.append(word)
            return true
        }
        let positional = command.positionals[arguments.positionals.count]
        try check(word, isIn: positional.allowed, place: positional.name)
        arguments.positionals[positional.name] = word
        return true
    }

    private func take(
        option word: String, followedBy rest: inout ArraySlice<String>,
        into arguments: inout ParsedArguments
    ) throws(UsageError) {
        let (option, attached) = try find(word, in: arguments)
        guard let value = option.value else {
            if let attached { throw .unexpectedValue(option: option.flagText, value: attached) }
            arguments.flags.insert(option.name)
            return
        }
        let text: String
        if let attached {
            text = attached
        } else if let next = rest.first, !startsOption(next) {
            text = next
            rest.removeFirst()
        } else {
            throw .missingValue(option: option.flagText, valueName: value.name)
        }
        try check(text, isIn: value.allowed, place: option.flagText)
        arguments.values[option.name, default: []].append(text)
        arguments.order.append(option.name)
    }

    /// The option a word names, and the value written in the same word: `--seed=7`, `-oout.gguf`.
    private func find(
        _ word: String, in arguments: ParsedArguments
    ) throws(UsageError) -> (option: Option, attached: String?) {
        if word.hasPrefix("--") {
            let parts = word.dropFirst(2).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let known = command.allOptions.first { $0.name == parts[0] }
            let other = command.allOptions.first { $0.otherName.map { $0 == parts[0] } ?? false }
            if let option = known ?? other {
                return (option, parts.count > 1 ? String(parts[1]) : nil)
            }
        } else if let option = command.allOptions.first(where: {
            $0.short == word.dropFirst().first
        }) {
            let attached = String(word.dropFirst(2))
            if attached.isEmpty { return (option, nil) }
            if option.value != nil { return (option, attached) }
        }
        let name = String(word.prefix { $0 != "=" })
        let bare = String(name.drop { $0 == "-" })
        if Self.outputOptions.contains(name), let call = command.callWithOutput(arguments) {
            throw .outputHasAPlace(option: name, call: call)
        }
        let suggestion = Suggestion.nearest(to: bare, among: command.allOptions.map(\.name))
        throw .unknownOption(name, suggestion: suggestion.map { "--\($0)" })
    }

    /// What names the output in commands that have an option for it.
    private static let outputOptions = ["-o", "--output", "--out"]

    /// Whether a word after an option that needs a value is the next option. Any other word is the value,
    /// so that texts may start with a dash.
    private func startsOption(_ word: String) -> Bool {
        if word.hasPrefix("--") { return word.dropFirst(2).first?.isLetter ?? true }
        guard word.count == 2, word.hasPrefix("-") else { return false }
        return command.allOptions.contains { $0.short == word.last }
    }

    private func check(
        _ text: String, isIn allowed: [String], place: String
    ) throws(UsageError) {
        if allowed.isEmpty || allowed.contains(text) { return }
        throw .invalidValue(
            place: place, value: text, expected: "one of \(allowed.joined(separator: ", "))")
    }

    // MARK: - The whole call

    private var requiredOptions: [Option] {
        command.options.filter { $0.value?.isRequired ?? false }
    }

    /// The options with which a call would be whole.
    private func neededOptions(in arguments: ParsedArguments) -> [Option] {
        let missing = command.groups.filter { !$0.options.contains(where: arguments.isGiven) }
        return requiredOptions.filter { !arguments.isGiven($0) }
            + missing.compactMap { group in group.options.first { $0.value != nil } }
    }

    private func checkNothingIsMissing(in arguments: ParsedArguments) throws(UsageError) {
        for positional in command.positionals.dropFirst(arguments.positionals.count)
        where !positional.isOptional {
            throw .missingArgument(positional.name)
        }
        for option in requiredOptions where !arguments.isGiven(option) {
            throw .missingOption(option.flagText)
        }
        for group in command.groups {
            let given = group.options.filter(arguments.isGiven)
            if given.isEmpty { throw .missingOneOf(group.options.map(\.flagText)) }
            if group.rule == .exactlyOne, given.count > 1 { throw .conflict(given.map(\.flagText)) }
        }
    }
}
