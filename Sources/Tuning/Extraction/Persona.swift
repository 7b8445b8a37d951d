import Formats

/// Two system texts that ask for opposite behaviour.
package struct Persona: Sendable, Hashable {
    package let positive: String
    package let negative: String
    /// File and line, for messages.
    package let place: String

    package init(positive: String, negative: String, place: String) {
        self.positive = positive
        self.negative = negative
        self.place = place
    }

    /// Reads a `.jsonl` file of `{"positive": "system text", "negative": "system text"}`.
    ///
    /// - Throws: file and JSON errors, `PromptError` naming file and line.
    package static func read(_ path: String) throws -> [Persona] {
        try JSONLines.read(path).map { place, object in
            func text(_ key: String) throws(PromptError) -> String {
                guard let value = object[key] else { throw .missingMember(place: place, key: key) }
                guard let text = value.string else { throw .badMember(place: place, key: key) }
                guard !text.isEmpty else { throw .emptyMember(place: place, key: key) }
                return text
            }
            return Persona(
                positive: try text("positive"), negative: try text("negative"), place: place)
        }
    }
}

extension ContrastPair {
    /// Pairs of persona and statement, as representation tuning has them (arXiv 2409.06927): each side has its own
    /// system text, the same question, and an answer in character: the correct choice on the positive side, the first
    /// of the others on the negative.
    ///
    /// - Parameters:
    ///   - everyPersona: whether each statement is combined with every persona; else they are taken in turn.
    /// - Throws: `PromptError.ownSystemText` for a statement whose prompt has a system text itself.
    package static func pairs(
        personas: [Persona], statements: [Probe], everyPersona: Bool
    ) throws(PromptError) -> [ContrastPair] {
        var pairs: [ContrastPair] = []
        guard !personas.isEmpty else { return pairs }
        for (index, statement) in statements.enumerated() {
            let user: String?
            let begun: String?
            switch statement.prompt {
            case .text(let text): (user, begun) = (text, nil)
            case .chat(nil, let text, let assistant): (user, begun) = (text, assistant)
            case .chat: throw .ownSystemText(place: statement.place)
            }
            // A probe has two choices at least.
            let wrong = statement.correct == 0 ? 1 : 0
            let chosen = everyPersona ? personas : [personas[index % personas.count]]
            for persona in chosen {
                func side(_ system: String, _ choice: Int) -> Prompt {
                    .chat(
                        system: system, user: user,
                        assistant: (begun ?? "") + statement.choices[choice])
                }
                pairs.append(
                    ContrastPair(
                        positive: side(persona.positive, statement.correct),
                        negative: side(persona.negative, wrong), place: statement.place))
            }
        }
        return pairs
    }
}
