public import Formats
public import Transformer

/// Proof from disk that an edited checkpoint equals its base steered online.
///
/// Both files are opened anew and run on the same tokens. The edited model's residual stream after every block and
/// its logits must equal those of the base with the interventions, within a tolerance derived from the number
/// formats, and to a small share of what steering changes at all. Two controls show that the test can tell: with
/// strength 0 the base must equal itself bit for bit, and vectors that are not those must not pass (see `WrongModel`).
///
/// Without interventions it shows that two files hold the same model, such as a checkpoint and its conversion. The
/// control is then a base whose stream is a little longer after its middle block: it must not pass.
public struct Verification: Sendable {
    /// One block of the table.
    public struct BlockRow: Sendable {
        public let block: Int
        /// The largest ‖edited − steered‖ / ‖steered‖ over all tokens.
        public let relativeError: Double
        /// ‖steered − base‖, the median over the tokens.
        public let effect: Double
        /// The median of ‖edited − steered‖ as a share of the effect or, where it is smaller, of the length of the
        /// vectors added in this very block, so that an error in one of many vectors shows; nil where steering
        /// changes nothing yet.
        public let effectShare: Double?
        /// The strength found of what is added in this block; nil where nothing is.
        public let strength: StrengthMeasurement?
        /// Whether the effect is so small that the difference cannot be told from the rounding of the stream.
        public let isBelowRounding: Bool
        public let passes: Bool
    }

    /// Greedy text of one prompt, from the steered base and from the edited file.
    public struct TextRow: Sendable {
        public let prompt: String
        public let steered: String
        public let edited: String
        public let unsteered: String
        public var isEqual: Bool { steered == edited }
    }

    /// A control run.
    public struct Control: Sendable {
        public let name: String
        public let passes: Bool
        public let detail: String
        /// Whether its failure shows a difference, rather than that none could be seen.
        let tellsApart: Bool
    }

    /// Whether there are interventions; without them the two must be the same model.
    public let isSteered: Bool
    public let tolerance: Tolerance
    public let blocks: [BlockRow]
    public let logits: LogitComparison
    /// ‖edited − steered‖ / ‖steered − base‖ over all logits; nil where steering changes nothing.
    public let logitEffectShare: Double?
    /// The largest change of any logit by steering.
    public let logitEffect: Double
    public let texts: [TextRow]
    public let controls: [Control]
    /// How many positions were compared, of how many texts, and how many the longest has.
    public let positions: (total: Int, texts: Int, longest: Int)
    /// What no text reached, in words: positions from which on a number of a model holds.
    public let unreached: [String]

    public var streamsPass: Bool { blocks.allSatisfy(\.passes) }
    public var logitsPass: Bool {
        logits.relative <= tolerance.relative
            && ((logitEffectShare ?? 0) <= tolerance.effectShare
                || blocks.contains(where: \.isBelowRounding))
    }

    /// What the comparison came to.
    public enum Verdict: String, Sendable {
        case equal, notEqual = "not equal"
        /// The edited model is within the tolerance, and so is what must not be: the two cannot be told apart.
        case undecidable
    }

    public var verdict: Verdict {
        guard streamsPass, logitsPass, controls.allSatisfy({ $0.passes || !$0.tellsApart }) else {
            return .notEqual
        }
        let isTold = controls.allSatisfy(\.passes) && !blocks.contains(where: \.isBelowRounding)
        return isTold ? .equal : .undecidable
    }
    public var passes: Bool { verdict == .equal }

