import Formats

/// Two prompts that differ in the behaviour a direction is to be found for.
package struct ContrastPair: Sendable, Hashable {
    package let positive: Prompt
    package let negative: Prompt
    /// The topic; nil where the line names none.
    package let category: String?
    /// The two personas that it is made of; nil where the line names none.
    package let couple: String?
    /// File and line, for messages.
    package let place: String

    package init(
        positive: Prompt, negative: Prompt, category: String? = nil, couple: String? = nil,
        place: String
    ) {
        self.positive = positive
        self.negative = negative
        self.category = category
        self.couple = couple
        self.place = place
    }

    /// Reads a `.jsonl` file of `{"positive": X, "negative": X, "category": "…", "couple": "…"}`, the last two where
    /// wanted.
    ///
    /// - Throws: file and JSON errors, and `PromptError` naming file and line.
    package static func read(_ path: String) throws -> [ContrastPair] {
        try JSONLines.read(path).map { place, object in
            try ContrastPair(object, place: place)
        }
    }

    /// Reads one line of such a file.
    ///
    /// - Throws: `PromptError` where a side is missing or no prompt, or a label no text.
    init(_ object: JSONObject, place: String) throws(PromptError) {
        func side(_ key: String) throws(PromptError) -> Prompt {
            guard let value = object[key] else { throw .missingMember(place: place, key: key) }
            return try Prompt(value, place: place)
        }
        self.init(
            positive: try side("positive"), negative: try side("negative"),
            category: try JSONLines.label("category", of: object, place: place),
            couple: try JSONLines.label("couple", of: object, place: place), place: place)
    }
}
