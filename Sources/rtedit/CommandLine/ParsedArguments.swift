import Formats

/// What a call gave to a command. The getters throw a `UsageError` that names the option and its value.
///
/// Options and positionals are asked for by the declarations themselves: `try arguments.value(Self.maxTokens)`.
struct ParsedArguments: Sendable {
    /// By name.
    var positionals: [String: String] = [:]
    /// What follows the word of the last positional, where that takes several.
    var rest: [String] = []
    /// By the option's name, in the order of the call.
    var values: [String: [String]] = [:]
    /// The names of the options with values, as often as they were given, in the order of the call.
    var order: [String] = []
    /// The names of the flags that were given.
    var flags: Set<String> = []
    /// The names of the options that the command declares; nil outside a command's call.
    var declared: Set<String>?

    /// Whether the command declares the option.
    func declares(_ option: Option) -> Bool { declared?.contains(option.name) ?? true }

    /// Whether the option was given, be it a flag or one with a value.
    func isGiven(_ option: some DeclaredOption) -> Bool {
        has(option.option) || given(option.option) != nil
    }

    /// Whether the flag was given.
    func has(_ flag: Option) -> Bool {
        assert(declares(flag), "\(flag.flagText) is read, but not declared")
        return flags.contains(flag.name)
    }

    /// Every value given to a list, in the order of the call.
    func values(_ option: Option) -> [String] { given(option) ?? [] }

    /// An option that a command reads and does not declare would be its standard for ever: tests end here.
    private func given(_ option: Option) -> [String]? {
        assert(declares(option), "\(option.flagText) is read, but not declared")
        return values[option.name]
    }

    /// Every value given to some lists, in the order of the call.
    func valuesInOrder(_ options: [Option]) -> [(option: Option, text: String)] {
        var rest = options.map { (option: $0, values: values($0)[...]) }
        let inOrder = order.compactMap { name -> (option: Option, text: String)? in
            guard let index = rest.firstIndex(where: { $0.option.name == name }),
                let text = rest[index].values.popFirst()
            else { return nil }
            return (rest[index].option, text)
        }
        return inOrder + rest.flatMap { option, values in values.map { (option, $0) } }
    }

    /// The positional argument, or nil if the call stops before it.
    func textIfGiven(_ positional: Positional) -> String? { positionals[positional.name] }

    /// Every word of a positional argument that takes several. Throws `.missingArgument` if there is none.
    func texts(_ positional: Positional) throws(UsageError) -> [String] {
        [try text(positional)] + rest
    }

    /// The positional argument. Throws `.missingArgument` if the call stops before it.
    func text(_ positional: Positional) throws(UsageError) -> String {
        guard let text = textIfGiven(positional) else { throw .missingArgument(positional.name) }
        return text
    }
}

// MARK: - Outputs

extension ParsedArguments {
    /// Whether an output is one of the files or folders which the call names by their places, whatever the path to it.
    ///
    /// - Parameters:
    ///   - name: the output's own positional argument or option.
    ///   - inputs: other inputs, of options.
    func isInput(_ path: String, named name: String, inputs: [String] = []) -> Bool {
        let others = positionals.filter { $0.key != name }.map(\.value) + rest + inputs
        return others.contains { FileIdentity.isSame(path, $0) }
    }

    /// The path of an output. Throws `.missingArgument`, or `.invalidValue` where it is empty.
    func outputPath(_ positional: Positional) throws(UsageError) -> String {
        let path = try text(positional)
        guard !path.isEmpty else {
            throw .invalidValue(
                place: positional.name, value: path, expected: "the path of an output")
        }
        return path
    }

    /// The path of an output, or nil. Throws `.invalidValue` where it is empty.
    func outputPathIfGiven(_ option: Option) throws(UsageError) -> String? {
        guard let path = textIfGiven(option) else { return nil }
        guard !path.isEmpty else { throw invalid(option, path, "the path of an output") }
        return path
    }

    /// The path of an output. Throws `.missingOption`, or `.invalidValue` where it is empty.
    func outputPath(_ option: Option) throws(UsageError) -> String {
        guard let path = try outputPathIfGiven(option) else {
            throw .missingOption(option.flagText)
        }
        return path
    }
}

// MARK: - Values of options

extension ParsedArguments {
    /// The option's value, or its standard value, or nil.
    func textIfGiven(_ option: Option) -> String? {
        given(option)?.last ?? option.value?.standard
    }

    /// The option's value or its standard value. Throws `.missingOption` if there is neither.
    func text(_ option: Option) throws(UsageError) -> String {
        guard let text = textIfGiven(option) else { throw .missingOption(option.flagText) }
        return text
    }

    /// A fact about this option's value, for a command that reads the value itself.
    ///
    /// `expected` completes "is not …".
    func invalid(_ option: Option, _ text: String, _ expected: String) -> UsageError {
        .invalidValue(place: option.flagText, value: text, expected: expected)
    }
}

// MARK: - Options of every command

extension ParsedArguments {
    /// How many threads to compute with. Throws `.invalidValue` unless it is from 1 to 1024.
    var threads: Int {
        get throws(UsageError) { try value(Option.threads) }
    }

    /// Whether outputs that exist may be replaced.
    var replacesOutputs: Bool { has(.force) }

    /// What is told, and how.
    var consoleSettings: Console.Settings {
        Console.Settings(
            isQuiet: has(.quiet), isVerbose: has(.verbose), isJSON: has(.json),
            hidesProgress: has(.noProgress))
    }
}
