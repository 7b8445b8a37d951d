import Formats

/// Forced choices: a prompt and completions, one of which shows the behaviour that is probed.
package struct Probe: Sendable {
    package let prompt: Prompt
    package let choices: [String]
    /// The index of the choice that counts as correct.
    package let correct: Int
    /// The topic; nil where the line names none.
    package let category: String?
    /// What probes share that exchange their answers, so that no word alone marks the correct one; nil where the line
    /// names none.
    package let couple: String?
    package let place: String

    /// Reads a `.jsonl` file of
    /// `{"prompt": X, "choices": ["A","B"], "correct": 0, "category": "…", "couple": "…"}`, the last two where wanted.
    ///
    /// - Throws: file and JSON errors, `PromptError` naming file and line.
    package static func read(_ path: String) throws -> [Probe] {
        try JSONLines.read(path).map { place, object in try Probe(object, place: place) }
    }

    /// Reads one line's object.
    init(_ object: JSONObject, place: String) throws(PromptError) {
        guard let prompt = object["prompt"] else {
            throw .missingMember(place: place, key: "prompt")
        }
        let choices = object["choices"]?.array?.compactMap(\.string) ?? []
        guard choices.count >= 2, choices.count == object["choices"]?.array?.count,
            choices.allSatisfy({ !$0.isEmpty })
        else { throw .badMember(place: place, key: "choices") }
        guard let correct = object["correct"]?.integer, choices.indices.contains(correct) else {
            throw .badMember(place: place, key: "correct")
        }
        self.prompt = try Prompt(prompt, place: place)
        self.choices = choices
        self.correct = correct
        category = try JSONLines.label("category", of: object, place: place)
        couple = try JSONLines.label("couple", of: object, place: place)
        self.place = place
    }
}
