/// An option that says all about its value itself: what it may be, how it is read, and what it is where it is not given.
///
/// ```swift
/// static let epochs = Knob.integer("epochs", "N", "Times through the data.", standard: 3, in: 1...100)
/// let epochs = try arguments.value(Self.epochs)
/// ```
struct Knob<Value: Sendable>: Sendable {
    let option: Option
    /// The value where the option is not given.
    let standard: Value
    fileprivate let read: @Sendable (String) throws(Misread) -> Value

    /// - Parameters:
    ///   - text: the standard as the user would write it; nil where that cannot be written.
    ///   - read: the value of a text.
    init(
        _ name: String, _ valueName: String, short: Character? = nil, _ help: String,
        standard: Value, text: String?, allowed: [String] = [],
        read: @escaping @Sendable (String) throws(Misread) -> Value
    ) {
        option = .value(
            name, valueName, short: short, help, standard: text, allowed: allowed)
        self.standard = standard
        self.read = read
    }
}

/// A text that is no value of an option.
struct Misread: Error {
    /// The whole text, or the part of it that is at fault.
    let text: String
    /// Completes "is not …".
    let expected: String
}

extension ParsedArguments {
    /// The option's value or its standard. Throws `.invalidValue` for a text that is none.
    func value<Value>(_ knob: Knob<Value>) throws(UsageError) -> Value {
        guard isGiven(knob.option), let text = textIfGiven(knob.option) else {
            return knob.standard
        }
        do throws(Misread) {
            return try knob.read(text)
        } catch {
            throw invalid(knob.option, error.text, error.expected)
        }
    }

    /// The value, within a narrower range than the option has by itself, as a model may set one.
    func value(_ knob: Knob<Int>, in range: ClosedRange<Int>) throws(UsageError) -> Int {
        let value = try value(knob)
        try check(value, of: knob.option, in: range)
        return value
    }

    /// The values, each within a narrower range than the option has by itself.
    func value(_ knob: Knob<[Int]?>, in range: ClosedRange<Int>) throws(UsageError) -> [Int]? {
        let values = try value(knob)
        for value in values ?? [] { try check(value, of: knob.option, in: range) }
        return values
    }

    private func check(
        _ value: Int, of option: Option, in range: ClosedRange<Int>
    ) throws(UsageError) {
        guard range.contains(value) else {
            throw invalid(option, "\(value)", ValueText.expected(range))
        }
    }
}

// MARK: - Numbers

extension Knob<Int> {
    /// A whole number in a range.
    static func integer(
        _ name: String, _ valueName: String, short: Character? = nil, _ help: String,
        standard: Int, in range: ClosedRange<Int> = 0...Int.max
    ) -> Knob {
        Knob(name, valueName, short: short, help, standard: standard, text: "\(standard)") {
            text throws(Misread) in try ValueText.integer(text, range)
        }
    }
}

extension Knob<Int> {
    /// A number of bytes, not zero.
    ///
    /// - Parameter standard: whole GiB.
    static func byteCount(
        _ name: String, _ valueName: String, _ help: String, standard: Int
    ) -> Knob {
        Knob(name, valueName, help, standard: standard, text: "\(standard >> 30)GiB") {
            text throws(Misread) in try ValueText.byteCount(text)
        }
    }
}

extension Knob<Int?> {
    /// A whole number in a range, or none.
    static func integer(
        _ name: String, _ valueName: String, _ help: String,
        in range: ClosedRange<Int> = 0...Int.max
    ) -> Knob {
        Knob(name, valueName, help, standard: nil, text: nil) { text throws(Misread) in
            try ValueText.integer(text, range)
        }
    }

    /// A number of bytes, or none: `4096`, `500MB` (thousands), `4GiB` (1024s); not zero.
    static func byteCount(_ name: String, _ valueName: String, _ help: String) -> Knob {
        Knob(name, valueName, help, standard: nil, text: nil) { text throws(Misread) in
            try ValueText.byteCount(text)
        }
    }
}

extension Knob<[Int]?> {
    /// Whole numbers separated by commas, or none.
    static func integers(_ name: String, _ valueName: String, _ help: String) -> Knob {
        Knob(name, valueName, help, standard: nil, text: nil) { text throws(Misread) in
            var integers: [Int] = []
            for part in ValueText.parts(text) {
                do throws(Misread) {
                    integers.append(
                        try ValueText.integer(String(part.drop { $0 == " " }), 0...Int.max))
                } catch {
                    throw Misread(text: part, expected: error.expected)
                }
            }
            return integers
        }
    }
}

