import Formats
import Transformer

/// One message of a user and what came of it.
struct ChatExchange {
    let user: String
    let answer: String
    /// The answer without steering, where it was asked for.
    let plain: String?
    let system: String?
    /// What steered, as options of a call.
    let steering: [String]
    let sampling: SamplingOptions
    let stop: TextGenerator.StopReason

    /// A line of a transcript, and the result of a turn.
    var json: JSONObject {
        var members: [JSONObject.Member] = []
        if let system { members.append(.init("system", .string(system))) }
        members += [.init("user", .string(user)), .init("assistant", .string(answer))]
        if let plain { members.append(.init("plain", .string(plain))) }
        return JSONObject(
            members + [
                .init("steering", .array(steering.map { .string($0) })),
                .init("temperature", .number(sampling.temperature)),
                .init("seed", .integer(Int(sampling.seed))),
                .init("stop", .string(stop.name)),
            ])
    }
}

/// A conversation as a file: `.md` to be read, `.jsonl` for programs.
struct ChatTranscript {
    let model: String
    let exchanges: [ChatExchange]

    /// Writes the file in the form that its name says.
    ///
    /// - Throws: `UsageError.invalidValue` for another extension, `FileError`.
    func write(to path: String, replacing: Bool) throws {
        let text = try Self.isMarkdown(path) ? markdown : lines
        let file = try AtomicFile(path: path, replacing: replacing)
        try file.append(Array(text.utf8))
        try file.commit()
    }

    /// Whether a path is of a text to be read.
    ///
    /// - Throws: `UsageError.invalidValue` where it is of no transcript.
    static func isMarkdown(_ path: String) throws(UsageError) -> Bool {
        if path.hasSuffix(".md") { return true }
        guard path.hasSuffix(".jsonl") else {
            throw .invalidValue(
                place: "the transcript", value: path, expected: "a name that ends in .md or .jsonl")
        }
        return false
    }

    private var lines: String {
        exchanges.map { JSONWriter(notFinite: .text).text(.object($0.json)) + "\n" }.joined()
    }

    private var markdown: String {
        var text = "# A conversation with \(model)\n"
        var system: String?
        for exchange in exchanges {
            if exchange.system != system, let now = exchange.system {
                text += "\n*System: \(now)*\n"
            }
            system = exchange.system
            text += "\n**User:** \(exchange.user)\n"
            if let plain = exchange.plain { text += "\n**Plain:** \(plain)\n" }
            let steering =
                exchange.steering.isEmpty ? "" : " (`\(exchange.steering.joined(separator: " "))`)"
            text += "\n**Assistant**\(steering)**:** \(exchange.answer)\n"
        }
        return text
    }
}