    /// Compares the two files.
    ///
    /// - Parameters:
    ///   - prompts: tokens and their text; all tokens are compared.
    ///   - positionLimit: the most positions of a text; nil for all.
    ///   - textLength: greedy tokens generated for each of the first prompts.
    ///   - stopTokens: tokens that end a text.
    ///   - decode: turns tokens into text.
    ///   - progress: called with steps done and in all.
    /// - Throws: what opening, loading and running the models throws; `VerificationError.differentModels` where the
    ///   two cannot be compared.
    public init(
        base: Checkpoint, edited: Checkpoint, interventions: [Intervention],
        prompts: [(tokens: [Int], text: String)], positionLimit: Int? = nil,
        tolerance override: Double?, textLength: Int, crew: WorkCrew, stopTokens: Set<Int>,
        decode: ([Int]) -> String,
        progress: (Int, Int) -> Void
    ) throws {
        let models = ComparedModels(
            base: try Decoder(checkpoint: base, crew: crew),
            edited: try Decoder(checkpoint: edited, crew: crew), interventions: interventions)
        let sizes = models.base.configuration.sizes
        try Self.check(
            sizes, models.edited.configuration.sizes, paths: (base.path, edited.path))
        guard !prompts.isEmpty else { throw VerificationError.noPrompts }
        isSteered = !interventions.isEmpty
        let tolerance = try Tolerance(base: base, edited: edited, override: override)
        self.tolerance = tolerance
        let wrongs = WrongModel.all(
            interventions, sizes: sizes, tolerance: tolerance.relative)
        let (compared, unreached) = ComparedText.all(
            prompts.map(\.tokens), limit: positionLimit,
            models: [models.base.configuration, models.edited.configuration])
        self.unreached = unreached
        positions = (
            compared.reduce(0) { $0 + $1.tokens.count }, compared.count,
            compared.map(\.tokens.count).max() ?? 0
        )
        let texted = min(prompts.count, 4)
        let steps = positions.total + texted
        let added = Self.added(interventions)
        var sums = ComparisonSums(
            blockCount: sizes.blockCount, added: added, wrongCount: wrongs.count)
        var done = 0
        for text in compared {
            try models.compare(text, wrongs: wrongs.map(\.interventions), into: &sums) { count in
                done += count
                progress(done, steps)
            }
        }
        let strengths = sums.strengths.measurements(
            storage: Tolerance.vectorStorage(base: base, edited: edited))
        let lengths = added.mapValues { SampleMatrix.norm($0[...]) }.filter { $0.value > 0 }
        func rows(
            _ errors: StreamComparison, _ strengths: [Int: StrengthMeasurement] = [:]
        ) -> [BlockRow] {
            Self.rows(
                errors: errors, effects: sums.effects, lengths: lengths, strengths: strengths,
                tolerance: tolerance)
        }
        blocks = rows(sums.errors, strengths)
        logits = sums.errors.logits
        logitEffect = sums.effects.logits.largestDifference
        logitEffectShare = Self.share(
            sums.errors.logits.squaredDifference, of: sums.effects.logits.squaredDifference)
        var controls: [Control] = []
        if isSteered {
            controls.append(
                Control(
                    name: "strength 0 equals the base", passes: sums.nullIsEqual,
                    detail: sums.nullIsEqual ? "every bit of every block and logit" : "bits differ",
                    tellsApart: true))
        }
        // Vectors that change nothing cannot be wrong ones.
        if !isSteered || logitEffect > 0 {
            controls += zip(wrongs, sums.wrongs).map { wrong, errors in
                Self.control(wrong.name, rows(errors))
            }
        }
        self.controls = controls
        var texts: [TextRow] = []
        for (index, prompt) in prompts.prefix(texted).enumerated() {
            func text(_ decoder: Decoder, _ interventions: [Intervention]) throws -> String {
                var generator = try TextGenerator(
                    decoder,
                    options: .init(
                        maximumTokens: textLength, stopTokens: stopTokens,
                        interventions: interventions))
                return decode(try generator.generate(from: prompt.tokens).tokens)
            }
            texts.append(
                TextRow(
                    prompt: prompt.text, steered: try text(models.base, interventions),
                    edited: try text(models.edited, []), unsteered: try text(models.base, [])))
            progress(positions.total + index + 1, steps)
        }
        self.texts = texts
    }

    private static func check(
        _ base: Hyperparameters, _ edited: Hyperparameters, paths: (String, String)
    ) throws(VerificationError) {
        let numbers: [(String, Int, Int)] = [
            ("blocks", base.blockCount, edited.blockCount),
            ("stream width", base.hiddenSize, edited.hiddenSize),
            ("vocabulary", base.vocabularySize, edited.vocabularySize),
        ]
        for (name, left, right) in numbers where left != right {
            throw .differentModels(
                base: paths.0, edited: paths.1, what: name, numbers: [left, right])
        }
    }

    private static func share(_ squaredError: Double, of squaredEffect: Double) -> Double? {
        squaredEffect > 0 ? (squaredError / squaredEffect).squareRoot() : nil
    }

    /// What is added in each block that has additions, at all its sites together.
    private static func added(_ interventions: [Intervention]) -> [Int: [Float]] {
        var sums: [Int: [Float]] = [:]
        for intervention in interventions
        where intervention.operation == .add && intervention.site != .embed {
            let zeros = [Float](repeating: 0, count: intervention.vector.count)
            sums[intervention.block] = zip(sums[intervention.block] ?? zeros, intervention.vector)
                .map { $0 + intervention.strength * $1 }
        }
        return sums
    }

    private static func rows(
        errors: StreamComparison, effects: StreamComparison, lengths: [Int: Double],
        strengths: [Int: StrengthMeasurement], tolerance: Tolerance
    ) -> [BlockRow] {
        zip(errors.blocks, effects.blocks).enumerated().map { index, pair in
            let (error, effect) = (pair.0, pair.1.medianDistance)
            let size = min(effect, lengths[index] ?? .infinity)
            let share = effect > 0 ? error.medianDistance / size : nil
            let rounding = effect > 0 ? tolerance.rounding * error.medianLength / size : 0
            let isBelowRounding = rounding > tolerance.effectShare
            let strength = strengths[index]
            return BlockRow(
                block: index, relativeError: error.largestRelative, effect: effect,
                effectShare: share, strength: strength, isBelowRounding: isBelowRounding,
                passes: error.largestRelative <= tolerance.relative
                    && (share ?? 0) <= max(tolerance.effectShare, rounding)
                    && strength?.holds ?? true)
        }
    }

    /// A control of something wrong, which passes where the comparison fails.
    private static func control(_ name: String, _ rows: [BlockRow]) -> Control {
        let failures = rows.filter { !$0.passes }
        return Control(
            name: name, passes: !failures.isEmpty,
            detail: failures.isEmpty
                ? "it passes: the test cannot tell the two apart"
                : "\(failures.count) of \(rows.count) blocks differ", tellsApart: false)
    }
}

/// Two checkpoints that cannot be compared.
public enum VerificationError: Failure, Equatable {
    case differentModels(base: String, edited: String, what: String, numbers: [Int])
    case noPrompts

    public var kind: FailureKind {
        switch self {
        case .differentModels: .input
        case .noPrompts: .usage
        }
    }

    public var description: String {
        switch self {
        case .differentModels(let base, let edited, let what, let numbers):
            "\(edited): has \(what) \(numbers[1]), but \(base) has \(numbers[0])"
        case .noPrompts: "there are no prompts to verify on"
        }
    }
}
