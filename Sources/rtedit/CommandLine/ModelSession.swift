import Formats
import Transformer
import Tuning

/// A model that a command works with, opened as its options say.
struct ModelSession {
    let checkpoint: Checkpoint
    let crew: WorkCrew
    private let console: Console
    /// Whether vectors of another model are refused.
    private let isStrict: Bool
    /// The day that chat templates write, where the call fixes it.
    private let day: TemplateMoment?

    /// Opens a model and passes on what is odd about it.
    ///
    /// - Parameter refusesContradictions: false for a look at a model that is of no use as it is.
    init(
        _ path: String, _ arguments: ParsedArguments, _ console: Console, crew: WorkCrew? = nil,
        refusesContradictions: Bool = true
    ) throws {
        self.console = console
        day = try ChatOptions.day(arguments)
        isStrict =
            arguments.declares(SteeringOptions.strict) && arguments.has(SteeringOptions.strict)
        checkpoint = try Checkpoint.open(path)
        if refusesContradictions { try checkpoint.validate() }
        for warning in checkpoint.warnings { console.warning(warning) }
        self.crew = try crew ?? WorkCrew(threads: arguments.threads)
    }

    func decoder() throws -> Decoder { try Decoder(checkpoint: checkpoint, crew: crew) }

    /// Tells of vectors that were found in another model than this one, or refuses them where the call is strict.
    ///
    /// - Parameter specifications: as users name vectors.
    func tellOtherBases(_ specifications: [String], _ console: Console) throws {
        try tellOtherBases(specifications, console) { try VectorFile.base($0) }
    }

    /// Tells of files that were made with another model than this one, or refuses them where the call is strict.
    ///
    /// - Parameters:
    ///   - specifications: as users name the files.
    ///   - base: what a file says of its model.
    func tellOtherBases(
        _ specifications: [String], _ console: Console, base: (String) throws -> BaseIdentity
    ) throws {
        var files: [String] = []
        for text in specifications {
            let file = try VectorSpecification(text).file
            if !files.contains(file) { files.append(file) }
        }
        for file in files {
            let base = try base(file)
            let relation = try base.relation(to: checkpoint, isExact: isStrict)
            if isStrict, relation == .unknown {
                console.warning(
                    "\(file): does not say in which weights it was found, so that --strict cannot tell"
                )
            }
            if let foreign = ForeignVector(file, base, relation, model: checkpoint) {
                if isStrict { throw foreign }
                console.warning(foreign.description)
            }
        }
    }

    /// The tokenizer and the chat template; what is odd about their files is passed on.
    func renderer() throws -> PromptRenderer {
        let definition = try checkpoint.tokenizer()
        for note in definition.notes { console.note(note) }
        let tokenizer = try Tokenizer(definition)
        if let day { return PromptRenderer(tokenizer: tokenizer, moment: day) }
        return PromptRenderer(tokenizer: tokenizer) { [console] moment in
            console.note(
                "the chat template writes today's date; \(ChatOptions.date.flagText) \(moment) gives "
                    + "the same prompts on another day")
        }
    }
}

/// The options of commands that render chat templates.
enum ChatOptions {
    static let date = Option.value(
        "date", "YYYY-MM-DD",
        "The day that a chat template is to take for today's, where it writes the date.")

    /// Midnight of the day that a call asks for.
    static func day(_ arguments: ParsedArguments) throws(UsageError) -> TemplateMoment? {
        guard arguments.declares(date), let text = arguments.textIfGiven(date) else { return nil }
        guard let moment = TemplateMoment(day: text) else {
            throw arguments.invalid(date, text, "a day such as 2026-11-27")
        }
        return moment
    }
}

/// The options that ask for steering, the same in every command that takes them.
enum SteeringOptions {
    static let vector = Option.list(
        "vector", "SPEC",
        "Add a steering vector: FILE[:SCALE][@BLOCKS], such as mood.gguf:-2@10-15.")
    static let ablate = Option.list(
        "ablate", "SPEC",
        "Remove a vector's direction from the stream; the scale is how much of it. Acts in the order of the "
            + "call, also with --vector; directions next to each other in a block are removed as one span."
    )
    static let scaling = Option.list(
        "scaling", "SPEC",
        "Scale what sub-layers add to the stream by 1 + BETA x alpha, with the alphas of a file of 'scale': "
            + "FILE[:BETA][@BLOCKS]. Acts before --vector and --ablate of the same place, wherever it stands."
    )
    static let everywhere = Option.flag(
        "everywhere",
        "Remove the directions of --ablate at the embedding and at both sites of every block.")
    static let within = Knob<[Int]?>.blocks(
        "ablate-blocks", "BLOCKS",
        "Remove the directions of --ablate at both sites of these blocks, such as 8,10-12, and nowhere else."
    )
    static let written = Option.flag(
        "written",
        "Remove the directions of --ablate from what is written to the stream at their places, not from the stream: "
            + "at any strength and in any blocks, weights can then do the same.")
    static let strict = Option.flag(
        "strict",
        "Refuse vectors that were found in other weights than the model's, by the hash in their files."
    )
    static let convention = Knob.choice(
        "vector-convention", "NAME",
        "How files number blocks: 'generator' for files of llama.cpp's own vector generator.",
        standard: VectorFile.Convention.llamaCpp)