extension Knob<Double> {
    /// A finite number in a range.
    static func number(
        _ name: String, _ valueName: String, _ help: String, standard: Double,
        in range: ClosedRange<Double>
    ) -> Knob {
        Knob(name, valueName, help, standard: standard, text: ValueText.text(standard)) {
            text throws(Misread) in try ValueText.number(text, range)
        }
    }
}

extension Knob<Double?> {
    /// A finite number in a range, or none.
    static func number(
        _ name: String, _ valueName: String, _ help: String, in range: ClosedRange<Double>
    ) -> Knob {
        Knob(name, valueName, help, standard: nil, text: nil) { text throws(Misread) in
            try ValueText.number(text, range)
        }
    }
}

extension Knob<[Double]> {
    /// Finite numbers in a range, separated by commas.
    static func numbers(
        _ name: String, _ valueName: String, _ help: String, standard: [Double],
        in range: ClosedRange<Double>
    ) -> Knob {
        let text = standard.map(ValueText.text).joined(separator: ",")
        return Knob(name, valueName, help, standard: standard, text: text) {
            text throws(Misread) in
            try ValueText.parts(text).map { part throws(Misread) in
                try ValueText.number(part, range)
            }
        }
    }
}

// MARK: - Words

extension Knob where Value: RawRepresentable<String> & CaseIterable {
    /// One of the names that a type has.
    static func choice(
        _ name: String, _ valueName: String, _ help: String, standard: Value
    ) -> Knob {
        Knob(
            name, valueName, help, standard: standard, text: standard.rawValue,
            allowed: Value.allCases.map(\.rawValue)
        ) { text throws(Misread) in try ValueText.choice(text) }
    }
}

extension Knob {
    /// One of the names that a type has, or none.
    static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ valueName: String, _ help: String
    ) -> Knob where Value == Choice? {
        Knob(
            name, valueName, help, standard: nil, text: nil,
            allowed: Choice.allCases.map(\.rawValue)
        ) { text throws(Misread) in try ValueText.choice(text) }
    }

    /// Some of the names that a type has, separated by commas.
    static func choices<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ valueName: String, _ help: String, standard: [Choice]
    ) -> Knob where Value == [Choice] {
        Knob(
            name, valueName, help, standard: standard,
            text: standard.map(\.rawValue).joined(separator: ",")
        ) { text throws(Misread) in try ValueText.choices(text) }
    }

    /// The same, or none.
    static func choices<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ valueName: String, _ help: String
    ) -> Knob where Value == [Choice]? {
        Knob(name, valueName, help, standard: nil, text: nil) { text throws(Misread) in
            try ValueText.choices(text)
        }
    }
}

// MARK: - Texts

/// How values are written.
private enum ValueText {
    static func integer(_ text: String, _ range: ClosedRange<Int>) throws(Misread) -> Int {
        guard let integer = Int(text), range.contains(integer) else {
            throw Misread(text: text, expected: expected(range))
        }
        return integer
    }

    static func byteCount(_ text: String) throws(Misread) -> Int {
        guard let bytes = Quantity.byteCount(from: text), bytes > 0 else {
            throw Misread(text: text, expected: "a size such as 4096, 500MB or 4GiB")
        }
        return bytes
    }

    static func number(_ text: String, _ range: ClosedRange<Double>) throws(Misread) -> Double {
        guard let number = Double(text), number.isFinite, range.contains(number) else {
            throw Misread(
                text: text, expected: "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String
    ) throws(Misread) -> Choice {
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw Misread(text: text, expected: "one of \(names)")
        }
        return choice
    }

    static func choices<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String
    ) throws(Misread) -> [Choice] {
        try parts(text).map { part throws(Misread) in try choice(part) }
    }

    static func parts(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    static func expected(_ range: ClosedRange<Int>) -> String {
        range.upperBound == Int.max
            ? "a number of at least \(range.lowerBound)"
            : "a number from \(range.lowerBound) to \(range.upperBound)"
    }

    /// "3", "0.2", "1e-5": the shortest text, with an exponent below a thousandth.
    static func text(_ number: Double) -> String {
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

// MARK: - Declaring

/// What a command's list of options takes: options, and those that read their own values.
protocol DeclaredOption: Sendable {
    var option: Option { get }
}

extension Option: DeclaredOption {
    var option: Option { self }

    /// Options of both kinds in one list.
    static func declared(_ options: [any DeclaredOption]) -> [Option] { options.map(\.option) }
}

extension Knob: DeclaredOption {}
