import Formats
import Transformer
import Tuning

/// `rtedit verify`
struct VerifyCommand: Command {
    static let base = Positional("BASE", "The unedited model.")
    static let edited = Positional("EDITED", "The edited checkpoint, as it was written.")
    static let prompts = Option.value(
        "prompts", "FILE", "Prompts, one JSON object {\"prompt\": X} a line.")
    static let chat = Option.flag("chat", "Take plain strings as a user's turn.")
    static let tolerance = Knob<Double?>.number(
        "tolerance", "X",
        "Largest relative difference allowed; derived from the types if not given.", in: 0...1)
    static let positions = Knob<Int?>.integer(
        "positions", "N", "The most positions of a text that are compared; all if not given.",
        in: 1...10_000_000)
    static let maxTokens = Knob.integer(
        "max-tokens", "N", short: "n", "Greedy tokens generated from each prompt.", standard: 24,
        in: 1...100_000)

    static let certificate = Option.value(
        "certificate", "FILE",
        "Write what was compared and found, with hashes of all files, so that others can check it.")
    static let check = Option.value(
        "check", "FILE",
        "Hash and measure again what a certificate was made of, with its settings, and compare.")

    let name = "verify"
    let summary = "Prove from disk that an edited checkpoint equals online steering, or its base."
    let details = """
        Both files are opened anew. Every row of every tensor must be the base's, its rounding to the type it is \
        stored in, or hold the edit. The base is steered online, its weights rounded as the edited file has them, and \
        the edited one runs as it is, on the same tokens; every block's residual stream and the logits are compared at \
        every position of every prompt, and of one more text where a model has a window or a rotary scaling that only \
        a longer one meets. The strength of what is added or ablated is measured place by place; that of a scaling shows in the rows. Controls show that the test can tell: strength 0 must equal the base bit \
        for bit, and other directions, or the vectors one block off, must not pass. Exit code 1 where the two are \
        not equal, or cannot be told apart from what they must not be (UNDECIDABLE).

        Without --vector, --ablate and --scaling the two must be the same model, as a checkpoint and its conversion are, or the \
        other one rounded to other types: what that costs is printed, and whether a quantised GGUF file is exactly what \
        quantising the other one gives, with --imatrix by that importance matrix.

        --certificate is written whatever the verdict is. --check takes the certificate's settings; vectors and prompts \
        are given again. It ends with 0 only where every hash and figure is the certificate's and the verdict is EQUAL. \
        On the kernels that a certificate was made with every figure must have the same bits, on others the same up to \
        rounding. A certificate is no signature: keep its hash where nobody can change it.
        """
    let positionals = [Self.base, Self.edited]
    let options =
        SteeringOptions.all
        + Option.declared([
            Self.prompts, Self.chat, ChatOptions.date, Self.positions, Self.tolerance,
            Self.maxTokens, TypeOptions.importance, Self.certificate, Self.check,
            ReportOption.report,
        ])
    let examples = [
        Example(
            "A baked file against its base:",
            "rtedit verify m.gguf cheerful.gguf --vector mood.gguf:1.5@10-15"),
        Example(
            "A proof to publish beside the file:",
            "rtedit verify m.gguf out.gguf --vector v.gguf@10-15 --certificate p.json"),
        Example(
            "Its check by somebody else:",
            "rtedit verify m.gguf out.gguf --vector v.gguf@10-15 --check p.json"),
        Example("A converted model against the original:", "rtedit verify m.gguf m-folder"),
    ]

