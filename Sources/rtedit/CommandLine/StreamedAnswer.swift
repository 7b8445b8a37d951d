import Transformer

/// An answer that is printed while it comes.
struct StreamedAnswer {
    let decoder: Decoder
    let options: TextGenerator.Options
    let tokenizer: Tokenizer
    let console: Console

    /// Continues a prompt, and shows how far it is read before.
    ///
    /// - Parameters:
    ///   - memory: see `TextGenerator.generate`.
    ///   - isEnded: asked after every token; true ends the answer.
    /// - Throws: what `TextGenerator` throws.
    func generate(
        from prompt: [Int], memory: GenerationMemory? = nil, isEnded: () -> Bool = { false }
    ) throws -> TextGenerator.Result {
        var generator = try TextGenerator(decoder, options: options)
        var stream = TokenTextStream(tokenizer)
        let reading = console.progress("reading", total: prompt.count, unit: .things("tokens"))
        generator.reading = { done, _ in reading.reach(done) }
        let result = try generator.generate(from: prompt, memory: memory) { token in
            console.write(stream.push(token))
            return !isEnded()
        }
        console.write(stream.finish() + "\n")
        return result
    }
}

extension TextGenerator.StopReason {
    /// As results name it.
    var name: String {
        switch self {
        case .stopToken: "end"
        case .maximumTokens: "length"
        case .contextLimit: "context"
        case .caller: "interrupted"
        }
    }
}
