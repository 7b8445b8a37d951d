import Formats

/// Two prompts that differ in the behaviour a direction is to be found for.
package struct ContrastPair: Sendable, Hashable {
    package let positive: Prompt
    package let negative: Prompt
    /// File and line, for messages.
    package let place: String

    package init(positive: Prompt, negative: Prompt, place: String) {
        self.positive = positive
        self.negative = negative
        self.place = place
    }

    /// Reads a `.jsonl` file of `{"positive": X, "negative": X}`.
    ///
    /// - Throws: file and JSON errors, and `PromptError` naming file and line.
    package static func read(_ path: String) throws -> [ContrastPair] {
        try JSONLines.read(path).map { place, object in
            try ContrastPair(object, place: place)
        }
    }

    /// Reads one line of such a file.
    ///
    /// - Throws: `PromptError` where a side is missing or no prompt.
    init(_ object: JSONObject, place: String) throws(PromptError) {
        func side(_ key: String) throws(PromptError) -> Prompt {
            guard let value = object[key] else { throw .missingMember(place: place, key: key) }
            return try Prompt(value, place: place)
        }
        self.init(positive: try side("positive"), negative: try side("negative"), place: place)
    }
}