    /// Texts of different kinds, for calls without --prompts.
    private static let standardPrompts = [
        "The capital of France is", "Once upon a time there was a small village where",
        "def add(a, b):\n    return", "To be, or not to be, that is the question:",
        "12 + 30 = 42, and 7 x 8 =", "Dear Sir or Madam, I am writing to you because",
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ given: ParsedArguments, _ console: Console) throws -> ExitCode {
        try checkOutputs(given)
        let certificate = try given.textIfGiven(Self.check).map { try Certificate.read($0) }
        let arguments =
            try certificate.map { try CertifiedCall(certificate: $0).arguments(given) }
            ?? given
        let base = try ModelSession(arguments.text(Self.base), arguments, console)
        let edited = try ModelSession(
            arguments.text(Self.edited), arguments, console, crew: base.crew)
        let subject = try subject(base, edited, arguments, console)
        let machine = try machine(arguments)
        var check = try certificate.map { certificate in
            CertificateView(
                path: try arguments.text(Self.check),
                inputs: subject.map(certificate.differences(from:)) ?? [],
                machines: (certificate.machine, machine))
        }
        if let check, !check.holds { return refuse(check, console) }
        let interventions = try SteeringOptions.interventions(
            arguments, on: base, console)
        let renderer = try base.renderer()
        let prompts = try prompts(arguments, renderer)
        let compared = try fitting(prompts, arguments, [base, edited])
        let applied = interventions.map(CertifiedIntervention.init)
        if let certificate {
            check?.inputs = certificate.differences(from: applied, tokens: compared.map(\.tokens))
        }
        if let check, !check.holds { return refuse(check, console) }
        let tokenizers = try TokenizerAgreement(
            base: base.checkpoint, edited: edited.checkpoint, prompts: prompts,
            tokenizer: { try edited.renderer().tokenizer })
        let progress = console.progress("verifying", total: 1000, unit: .share)
        let verification = try Verification(
            base: base.checkpoint, edited: edited.checkpoint, interventions: interventions,
            prompts: compared,
            positionLimit: arguments.value(Self.positions),
            tolerance: arguments.value(Self.tolerance),
            textLength: arguments.value(Self.maxTokens), crew: base.crew,
            stopTokens: renderer.tokenizer.endOfGeneration,
            decode: { renderer.tokenizer.decode($0) }
        ) { done, all in progress.reach(1000 * done / max(all, 1)) }
        progress.finish()
        let view = VerificationView(verification, tokenizers: tokenizers)
        view.show(on: console)
        if let subject {
            let settings = try settings(arguments, day: renderer.writtenDay)
            let found = Certificate(
                subject, interventions: applied, tokens: compared.map(\.tokens),
                settings: settings, machine: machine, figures: view.figures)
            try write(found, view, arguments, console)
        }
        var json = view.json
        if interventions.isEmpty {
            json["quantization"] = try QuantizationCall.compare(base, edited, arguments, console)
        }
        if let certificate {
            check?.figures = certificate.differences(from: view.figures, on: machine)
            check?.figureCount = view.figures.figures.count
            check?.isExact = machine.computesTheSame(as: certificate.machine)
            check?.show(on: console)
            json["certificate"] = check?.json
        }
        console.report(json)
        return view.figures.passes && check?.holds ?? true ? .done : .checkFailed
    }

    /// Tells what is not what a certificate was made of; measuring it would say nothing.
    private func refuse(_ check: CertificateView, _ console: Console) -> ExitCode {
        check.show(on: console)
        console.report(
            JSONObject([.init("equal", .bool(false)), .init("certificate", check.json)]))
        return .checkFailed
    }

    // MARK: - Certificates and pages

    /// Refuses outputs that cannot be written, or are one file, before any work is done for them.
    private func checkOutputs(_ arguments: ParsedArguments) throws {
        if arguments.isGiven(Self.certificate), arguments.isGiven(Self.check) {
            throw UsageError.conflict([Self.certificate.flagText, Self.check.flagText])
        }
        let certificate = try arguments.outputPathIfGiven(Self.certificate)
        let report = try arguments.outputPathIfGiven(ReportOption.report)
        if let report, report == certificate {
            throw arguments.invalid(
                ReportOption.report, report,
                "another file than that of \(Self.certificate.flagText)")
        }
        for path in [certificate, report].compactMap(\.self) {
            try AtomicFile.checkTarget(path, replacing: arguments.replacesOutputs)
        }
    }

