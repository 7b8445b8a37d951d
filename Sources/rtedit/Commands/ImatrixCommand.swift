import Formats
import Transformer
import Tuning

/// `rtedit imatrix`
struct ImatrixCommand: Command {
    static let model = Positional(
        "MODEL", "A GGUF file or a Hugging Face folder; none without --text.", isOptional: true)
    static let text = Option.value("text", "FILE", "Plain text for the model to read.")
    static let add = Option.list(
        "in", "FILE", "Add to these sums: an importance matrix, GGUF or .dat.")
    static let output = Option.value(
        "output", "FILE", short: "o", "The importance matrix to write, GGUF.", isRequired: true)
    static let chunks = Knob<Int?>.integer(
        "chunks", "N", "Read the first N chunks of the text only.", in: 1...Int.max)
    static let context = Knob<Int?>.integer(
        "context", "N",
        "Tokens of a chunk; 512 if not given, without --text that of the first --in.",
        in: 16...(1 << 24))
    static let processOutput = Option.flag(
        "process-output", "Look at the weight of the output too.")
    static let resume = Option.flag(
        "resume", "Go on where a run of the same call was stopped that wrote to FILE.")
    static let saveEvery = Knob.integer(
        "save-every", "N", "Write what is there after every N chunks.", standard: 10,
        in: 1...Int.max)

    let name = "imatrix"
    let summary = "Measure which inputs of each weight matter, for quantisation."
    let details = """
        Sums of squares of what each weight of the blocks is multiplied with while the model reads the text, in the file \
        format of llama-imatrix, which llama-quantize takes too. The text is cut into chunks as llama-imatrix cuts it; \
        the tokens after the last whole chunk are not read. Experts that no token reached are named.

        --in adds to sums that are there; without --text several are combined into one. A run that was stopped goes on with \
        --resume and ends with the same bytes.
        """
    let positionals = [Self.model]
    let options = Option.declared([
        Self.text, Self.add, Self.output, Self.chunks, Self.context, Self.processOutput,
        Self.resume, Self.saveEvery,
    ])
    let groups = [OptionGroup(.atLeastOne, [Self.text, Self.add])]
    let examples = [
        Example(
            "Measure on a text:", "rtedit imatrix model.gguf --text calibration.txt -o imatrix.gguf"
        ),
        Example(
            "Go on after an interruption:",
            "rtedit imatrix model.gguf --text calibration.txt -o imatrix.gguf --resume"),
        Example(
            "Combine two:", "rtedit imatrix --in prose.gguf --in code.gguf -o both.gguf"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { arguments.isGiven(Self.text) }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let call = try ImatrixCall(arguments, console)
        guard let text = arguments.textIfGiven(Self.text) else {
            try call.combine()
            return .done
        }
        try call.measure(text)
        return .done
    }
}

/// One call of `imatrix`.
private final class ImatrixCall {
    private let arguments: ParsedArguments
    private let console: Console
    private let output: String
    private let isResumed: Bool
    /// Whether what stands in the output's place may go: what this call has written may.
    private var replaces: Bool

    private static let standardContext = 512

    init(_ arguments: ParsedArguments, _ console: Console) throws {
        self.arguments = arguments
        self.console = console
        output = try arguments.outputPath(ImatrixCommand.output)
        isResumed =
            arguments.has(ImatrixCommand.resume) && OutputTarget.isRegularFile(output)
        replaces = arguments.replacesOutputs || isResumed
        try AtomicFile.checkTarget(output, replacing: replaces)
    }

    func combine() throws {
        for option in [
            ImatrixCommand.chunks.option, ImatrixCommand.processOutput, ImatrixCommand.resume,
            ImatrixCommand.saveEvery.option,
        ] where arguments.isGiven(option) {
            throw UsageError.needs(
                option: option.flagText, other: ImatrixCommand.text.flagText)
        }
        if let model = arguments.textIfGiven(ImatrixCommand.model) {
            throw UsageError.extraArgument(model)
        }
        let files = try addedFiles()
        let size =
            try arguments.value(ImatrixCommand.context)
            ?? files.lazy.compactMap(\.chunkSize).first ?? Self.standardContext
        let matrix = try ImportanceMatrix(combining: files, path: output, chunkSize: size)
        try finish(matrix)
    }

    func measure(_ path: String) throws {
        let session = try ModelSession(
            arguments.text(ImatrixCommand.model), arguments, console)
        let decoder = try session.decoder()
        let limit = decoder.configuration.positionLimit
        let size =
            try arguments.value(ImatrixCommand.context) ?? min(Self.standardContext, limit)
        guard size <= limit else {
            throw arguments.invalid(
                ImatrixCommand.context.option, "\(size)",
                "within the model's context of \(limit) tokens")
        }
        let chunks = try ImportanceChunks(
            of: TextFile.read(path), tokenizer: session.renderer().tokenizer, size: size)
        let measurement = try ImportanceMeasurement(
            of: session.checkpoint, decoder: decoder, chunks: chunks,
            readsOutput: arguments.has(ImatrixCommand.processOutput), addedTo: addedHashes())
        let start = try start(measurement, text: path)
        try finish(read(measurement, from: start))
    }

    /// What the run begins with: the file that it goes on with, or the sums it adds to.
    private func start(
        _ measurement: ImportanceMeasurement, text: String
    ) throws -> ImportanceMatrix {
        if isResumed {
            let written = try ImportanceMatrix(contentsOf: output)
            try measurement.check(written)
            return written
        }
        let added = try ImportanceMatrix(
            combining: addedFiles(), path: output, chunkSize: measurement.chunks.size)
        return measurement.start(adding: added, text: text)
    }

    private func read(
        _ measurement: ImportanceMeasurement, from start: ImportanceMatrix
    ) throws -> ImportanceMatrix {
        let count = try arguments.value(ImatrixCommand.chunks) ?? measurement.chunks.count
        let done = start.progress?.chunks ?? 0
        if done > 0 { console.note("\(output): \(done) chunks were read before") }
        let progress = console.progress(
            "reading", total: min(count, measurement.chunks.count) - done, unit: .things("chunks"))
        defer { progress.finish() }
        return try measurement.run(
            upTo: count, from: start, savingEvery: arguments.value(ImatrixCommand.saveEvery),
            save: write,
            progress: { progress.reach($0 - done) })
    }

    private func addedFiles() throws -> [ImportanceMatrix] {
        try arguments.values(ImatrixCommand.add).map { try ImportanceMatrix(contentsOf: $0) }
    }

    private func addedHashes() throws -> [String] {
        try arguments.values(ImatrixCommand.add).map { try MappedFile(path: $0).sha256() }
    }

    private func finish(_ matrix: ImportanceMatrix) throws {
        try write(matrix)
        let report = ImportanceView(console: console).show(matrix)
        console.report(report)
    }

    private func write(_ matrix: ImportanceMatrix) throws {
        try matrix.write(to: output, replacing: replaces)
        replaces = true
    }
}
