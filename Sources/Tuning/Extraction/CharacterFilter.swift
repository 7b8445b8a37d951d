package import Transformer

extension ContrastPair {
    /// The pairs for which the model answers in character: under each side's system and user text it gives that side's
    /// assistant text a higher log probability than the other side's.
    ///
    /// - Parameter progress: called with texts done and in all, four a pair.
    /// - Throws: `ExtractionError.noAssistantText` for a pair without an answer on either side,
    ///   `ExtractionError.noneInCharacter` where no pair is kept; what rendering and the decoder throw.
    package static func inCharacter(
        _ pairs: [ContrastPair], decoder: Decoder, renderer: PromptRenderer,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [ContrastPair] {
        // By pair: the positive side with its own text and with the other's, then the negative side likewise.
        let sequences = try pairs.flatMap { pair in
            guard case .chat(let firstSystem, let firstUser, let first?) = pair.positive,
                case .chat(let secondSystem, let secondUser, let second?) = pair.negative,
                !first.isEmpty, !second.isEmpty
            else { throw ExtractionError.noAssistantText(place: pair.place) }
            return try [
                Prompt.chat(system: firstSystem, user: firstUser, assistant: first),
                .chat(system: firstSystem, user: firstUser, assistant: second),
                .chat(system: secondSystem, user: secondUser, assistant: second),
                .chat(system: secondSystem, user: secondUser, assistant: first),
            ].map { try renderer.sequence($0, place: pair.place) }
        }
        let scores = try CompletionScorer(decoder: decoder, interventions: [])
            .logProbabilities(of: sequences, progress: progress)
        let kept = pairs.indices.filter { index in
            // Both sides' answers, or all they follow, may be the same: then rounding would decide.
            let own = (0..<4).map { sequences[4 * index + $0].tokens }
            guard own[0] != own[1], own[0] != own[3] else { return false }
            let score = scores[(4 * index)..<(4 * index + 4)].map { $0 }
            return score[0] > score[1] && score[2] > score[3]
        }
        guard !kept.isEmpty else {
            throw ExtractionError.noneInCharacter(pairs: pairs.count)
        }
        return kept.map { pairs[$0] }
    }
}
