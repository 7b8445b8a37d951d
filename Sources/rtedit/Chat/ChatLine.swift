import Tuning

/// What a user of `chat` writes in a line: a message, or a command that begins with a slash.
enum ChatLine: Equatable {
    case message(String)
    case command(Command, String)

    /// The commands, in the order in which `/help` lists them.
    enum Command: String, CaseIterable {
        case vector, ablate, strength, blocks, drop, steering, beside
        case system, temperature, seed, tokens
        case again, undo, clear, save, help, quit

        /// What stands after the command.
        var argument: String {
            switch self {
            case .vector, .ablate: "SPEC"
            case .strength: "X [N]"
            case .blocks: "BLOCKS|all [N]"
            case .drop: "[N]"
            case .beside: "[on|off]"
            case .system: "[TEXT]"
            case .temperature: "X"
            case .seed, .tokens: "N"
            case .save: "FILE"
            case .steering, .again, .undo, .clear, .help, .quit: ""
            }
        }

        var help: String {
            switch self {
            case .vector: "add a vector, FILE[:SCALE][@BLOCKS], or change what the same file does"
            case .ablate: "remove a vector's direction, likewise"
            case .strength: "the scale of vector N, or of all"
            case .blocks: "the blocks of vector N, or of all"
            case .drop: "take vector N away, or all"
            case .steering: "what steers now, with the numbers N"
            case .beside: "show the plain answer beside the steered one"
            case .system: "the system message; none takes it away"
            case .temperature: "the sampling temperature; 0 takes the likeliest token"
            case .seed: "the seed of the sampling"
            case .tokens: "the most tokens of an answer"
            case .again: "answer the last message anew"
            case .undo: "forget the last message and its answer"
            case .clear: "forget the conversation; the steering stays"
            case .save: "write the conversation, .md to read or .jsonl for programs"
            case .help: "this list"
            case .quit: "end; so does the end of input"
            }
        }
    }

    /// Reads a line. Two slashes begin a message with one.
    ///
    /// - Throws: `UsageError.invalidValue` for a command there is not.
    init(_ text: String) throws(UsageError) {
        guard text.hasPrefix("/"), !text.hasPrefix("//") else {
            self = .message(text.hasPrefix("//") ? String(text.dropFirst()) : text)
            return
        }
        let name = text.dropFirst().prefix { !$0.isWhitespace }
        guard let command = Command(rawValue: String(name)) else {
            throw .unknownCommand(
                "/\(name)",
                suggestion: Suggestion.nearest(
                    to: "/\(name)", among: Command.allCases.map { "/\($0.rawValue)" }))
        }
        self = .command(
            command, text.dropFirst(name.count + 1).trimmingWhitespace())
    }
}

extension Substring {
    fileprivate func trimmingWhitespace() -> String {
        let start = drop { $0.isWhitespace }
        let end = start.lastIndex { !$0.isWhitespace }
        return end.map { String(start[...$0]) } ?? ""
    }
}
