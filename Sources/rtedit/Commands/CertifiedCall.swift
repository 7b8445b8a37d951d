import Formats
import Transformer
import Tuning

/// A call of `verify --check`, held to the certificate it names: what the certificate was made with is taken, and an option
/// that says otherwise is refused. Vectors and prompts are given again, since a certificate has their hashes only.
struct CertifiedCall {
    let certificate: Certificate

    private var settings: VerificationSettings { certificate.settings }

    /// The arguments of the call with the certificate's settings in them.
    ///
    /// - Throws: `UsageError.contradiction` for an option that is not the certificate's; other `UsageError`s for values
    ///   that are none; `VectorError.badSpecification`.
    func arguments(_ given: ParsedArguments) throws -> ParsedArguments {
        try checkVectors(given)
        try checkPrompts(given)
        var arguments = given
        try settle(
            VerifyCommand.tolerance, settings.tolerance, text: settings.tolerance.map { "\($0)" },
            in: &arguments)
        try settle(
            VerifyCommand.positions, settings.positions, text: settings.positions.map { "\($0)" },
            in: &arguments)
        try settle(
            VerifyCommand.maxTokens, settings.textLength, text: "\(settings.textLength)",
            in: &arguments)
        try settle(
            SteeringOptions.convention, settings.convention, text: settings.convention.rawValue,
            in: &arguments)
        // A day that no template wrote has no say.
        if settings.day != nil {
            try settle(
                ChatOptions.date, settings.day, in: &arguments,
                isSame: ChatOptions.day(given)?.description == settings.day)
        }
        try settle(VerifyCommand.chat, settings.asChat, in: &arguments)
        try settle(SteeringOptions.everywhere, settings.isEverywhere, in: &arguments)
        try settle(
            SteeringOptions.within, settings.ablationBlocks,
            text: settings.ablationBlocks.map(BlockSet.text), in: &arguments)
        try settle(SteeringOptions.written, settings.isWritten, in: &arguments)
        return arguments
    }

    private func settle(
        _ option: Option, _ certified: String?, in arguments: inout ParsedArguments,
        isSame: @autoclosure () throws -> Bool
    ) throws {
        if arguments.isGiven(option), try !isSame() {
            throw UsageError.contradiction(
                option: option.flagText,
                fact: Self.fact(certified.map { "\(option.flagText) \($0)" }))
        }
        arguments.values[option.name] = certified.map { [$0] }
    }

    private func settle<Value: Equatable>(
        _ knob: Knob<Value>, _ certified: Value, text: String?, in arguments: inout ParsedArguments
    ) throws {
        let isSame = try arguments.value(knob) == certified
        try settle(knob.option, text, in: &arguments, isSame: isSame)
    }

    private func settle(
        _ flag: Option, _ certified: Bool, in arguments: inout ParsedArguments
    ) throws(UsageError) {
        if arguments.has(flag), !certified {
            throw .contradiction(option: flag.flagText, fact: Self.fact(nil))
        }
        if certified { arguments.flags.insert(flag.name) }
    }

    private static func fact(_ certified: String?) -> String {
        "the certificate was made \(certified.map { "with \($0)" } ?? "without it")"
    }

    private func checkVectors(_ given: ParsedArguments) throws {
        let asked = given.valuesInOrder(SteeringOptions.files)
        let certified = certificate.subject.vectors.map { vector in
            let option = SteeringOptions.option(for: vector.operation)
            return "\(option.flagText) \(vector.text)"
        }
        guard asked.count == certified.count else {
            let list = certified.joined(separator: " ")
            throw UsageError.contradiction(
                option: VerifyCommand.check.flagText,
                fact: certified.isEmpty
                    ? "the certificate was made without a vector"
                    : "the certificate was made with \(list), which must be given again")
        }
        for (index, (option, text)) in asked.enumerated() {
            let operation = SteeringOptions.operation(of: option)
            let isSame = certificate.subject.vectors[index].asksForTheSame(
                as: operation, try VectorSpecification(text))
            guard isSame else {
                throw UsageError.contradiction(
                    option: "\(option.flagText) \(text)", fact: Self.fact(certified[index]))
            }
        }
    }

    private func checkPrompts(_ given: ParsedArguments) throws(UsageError) {
        let isGiven = given.isGiven(VerifyCommand.prompts)
        switch certificate.subject.promptFile {
        case nil where isGiven:
            throw .contradiction(
                option: VerifyCommand.prompts.flagText,
                fact: "the certificate was made with the built-in prompts")
        case .some(let file) where !isGiven:
            throw .contradiction(
                option: VerifyCommand.check.flagText,
                fact:
                    "the certificate was made with \(VerifyCommand.prompts.flagText) \(file.name), "
                    + "which must be given again")
        default: return
        }
    }
}
