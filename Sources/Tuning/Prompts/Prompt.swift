package import Formats

/// A text for a model: raw, or turns of a conversation that the model's chat template renders.
package enum Prompt: Sendable, Hashable {
    case text(String)
    /// The last turn is the assistant's: empty, to be written by the model, or begun.
    case chat(system: String?, user: String?, assistant: String?)

    /// Reads a JSON string, or an object `{"system":…,"user":…,"assistant":…}`.
    ///
    /// - Throws: `PromptError` where the value is neither, or has other members.
    package init(_ value: JSONValue, place: String) throws(PromptError) {
        if let text = value.string {
            guard !text.isEmpty else { throw .empty(place: place) }
            self = .text(text)
            return
        }
        guard let object = value.object else { throw .notAPrompt(place: place) }
        var turns: [String: String] = [:]
        for member in object.members {
            guard ["system", "user", "assistant"].contains(member.key) else {
                throw .unknownMember(place: place, key: member.key)
            }
            guard let text = member.value.string else {
                throw .badMember(place: place, key: member.key)
            }
            turns[member.key] = text
        }
        guard !turns.isEmpty else { throw .empty(place: place) }
        self = .chat(system: turns["system"], user: turns["user"], assistant: turns["assistant"])
    }

    /// Reads a file of prompts, one JSON object `{"prompt": X}` a line, or standard input for `-`.
    ///
    /// - Returns: the prompts with their places ("file:line"); other members of the objects are left alone.
    /// - Throws: what `JSONLines.read` throws, and `PromptError` for a line that has no prompt.
    package static func readFile(_ path: String) throws -> [(prompt: Prompt, place: String)] {
        try JSONLines.read(path).map { place, object in
            guard let value = object["prompt"] else {
                throw PromptError.missingMember(place: place, key: "prompt")
            }
            return (try Prompt(value, place: place), place)
        }
    }

    /// The prompt with a system message where it has none of its own; a plain string becomes a user's turn.
    package func withSystem(_ system: String) -> Prompt {
        switch self {
        case .text(let text): .chat(system: system, user: text, assistant: nil)
        case .chat(let own, let user, let assistant):
            .chat(system: own ?? system, user: user, assistant: assistant)
        }
    }

    /// As a line of a file of prompts has it.
    package var json: JSONValue {
        switch self {
        case .text(let text): return .string(text)
        case .chat(let system, let user, let assistant):
            let turns = [("system", system), ("user", user), ("assistant", assistant)]
            return .object(
                JSONObject(turns.compactMap { key, text in text.map { .init(key, .string($0)) } }))
        }
    }
}

extension Prompt {
    /// What a person would call the prompt: the text, or the user's turn.
    package var question: String {
        switch self {
        case .text(let text): text
        case .chat(let system, let user, let assistant): user ?? assistant ?? system ?? ""
        }
    }
}

/// A prompt that cannot be read or rendered.
package enum PromptError: Failure, Equatable {
    case notAPrompt(place: String)
    /// A line of a file that is other JSON.
    case notAnObject(place: String)
    /// A member that is no text.
    case badMember(place: String, key: String)
    case emptyMember(place: String, key: String)
    case unknownMember(place: String, key: String)
    case missingMember(place: String, key: String)
    case notAList(place: String, key: String)
    case notAnIndex(place: String, key: String)
    case fewChoices(place: String, count: Int)
    case sameChoices(place: String, first: Int, second: Int)
    case noSuchChoice(place: String, correct: Int, count: Int)
    case empty(place: String)
    case noLines(file: String)
    case noTokens(place: String)
    case ownSystemText(place: String)
    case notText(file: String, offset: Int)
    case tooLarge(file: String, bytes: Int, limit: Int)
    case longLine(place: String, limit: Int)
    case noSuchToken(place: String, position: Position, promptCount: Int, count: Int)

    package var kind: FailureKind {
        switch self {
        case .noSuchToken: .usage
        default: .input
        }
    }

    package var description: String {
        switch self {
        case .notAPrompt(let place):
            "\(place): a prompt is a string or an object with system, user and assistant"
        case .notAnObject(let place): "\(place): the line is not a JSON object"
        case .badMember(let place, let key): "\(place): member '\(key)' is not a text"
        case .emptyMember(let place, let key): "\(place): member '\(key)' is empty"
        case .unknownMember(let place, let key):
            "\(place): member \(key.quoted) is none of system, user and assistant"
        case .missingMember(let place, let key): "\(place): member '\(key)' is missing"
        case .notAList(let place, let key):
            "\(place): member '\(key)' is not a list of texts"
        case .notAnIndex(let place, let key):
            "\(place): member '\(key)' is not a whole number, the place of a choice from 0 on"
        case .fewChoices(let place, let count):
            "\(place): 'choices' has \(count) \(count == 1 ? "text" : "texts"), at least 2 are needed"
        case .sameChoices(let place, let first, let second):
            "\(place): choices \(first) and \(second) are the same text"
        case .noSuchChoice(let place, let correct, let count):
            "\(place): 'correct' is \(correct), but there are \(count) choices (0 to \(count - 1))"
        case .empty(let place): "\(place): the prompt is empty"
        case .noLines(let file): "\(file): has no lines"
        case .noTokens(let place): "\(place): the prompt gives no tokens"
        case .ownSystemText(let place):
            "\(place): the prompt has a system text of its own, where the persona's belongs"
        case .notText(let file, let offset): "\(file): byte \(offset) is not UTF-8 text"
        case .tooLarge(let file, let bytes, let limit):
            "\(file): has \(bytes) bytes, more than the \(limit) of the largest text that is read"
        case .longLine(let place, let limit):
            "\(place): the line is longer than \(limit) bytes, the longest that is read"
        case .noSuchToken(let place, let position, let promptCount, let count):
            "\(place): token \(position.text) does not exist; the prompt has \(count) tokens, "
                + "\(promptCount) of them before the assistant's own text"
        }
    }
}

