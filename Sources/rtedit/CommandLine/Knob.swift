/// An option that says all about its value itself: what it may be, how it is read, and the one standard.
///
/// ```swift
/// static let epochs = Knob.integer("epochs", "N", "Times through the data.", standard: 3, in: 1...100)
/// let epochs = try arguments.value(Self.epochs)
/// ```
struct Knob<Value: Sendable>: Sendable {
    let option: Option
    /// The value where the option is not given.
    let standard: Value
    fileprivate let parse: @Sendable (String) -> Value?
    /// Completes "is not …".
    fileprivate let expected: String
}

extension ParsedArguments {
    /// The option's value or its standard. Throws `.invalidValue` for a text that is none.
    func value<Value>(_ knob: Knob<Value>) throws(UsageError) -> Value {
        guard isGiven(knob.option), let text = textIfGiven(knob.option) else {
            return knob.standard
        }
        guard let value = knob.parse(text) else {
            throw invalid(knob.option, text, knob.expected)
        }
        return value
    }
}

// MARK: - Kinds

extension Knob<Int> {
    /// A whole number in a range.
    static func integer(
        _ name: String, _ valueName: String, _ help: String, standard: Int,
        in range: ClosedRange<Int> = 0...Int.max
    ) -> Knob {
        Knob(
            option: .value(name, valueName, help, standard: "\(standard)"), standard: standard,
            parse: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
            expected: "a number \(ParsedArguments.words(for: range))")
    }
}

extension Knob<Double> {
    /// A finite number in a range.
    static func number(
        _ name: String, _ valueName: String, _ help: String, standard: Double,
        in range: ClosedRange<Double>
    ) -> Knob {
        Knob(
            option: .value(name, valueName, help, standard: text(standard)), standard: standard,
            parse: { text in
                Double(text).flatMap { $0.isFinite && range.contains($0) ? $0 : nil }
            },
            expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }

    /// "3", "0.2", "1e-5": the shortest text, with an exponent below a thousandth.
    private static func text(_ number: Double) -> String {
        if let integer = Int(exactly: number) { return "\(integer)" }
        let text = "\(number)"
        let fraction = text.dropFirst("0.".count)
        let zeros = fraction.prefix { $0 == "0" }.count
        guard text.hasPrefix("0."), zeros >= 3, fraction.count == zeros + 1 else {
            return text.replacing("e-0", with: "e-")
        }
        return "\(fraction.dropFirst(zeros))e-\(zeros + 1)"
    }
}

extension Knob where Value: RawRepresentable<String> & CaseIterable {
    /// One of the names that a type has.
    static func choice(
        _ name: String, _ valueName: String, _ help: String, standard: Value
    ) -> Knob {
        let names = Value.allCases.map(\.rawValue)
        return Knob(
            option: .value(
                name, valueName, help, standard: standard.rawValue, allowed: names),
            standard: standard, parse: { Value(rawValue: $0) },
            expected: "one of \(names.joined(separator: ", "))")
    }
}

// MARK: - Declaring

/// What a command's list of options takes: options, and those that read their own values.
protocol DeclaredOption: Sendable {
    var option: Option { get }
}

extension Option: DeclaredOption {
    var option: Option { self }
}

extension Knob: DeclaredOption {}
