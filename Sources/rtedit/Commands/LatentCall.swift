import Formats
import Transformer
import Tuning

/// The options of `extract --method latent`.
enum LatentOptions {
    private static let usual = LatentSearch.Options()
    /// How the method is asked for.
    static let methodText =
        "\(ExtractCommand.method.option.flagText) \(ExtractionMethod.latent.rawValue)"

    static let steps = Knob.integer(
        "steps", "N", "Steps of a latent vector at most.", standard: usual.steps, in: 1...1 << 20)
    static let learningRate = Knob.number(
        "learning-rate", "X",
        "Adam's rate for latent vectors at the first step, over the size of the stream's values.",
        standard: usual.learningRate, in: 0...1e6)
    static let seed = Knob.integer(
        "seed", "N", "Decides where latent vectors begin.", standard: Int(usual.seed))
    static let latents = Option.value(
        "latents", "FILE", "Also store every latent vector, as .npz.")

    /// Those that mean nothing with another method.
    static let own: [any DeclaredOption] = [steps, learningRate, seed, latents]
    /// Those that mean nothing with this one: whole sentences are written, and nothing is compared at a token.
    static let others: [any DeclaredOption] = [
        ExtractCommand.token, ExtractCommand.offsets, ExtractCommand.allOffsets,
        ExtractCommand.chat,
    ]

    /// Refuses options of the one method beside the other.
    static func check(_ arguments: ParsedArguments) throws(UsageError) {
        guard try arguments.value(ExtractCommand.method) == .latent else {
            for option in own where arguments.isGiven(option.option) {
                throw .needs(option: option.option.flagText, other: methodText)
            }
            return
        }
        for option in others where arguments.isGiven(option.option) {
            throw .conflict([methodText, option.option.flagText])
        }
        // Every block takes a search of its own.
        let site = try arguments.value(ExtractCommand.site)
        guard site == .embed || arguments.isGiven(ExtractCommand.blocks) else {
            throw .needs(option: methodText, other: ExtractCommand.blocks.option.flagText)
        }
    }

    static func search(_ arguments: ParsedArguments) throws(UsageError) -> LatentSearch.Options {
        LatentSearch.Options(
            steps: try arguments.value(steps), learningRate: try arguments.value(learningRate),
            seed: UInt64(try arguments.value(seed)))
    }
}

extension ExtractCall {
    /// Finds latent vectors and writes their directions.
    func runLatent(output: String) throws {
        let options = try options()
        let search = try LatentOptions.search(arguments)
        let decoder = try session.decoder()
        let found = try pairs()
        let limit = decoder.configuration.positionLimit
        func sentences(_ pairs: [ContrastPair]) throws -> [Extraction.Pair] {
            try pairs.map { pair in
                (
                    positive: try renderer.sentence(
                        pair.positive, place: pair.place, limit: limit),
                    negative: try renderer.sentence(
                        pair.negative, place: pair.place, limit: limit)
                )
            }
        }
        let identical = try tellIdentical(sentences(found), at: LatentExtraction.position)
        let kept = try inCharacter(found, decoder)
        let prompts = try sentences(kept)
        let blockCount = options.site == .embed ? 1 : options.blocks?.count ?? 1
        let progress = console.progress(
            "searching", total: 2 * prompts.count * search.steps * blockCount,
            unit: .things("steps"))
        defer { progress.finish() }
        let latent = try LatentExtraction(
            decoder: decoder, crew: session.crew, sentences: prompts, options: options,
            search: search, base: BaseIdentity(of: session.checkpoint),
            decode: { renderer.tokenizer.decode($0) }
        ) { done, _ in progress.reach(done) }
        progress.finish()
        if let path = arguments.textIfGiven(LatentOptions.latents) {
            try latent.write(to: path, replacing: arguments.replacesOutputs)
        }
        let extraction = latent.extraction
        try VectorFile.write(extraction.vector, to: output, replacing: arguments.replacesOutputs)
        let view = LatentView(latent: latent, tokenizer: renderer.tokenizer)
        view.show(on: console)
        let recommendation = recommendation(for: extraction, decoder, output)
        ExtractionView(console: console).show(
            extraction, recommended: recommendation.blocks)
        tellKept(kept, of: found)
        console.print(
            "\(output): \(extraction.blocks.count) directions from "
                + "\(Quantity.count(extraction.pairCount, "pair")) of sentences")
        recommendation.show(on: console)
        try writePage(extraction, recommendation, nil)
        var report = report(extraction, read: found.count, identical: identical, output: output)
        report["recommendation"] = recommendation.json
        report["reconstruction"] = view.json
        console.report(report)
    }
}
