import Formats
import Transformer
import Tuning

/// What steers a conversation, changed while it goes on.
struct ChatSteering {
    /// A vector in use, with the option that would ask for it.
    struct Part: Equatable {
        let option: Option
        var specification: VectorSpecification

        var text: String { "\(option.flagText) \(specification.text)" }

        static func == (one: Part, other: Part) -> Bool { one.text == other.text }
    }

    private(set) var parts: [Part]
    /// The call's, for all that is not changed here.
    private let arguments: ParsedArguments

    /// What the call asks for.
    ///
    /// - Throws: `VectorError.badSpecification`.
    init(_ arguments: ParsedArguments) throws {
        self.arguments = arguments
        parts = try arguments.valuesInOrder(SteeringOptions.files).map { option, text in
            Part(option: option, specification: try VectorSpecification(text))
        }
    }

    /// The interventions on a model.
    ///
    /// - Throws: as `SteeringOptions.interventions`.
    func interventions(
        on session: ModelSession, _ console: Console, tellsBases: Bool
    ) throws -> [Intervention] {
        var arguments = arguments
        for option in SteeringOptions.files { arguments.values[option.name] = nil }
        arguments.order = []
        for part in parts {
            arguments.values[part.option.name, default: []].append(part.specification.text)
            arguments.order.append(part.option.name)
        }
        return try SteeringOptions.interventions(
            arguments, on: session, console, tellsBases: tellsBases)
    }

    /// Adds a vector, or changes what its file does already.
    mutating func set(_ option: Option, _ text: String) throws {
        let specification = try VectorSpecification(text)
        let place = parts.firstIndex {
            $0.option.name == option.name && $0.specification.file == specification.file
        }
        if let place {
            parts[place].specification = specification
        } else {
            parts.append(Part(option: option, specification: specification))
        }
    }

    /// Sets a scale: `X` for all vectors, `X N` for one.
    mutating func setStrength(_ text: String) throws {
        let (value, places) = try self.value(text, of: .strength)
        guard let scale = Float(value), scale.isFinite else {
            throw UsageError.invalidValue(
                place: "/strength", value: value, expected: "a finite number")
        }
        for place in places {
            parts[place].specification = parts[place].specification.scaled(to: scale)
        }
    }

    /// Sets the blocks: `BLOCKS` or `all` for all vectors, `BLOCKS N` for one.
    mutating func setBlocks(_ text: String) throws {
        let (value, places) = try self.value(text, of: .blocks)
        let blocks = BlockSet.parse(value)
        guard blocks != nil || value == "all" else {
            throw UsageError.invalidValue(
                place: "/blocks", value: value,
                expected: "a list of blocks such as 8,10-12, or 'all'")
        }
        for place in places {
            parts[place].specification = parts[place].specification.moved(to: blocks)
        }
    }

    /// Takes one vector away, or all.
    mutating func drop(_ text: String) throws {
        guard !text.isEmpty else {
            parts = []
            return
        }
        parts.remove(at: try place(text, of: .drop))
    }

    /// A value and the vectors it is for.
    private func value(
        _ text: String, of command: ChatLine.Command
    ) throws(UsageError) -> (value: String, places: [Int]) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let value = words.first, words.count <= 2 else {
            throw .invalidValue(
                place: "/\(command.rawValue)", value: text, expected: command.argument)
        }
        guard !parts.isEmpty else {
            throw .invalidValue(
                place: "/\(command.rawValue)", value: text,
                expected: "of use: nothing steers; /vector SPEC adds a vector")
        }
        guard words.count == 2 else { return (value, Array(parts.indices)) }
        return (value, [try place(words[1], of: command)])
    }

    /// The place of a vector by its number, from 1.
    private func place(
        _ text: String, of command: ChatLine.Command
    ) throws(UsageError) -> Int {
        guard let number = Int(text), parts.indices.contains(number - 1) else {
            throw .invalidValue(
                place: "/\(command.rawValue)", value: text,
                expected: parts.isEmpty
                    ? "a vector's number: nothing steers"
                    : "a vector's number from 1 to \(parts.count)"
            )
        }
        return number - 1
    }
}