    /// The hashes of all files, where something is to hold them.
    private func subject(
        _ base: ModelSession, _ edited: ModelSession, _ arguments: ParsedArguments,
        _ console: Console
    ) throws -> Certificate.Subject? {
        guard
            [Self.certificate, Self.check, ReportOption.report].contains(where: arguments.isGiven)
        else {
            return nil
        }
        let files = (try base.checkpoint.files(), try edited.checkpoint.files())
        let total = (files.0 + files.1).reduce(0) { $0 + $1.file.size }
        let progress = console.progress("hashing", total: total, unit: .bytes)
        defer { progress.finish() }
        let vectors = try arguments.valuesInOrder(SteeringOptions.files)
            .map { option, text in
                try CertifiedVector(
                    SteeringOptions.operation(of: option), VectorSpecification(text))
            }
        return Certificate.Subject(
            base: CertifiedModel(base.checkpoint.format, files.0) { progress.advance(by: $0) },
            edited: CertifiedModel(edited.checkpoint.format, files.1) { progress.advance(by: $0) },
            vectors: vectors,
            promptFile: try arguments.textIfGiven(Self.prompts).map { try CertifiedFile(path: $0) })
    }

    private func machine(_ arguments: ParsedArguments) throws(UsageError) -> CertifiedMachine {
        CertifiedMachine(
            program: Version.current, processor: Processor.name,
            kernels: BLASLibrary.kernelAndVersion, library: Processor.library,
            threads: try arguments.threads)
    }

    private func settings(
        _ arguments: ParsedArguments, day: String?
    ) throws -> VerificationSettings {
        VerificationSettings(
            tolerance: try arguments.value(Self.tolerance),
            positions: try arguments.value(Self.positions),
            textLength: try arguments.value(Self.maxTokens),
            asChat: arguments.has(Self.chat), day: day,
            isEverywhere: arguments.has(SteeringOptions.everywhere),
            ablationBlocks: try arguments.value(SteeringOptions.within),
            isWritten: arguments.has(SteeringOptions.written),
            convention: try arguments.value(SteeringOptions.convention))
    }

    /// Writes the certificate and the page that were asked for.
    private func write(
        _ certificate: Certificate, _ view: VerificationView, _ arguments: ParsedArguments,
        _ console: Console
    ) throws {
        if let path = arguments.textIfGiven(Self.certificate) {
            try certificate.write(to: path, replacing: arguments.replacesOutputs)
            console.print("\(path): the certificate")
        }
        if let path = arguments.textIfGiven(ReportOption.report) {
            // The files and their hashes are those of the certificate.
            let source = try PageSource(arguments, models: [])
            let page = VerificationPage(view: view, certificate: certificate, source: source)
            try ReportOption.write(page.html, to: path, arguments, console)
        }
    }

    // MARK: - Prompts

    /// The built-in prompts cut to what models of a tiny context can take; a user's own are never cut.
    private func fitting(
        _ prompts: [(tokens: [Int], text: String)], _ arguments: ParsedArguments,
        _ sessions: [ModelSession]
    ) throws -> [(tokens: [Int], text: String)] {
        guard !arguments.isGiven(Self.prompts) else { return prompts }
        let limit = try sessions.map { try DecoderConfiguration($0.checkpoint).positionLimit }.min()
        return prompts.map { (Array($0.tokens.prefix(limit ?? $0.tokens.count)), $0.text) }
    }

    private func prompts(
        _ arguments: ParsedArguments, _ renderer: PromptRenderer
    ) throws -> [(tokens: [Int], text: String)] {
        let asChat = arguments.has(Self.chat)
        var prompts = Self.standardPrompts.map { (Prompt.text($0), "built-in prompt") }
        if let path = arguments.textIfGiven(Self.prompts) {
            prompts = try Prompt.readFile(path)
        }
        return try prompts.map { prompt, place in
            (
                try renderer.tokens(prompt, asChat: asChat, place: place),
                try renderer.text(prompt, asChat: asChat)
            )
        }
    }
}