    /// Those that name a file, in no order.
    static let files = [vector, ablate, scaling]

    static let all = Option.declared([
        vector, ablate, scaling, everywhere, within, written, convention, strict,
    ])

    /// What an option of `files` asks for.
    static func operation(of option: Option) -> Intervention.Operation {
        switch option.name {
        case ablate.name: .ablate
        case scaling.name: .scaleOutput
        default: .add
        }
    }

    /// The option of `files` that asks for an operation.
    static func option(for operation: Intervention.Operation) -> Option {
        files.first { Self.operation(of: $0) == operation } ?? vector
    }

    /// The blocks at whose sites a call removes directions; nil where their files or `--everywhere` say the places.
    ///
    /// - Throws: `UsageError` where options do not go together, or the model has no such block.
    private static func ablationBlocks(
        _ arguments: ParsedArguments, blockCount: Int
    ) throws -> [Int]? {
        let given = [everywhere, within.option, written].filter(arguments.declares)
            .filter(arguments.isGiven)
        if let first = given.first, arguments.values(ablate).isEmpty {
            throw UsageError.needs(option: first.flagText, other: ablate.flagText)
        }
        guard arguments.declares(within.option), let blocks = try arguments.value(within) else {
            return nil
        }
        if arguments.has(everywhere) {
            throw UsageError.conflict([everywhere.flagText, within.option.flagText])
        }
        if let last = blocks.max(), last >= blockCount {
            throw arguments.invalid(
                within.option, "\(last)", "a block of a model that has \(blockCount)")
        }
        return blocks
    }

    /// The interventions a call asks for on a model, in the order of its options.
    ///
    /// - Parameters:
    ///   - tellsBases: whether vectors of another model, and what SPECs leave out, are told.
    ///   - tellsStrength: whether the vectors are added to the stream, so that their strength means something.
    static func interventions(
        _ arguments: ParsedArguments, on session: ModelSession, _ console: Console,
        tellsBases: Bool = true, tellsStrength: Bool = true
    ) throws -> [Intervention] {
        // Numbers as they are stored: a bias can be baked beside codes.
        let numbers = try session.checkpoint.storedHyperparameters()
        // Not every command can remove a direction.
        let options = files.filter(arguments.declares)
        let vectors = options.filter { $0.name != scaling.name }
        if tellsBases {
            try session.tellOtherBases(vectors.flatMap { arguments.values($0) }, console)
        }
        if tellsBases, arguments.declares(scaling) {
            try session.tellOtherBases(arguments.values(scaling), console) {
                try ScalingFile.read($0).base
            }
        }
        let convention = try arguments.value(convention)
        let isEverywhere = arguments.declares(everywhere) && arguments.has(everywhere)
        let places = try ablationBlocks(arguments, blockCount: numbers.blockCount)
        let isWritten = arguments.declares(written) && arguments.has(written)
        return try arguments.valuesInOrder(options).flatMap { option, text in
            let operation = operation(of: option)
            let specification = try VectorSpecification(text)
            if operation == .scaleOutput {
                return try specification.scalings(blockCount: numbers.blockCount)
            }
            if operation == .add, tellsStrength {
                try SteeringNotes(specification, convention: convention)
                    .tell(on: console, isNew: tellsBases)
            }
            var found = try specification.interventions(
                operation, convention: convention, hiddenSize: numbers.hiddenSize,
                blockCount: numbers.blockCount)
            guard operation == .ablate else { return found }
            if isWritten {
                for index in found.indices { found[index].operation = .ablateOutput }
            }
            if let places { return found.atBothSites(of: places) }
            return isEverywhere ? found.everywhere(blockCount: numbers.blockCount) : found
        }
    }
}
