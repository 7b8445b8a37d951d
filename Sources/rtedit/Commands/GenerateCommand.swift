import Formats
import Transformer
import Tuning

/// `rtedit generate`
struct GenerateCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    let name = "generate"
    let summary = "Generate text, steered online or not."
    let details = """
        Every prompt is answered by itself, with the same seed, so that an answer does not depend on the others. With \
        --json each is a line with one object. The end of the last line of standard input is not part of a prompt.
        """
    let positionals = [Self.model]
    let options = PromptOptions.all + SamplingCall.all + SteeringOptions.all
    let groups = [OptionGroup(.atLeastOne, [PromptOptions.prompt, PromptOptions.prompts])]
    let examples = [
        Example("Continue a text:", "rtedit generate model.gguf --prompt \"Once upon a time\""),
        Example(
            "Answer, steered:",
            "rtedit generate m.gguf --chat -p \"Hi!\" --vector mood.gguf:2@10-15"),
        Example(
            "Sample with a seed:",
            "rtedit generate m.gguf -p \"A haiku:\" --temperature 0.8 --seed 7"),
        Example(
            "Many prompts, a line of JSON each:",
            "rtedit generate m.gguf --chat --prompts p.jsonl --json > answers.jsonl"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let interventions = try SteeringOptions.interventions(
            arguments, on: session, console)
        let renderer = try session.renderer()
        let asChat = arguments.has(PromptOptions.chat)
        let prompts = try PromptOptions.prompts(arguments).map { prompt, place in
            (prompt, try renderer.tokens(prompt, asChat: asChat, place: place))
        }
        let options = TextGenerator.Options(
            maximumTokens: try arguments.value(SamplingCall.maxTokens),
            stopTokens: renderer.tokenizer.endOfGeneration,
            sampling: try SamplingCall.options(arguments), interventions: interventions)
        let decoder = try session.decoder()
        for (index, (prompt, tokens)) in prompts.enumerated() {
            if prompts.count > 1 {
                if index > 0 { console.print() }
                console.print("prompt \(index + 1) of \(prompts.count)", style: .strong)
            }
            let start = ContinuousClock.now
            let result = try StreamedAnswer(
                decoder: decoder, options: options, tokenizer: renderer.tokenizer, console: console
            ).generate(from: tokens)
            let elapsed = (ContinuousClock.now - start) / .seconds(1)
            console.detail(
                "\(tokens.count) tokens read, \(result.tokens.count) generated in "
                    + "\(Quantity.fixed(elapsed, 2)) s")
            console.report(
                JSONObject([
                    .init("text", .string(renderer.tokenizer.decode(result.tokens))),
                    .init("tokens", .array(result.tokens.map { .integer($0) })),
                    .init("prompt", prompt.json),
                    .init("prompt_tokens", .array(tokens.map { .integer($0) })),
                    .init("stop", .string(result.stopReason.name)),
                ]))
            // With many prompts a reader should not wait for the last.
            console.flush()
        }
        return .done
    }
}
