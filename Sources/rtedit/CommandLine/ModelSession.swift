import Formats
import Transformer
import Tuning

/// A model that a command works with, opened as its options say.
struct ModelSession {
    let checkpoint: Checkpoint
    let crew: WorkCrew
    private let console: Console

    /// Opens a model and passes on what is odd about it.
    init(_ path: String, _ arguments: ParsedArguments, _ console: Console, crew: WorkCrew? = nil)
        throws
    {
        self.console = console
        checkpoint = try Checkpoint.open(path)
        for warning in checkpoint.warnings { console.warning(warning) }
        self.crew = try crew ?? WorkCrew(threads: arguments.threads)
    }

    func decoder() throws -> Decoder { try Decoder(checkpoint: checkpoint, crew: crew) }

    /// The tokenizer and the chat template; what is odd about their files is passed on.
    func renderer() throws -> PromptRenderer {
        let definition = try checkpoint.tokenizer()
        for note in definition.notes { console.note(note) }
        return PromptRenderer(tokenizer: try Tokenizer(definition))
    }
}

/// The options that ask for steering, the same in every command that takes them.
enum SteeringOptions {
    static let vector = Option.list(
        "vector", "SPEC",
        "Add a steering vector: FILE[:SCALE][@BLOCKS], such as mood.gguf:-2@10-15.")
    static let ablate = Option.list(
        "ablate", "SPEC",
        "Remove a vector's direction from the stream; the scale is how much of it.")
    static let convention = Option.value(
        "vector-convention", "NAME",
        "How files number blocks: 'generator' for files of llama.cpp's own vector generator.",
        standard: VectorFile.Convention.llamaCpp.rawValue,
        allowed: VectorFile.Convention.allCases.map(\.rawValue))

    static let all = [vector, ablate, convention]

    /// The interventions a call asks for, in the order of its options.
    static func interventions(
        _ arguments: ParsedArguments, for numbers: Hyperparameters
    ) throws -> [Intervention] {
        let convention = try arguments.choice(convention, as: VectorFile.Convention.self)
        let operations: [(Option, Intervention.Operation)] = [(vector, .add), (ablate, .ablate)]
        return try operations.flatMap { option, operation in
            try arguments.values(option).flatMap { text in
                try VectorSpecification(text).interventions(
                    operation, convention: convention, hiddenSize: numbers.hiddenSize,
                    blockCount: numbers.blockCount)
            }
        }
    }
}
