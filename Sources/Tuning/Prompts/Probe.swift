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
        let choices = try Self.choices(object["choices"], place: place)
        guard let index = object["correct"] else {
            throw .missingMember(place: place, key: "correct")
        }
        guard let correct = index.integer else { throw .notAnIndex(place: place, key: "correct") }
        guard choices.indices.contains(correct) else {
            throw .noSuchChoice(place: place, correct: correct, count: choices.count)
        }
        self.prompt = try Prompt(prompt, place: place)
        self.choices = choices
        self.correct = correct
        category = try JSONLines.label("category", of: object, place: place)
        couple = try JSONLines.label("couple", of: object, place: place)
        self.place = place
    }

    private static func choices(
        _ value: JSONValue?, place: String
    ) throws(PromptError) -> [String] {
        guard let value else { throw .missingMember(place: place, key: "choices") }
        guard let list = value.array else { throw .notAList(place: place, key: "choices") }
        guard list.count >= 2 else { throw .fewChoices(place: place, count: list.count) }
        var choices: [String] = []
        for (index, value) in list.enumerated() {
            let key = "choices[\(index)]"
            guard let text = value.string else { throw .badMember(place: place, key: key) }
            guard !text.isEmpty else { throw .emptyMember(place: place, key: key) }
            // The margin of two that are the same is 0 whatever the model does.
            if let same = choices.firstIndex(of: text) {
                throw .sameChoices(place: place, first: same, second: index)
            }
            choices.append(text)
        }
        return choices
    }
}
