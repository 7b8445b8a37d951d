import Formats
import TestSupport
import Transformer

@testable import Tuning

/// Extraction on the small trained checkpoint, with personas of its world.
struct ExtractionFixture {
    typealias Pair = (positive: TokenSequence, negative: TokenSequence)

    static let personas = [
        Persona(positive: "You are cheerful.", negative: "You are miserable.", place: "p:1"),
        Persona(positive: "You love your life.", negative: "You hate your life.", place: "p:2"),
        Persona(positive: "You are happy.", negative: "You are sad.", place: "p:3"),
    ]

    let checkpoint: Checkpoint
    let decoder: Decoder
    let renderer: PromptRenderer
    let crew: WorkCrew
    let statements: [Probe]

    init(threads: Int = 2) throws {
        checkpoint = try Checkpoint.open(Samples.tinyModel)
        crew = WorkCrew(threads: threads)
        decoder = try Decoder(checkpoint: checkpoint, crew: crew)
        renderer = PromptRenderer(tokenizer: try Tokenizer(checkpoint.tokenizer()))
        statements = try Probe.read(Samples.path("tiny/probe.jsonl"))
    }

    func pairs(everyPersona: Bool = false) throws -> [ContrastPair] {
        try ContrastPair.pairs(
            personas: Self.personas, statements: statements, everyPersona: everyPersona)
    }

    func prompts(_ pairs: [ContrastPair]) throws -> [Pair] {
        try pairs.map {
            (
                positive: try renderer.sequence($0.positive, place: $0.place),
                negative: try renderer.sequence($0.negative, place: $0.place)
            )
        }
    }

    func extract(
        _ prompts: [Pair], _ options: Extraction.Options = Extraction.Options()
    ) throws -> Extraction {
        try Extraction(
            decoder: decoder, crew: crew, prompts: prompts, options: options,
            base: BaseIdentity(modelHint: "llama", hash: "b"))
    }

    func scan(
        last count: Int, _ prompts: [Pair], _ options: Extraction.Options = Extraction.Options()
    ) throws -> OffsetScan {
        try OffsetScan(
            last: count, decoder: decoder, crew: crew, prompts: prompts, options: options,
            base: BaseIdentity(modelHint: "llama", hash: "b"))
    }
}

/// The cosine of two vectors.
func cosine(_ left: [Float], _ right: [Float]) -> Double {
    left.dot(right) / left.norm
        / right.norm
}
