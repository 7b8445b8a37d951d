import Formats
import Transformer
import Tuning

/// The options of `bake` that are for its one inexact route.
enum FitOptions {
    static let calibration = Option.value(
        "calibration", "FILE",
        "Plain text for --method fit or --max-error: what the model is to read. Of every eight parts one is kept "
            + "from the fit, to judge it.")
    static let tokens = Knob.integer(
        "calibration-tokens", "N", "The most tokens of that text that are used.",
        standard: Calibration.standardTokens, in: 1...(1 << 24))
    static let maxError = Knob<Double?>.number(
        "max-error", "X",
        "Let auto take the inexact route where no exact one is, and refuse its result where it is off by more than "
            + "X of a vector's length on unseen text, the mean in any block.", in: 0...100)

    static let all: [any DeclaredOption] = [calibration, tokens, maxError]

    /// Checks that the options go together.
    ///
    /// - Throws: `UsageError`.
    static func check(
        _ arguments: ParsedArguments, method: String, automatic: String
    ) throws(UsageError) {
        let isFit = method == FitRoute().name
        let isLimited = arguments.isGiven(maxError)
        if isLimited, !isFit, method != automatic {
            throw .conflict([maxError.option.flagText, "\(BakeCommand.method.flagText) \(method)"])
        }
        if !arguments.isGiven(calibration) {
            let others = [maxError.option, tokens.option].filter(arguments.isGiven)
            let needing = isFit ? "\(BakeCommand.method.flagText) fit" : others.first?.flagText
            if let needing { throw .needs(option: needing, other: calibration.flagText) }
        } else if !isFit, !isLimited, !arguments.has(CheckpointOutput.dryRun) {
            throw .needs(
                option: calibration.flagText,
                other: "\(BakeCommand.method.flagText) fit or \(maxError.option.flagText)")
        }
    }

    /// What is fitted for a call; nil where it asks for no fit or needs none.
    static func fitting(
        _ arguments: ParsedArguments, of interventions: [Intervention], on session: ModelSession,
        format: FileFormat, _ console: Console
    ) throws -> Fitting? {
        guard let path = arguments.textIfGiven(calibration) else { return nil }
        let source = session.checkpoint
        let isFit = try arguments.text(BakeCommand.method) == FitRoute().name
        let wanted =
            isFit
            ? interventions : Fitting.needed(for: interventions, in: source, format: format)
        guard !wanted.isEmpty else { return nil }
        let tokenizer = try session.renderer().tokenizer
        let text = try Calibration(
            TextFile.read(path), file: path, tokenizer: tokenizer,
            tokenLimit: arguments.value(tokens),
            positionLimit: DecoderConfiguration(source).positionLimit)
        let progress = console.progress("fitting", total: 1000, unit: .share)
        let fitting = try Fitting(
            wanted, among: interventions, in: source, format: format, on: text, crew: session.crew
        ) { done, all in progress.reach(1000 * done / max(all, 1)) }
        progress.finish()
        return fitting
    }

    /// Refuses a fit that is worse than the call allows.
    ///
    /// - Throws: `FittingError.tooInexact`.
    static func checkError(of fitting: Fitting, _ arguments: ParsedArguments) throws {
        if let allowed = try arguments.value(maxError) {
            try fitting.check(largest: allowed)
        }
    }
}
