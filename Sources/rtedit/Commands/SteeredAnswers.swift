import Transformer
import Tuning

/// Greedy answers to some prompts, to look at beside one another.
struct SteeredAnswers {
    /// The prompts as texts.
    let texts: [String]
    private let prompts: [[Int]]
    private let renderer: PromptRenderer
    private let decoder: Decoder
    private let maximumTokens: Int

    /// - Throws: what rendering throws.
    init(
        _ prompts: [(prompt: Prompt, place: String)], renderer: PromptRenderer, decoder: Decoder,
        asChat: Bool, maximumTokens: Int
    ) throws {
        self.renderer = renderer
        self.decoder = decoder
        self.maximumTokens = maximumTokens
        texts = prompts.map { $0.prompt.question }
        self.prompts = try prompts.map {
            try renderer.tokens($0.prompt, asChat: asChat, place: $0.place)
        }
    }

    /// One for each prompt.
    ///
    /// - Parameter advance: called after each.
    /// - Throws: what the decoder throws.
    func answers(
        steeredBy interventions: [Intervention], advance: () -> Void
    ) throws -> [String] {
        try prompts.map { tokens in
            var generator = try TextGenerator(
                decoder,
                options: .init(
                    maximumTokens: maximumTokens, stopTokens: renderer.tokenizer.endOfGeneration,
                    interventions: interventions))
            let result = try generator.generate(from: tokens) { _ in true }
            advance()
            return renderer.tokenizer.decode(result.tokens)
        }
    }
}