/// Files of one JSON object a line.
package enum JSONLines {
    /// Reads the objects of a file, or of standard input for `-`, with their places ("file:line"); empty lines are passed
    /// over.
    ///
    /// - Throws: `FileError`, `JSONError` with the line as its source, `PromptError.noLines` for an empty file, `.longLine`.
    package static func read(_ path: String) throws -> [(place: String, object: JSONObject)] {
        var objects: [(place: String, object: JSONObject)] = []
        try forEachLine(of: path) { _, place, object in
            objects.append((place, try object.get()))
        }
        return objects
    }

    /// Goes through the lines of a file that are not empty.
    ///
    /// - Parameter body: gets a line's number, its place ("file:line"), and its object or why it is none.
    /// - Throws: `FileError`, `PromptError.noLines` and `.longLine`; what the body throws.
    static func forEachLine(
        of path: String,
        _ body: (Int, String, Result<JSONObject, any Error>) throws -> Void
    ) throws {
        let file = try StandardInput.file(orAt: path)
        let text = file.bytes
        var start = 0
        var number = 0
        var isEmpty = true
        while start < text.count {
            number += 1
            let place = "\(file.path):\(number)"
            let (line, isBlank) = try line(of: text, from: start, place: place)
            start += line.count + 1
            guard !isBlank else { continue }
            isEmpty = false
            try body(number, place, object(line, place: place))
        }
        if isEmpty { throw PromptError.noLines(file: file.path) }
    }

    private static func object(
        _ line: MappedBytes, place: String
    ) -> Result<JSONObject, any Error> {
        do throws(JSONError) {
            guard let object = try JSONReader.parse(line, source: place).object else {
                return .failure(PromptError.notAnObject(place: place))
            }
            return .success(object)
        } catch {
            return .failure(error)
        }
    }

    /// A text that a line may have, as the name of its topic; nil where it has none, or null.
    ///
    /// - Throws: `PromptError.badMember` for anything that is not text.
    static func label(
        _ key: String, of object: JSONObject, place: String
    ) throws(PromptError) -> String? {
        guard let value = object[key] else { return nil }
        if case .null = value { return nil }
        guard let text = value.string else { throw .badMember(place: place, key: key) }
        return text
    }

    /// The most bytes a line may have; parsed, it takes many times as much memory.
    static let lineLimit = 16 << 20

    /// The line that begins at an offset, without its end, and whether it has only spaces.
    private static func line(
        of text: MappedBytes, from start: Int, place: String
    ) throws(PromptError) -> (bytes: MappedBytes, isBlank: Bool) {
        let window = start..<min(text.count, start + lineLimit + 1)
        guard let bytes = text.slice(window) else { return (text, true) }
        let length = bytes.firstIndex(of: 0x0a) ?? bytes.count
        guard length <= lineLimit, let line = bytes.slice(0..<length) else {
            throw .longLine(place: place, limit: lineLimit)
        }
        let isBlank = line.withUnsafeBytes { line in
            line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
        }
        return (line, isBlank)
    }
}
