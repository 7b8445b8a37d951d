package import Formats
package import Transformer

/// Proof from disk that an edited checkpoint equals its base steered online.
///
/// Both files are opened anew. Every tensor of the edited file is held against the base's: it must have the same values,
/// be their rounding, or hold the edit. Where some are rounded, the base is taken with its weights rounded as the file has
/// them, so that rounding hides nothing of the edit, and what it costs is measured by itself.
///
/// Both are run on the same tokens. The edited model's residual stream after every block and its logits must equal those
/// of the base with the interventions, within a tolerance derived from the number formats, and to a small share of what
/// steering changes at all. Two controls show that the test can tell: with strength 0 the base must equal itself bit for
/// bit, and vectors that are not those must not pass (see `WrongModel`).
///
/// Without interventions it shows that two files hold the same model, such as a checkpoint and its conversion. The
/// control is then a base whose stream is a little longer after its middle block: it must not pass.
package struct Verification: Sendable {
    /// One block of the table.
    package struct BlockRow: Sendable {
        package let block: Int
        /// The largest ‖edited − steered‖ / ‖steered‖ over all tokens.
        package let relativeError: Double
        /// ‖steered − base‖, the median over the tokens.
        package let effect: Double
        /// The median of ‖edited − steered‖ as a share of the effect or, where it is smaller, of the length of the
        /// vectors added in this very block, so that an error in one of many vectors shows; nil where steering
        /// changes nothing yet.
        package let effectShare: Double?
        /// The strengths found of what is done in this block.
        package let strengths: [StrengthRow]
        /// Whether the effect is so small that the difference cannot be told from the rounding of the stream.
        package let isBelowRounding: Bool
        package let passes: Bool
        /// ‖steered‖, the median over the tokens.
        let length: Double
        /// What `effectShare` is a share of: the effect, or the length of the vectors added here.
        let size: Double
    }

    /// Greedy text of one prompt, from the steered base and from the edited file.
    package struct TextRow: Sendable {
        package let prompt: String
        package let steered: String
        package let edited: String
        package let unsteered: String
        package var isEqual: Bool { steered == edited }
    }

    /// A control run.
    package struct Control: Sendable {
        package let name: String
        package let passes: Bool
        package let detail: String
        /// By block, the largest ‖edited − control‖ / ‖control‖ over all tokens; empty where the control has none.
        package let errors: [Double]
        /// Whether its failure shows a difference, rather than that none could be seen.
        let tellsApart: Bool
    }

    /// Whether there are interventions; without them the two must be the same model.
    package let isSteered: Bool
    package let tolerance: Tolerance
    package let blocks: [BlockRow]
    package let logits: LogitComparison
    /// ‖edited − steered‖ / ‖steered − base‖ over all logits; nil where steering changes nothing.
    package let logitEffectShare: Double?
    /// The largest change of any logit by steering.
    package let logitEffect: Double
    /// √(mean of ‖steered − base‖² over all logits).
    let logitEffectSize: Double
    package let texts: [TextRow]
    package let controls: [Control]
    /// What every tensor of the edited file is of the base's.
    package let weights: WeightComparison
    /// How far the edited model is from the steered base as it is, where weights are rounded: what that costs.
    package let cost: RoundingCost?
    /// The strengths found of what is done at the embedding.
    package let embeddingStrengths: [StrengthRow]
    /// How many positions were compared, of how many texts, and how many the longest has.
    package let positions: (total: Int, texts: Int, longest: Int)
    /// What no text reached, in words: positions from which on a number of a model holds.
    package let unreached: [String]

    /// Where the two were compared, in words.
    package let sites = "every block's output and all logits"
    /// What hides a strength, in words.
    package var roundingName: String {
        "the rounding of " + (weights.changes.compactMap(\.type).map(\.name).max() ?? "f32")
    }
    /// All strengths found.
    package var strengths: [StrengthRow] { embeddingStrengths + blocks.flatMap(\.strengths) }
    package var streamsPass: Bool {
        blocks.allSatisfy(\.passes) && embeddingStrengths.allSatisfy(\.measurement.holds)
    }
    /// Whether every tensor is the base's, its rounding, or where the edit may be. With a tolerance that was given, the
    /// streams alone decide.
    package var weightsPass: Bool {
        tolerance.isGiven || (isSteered ? weights.unexplained : weights.changes).isEmpty
    }
    package var logitsPass: Bool {
        logits.relative <= tolerance.relative
            && ((logitEffectShare ?? 0) <= tolerance.effectShare
                || blocks.contains(where: \.isBelowRounding))
    }

    /// What the comparison came to.
    package enum Verdict: String, Sendable {
        case equal, notEqual = "not equal"
        /// The edited model is within the tolerance, and so is what must not be: the two cannot be told apart.
        case undecidable
    }

    package var verdict: Verdict {
        guard weightsPass, streamsPass, logitsPass,
            controls.allSatisfy({ $0.passes || !$0.tellsApart })
        else {
            return .notEqual
        }
        let isTold = controls.allSatisfy(\.passes) && !blocks.contains(where: \.isBelowRounding)
        return isTold ? .equal : .undecidable
    }
    package var passes: Bool { verdict == .equal }

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
    package init(
        base: Checkpoint, edited: Checkpoint, interventions: [Intervention],
        prompts: [(tokens: [Int], text: String)], positionLimit: Int? = nil,
        tolerance override: Double?, textLength: Int, crew: WorkCrew, stopTokens: Set<Int>,
        decode: ([Int]) -> String,
        progress: (Int, Int) -> Void
    ) throws {
        try Self.check(
            base.hyperparameters(), edited.hyperparameters(), paths: (base.path, edited.path))
        // A fifth of the progress is the weights, a twentieth the texts.
        func advance(_ from: Double, _ to: Double, _ done: Int, _ all: Int) {
            progress(Int(1000 * (from + (to - from) * Double(done) / Double(max(all, 1)))), 1000)
        }
        let weights = try WeightComparison(
            base: base, edited: edited, interventions: interventions, crew: crew
        ) { done, all in advance(0, 0.2, done, all) }
        self.weights = weights
        let models = try ComparedModels(
            base: base, edited: edited, weights: weights, interventions: interventions,
            crew: crew)
        let sizes = models.base.configuration.sizes
        guard !prompts.isEmpty else { throw VerificationError.noPrompts }
        isSteered = !interventions.isEmpty
        let (compared, unreached) = ComparedText.all(
            prompts.map(\.tokens), limit: positionLimit,
            models: [models.base.configuration, models.edited.configuration])
        self.unreached = unreached
        let tolerance = try Tolerance(
            base: base, edited: edited, noise: models.noise(on: compared),
            carried: models.carriedRounding(
                on: compared, moving: Tolerance.sumRounding(base: base, edited: edited)),
            matricesHoldEdit: isSteered && weights.hasEditedMatrices, override: override)
        self.tolerance = tolerance
        let wrongs = WrongModel.all(
            interventions, sizes: sizes, tolerance: tolerance.relative)
        let total = compared.reduce(0) { $0 + $1.tokens.count }
        positions = (total, compared.count, compared.map(\.tokens.count).max() ?? 0)
        let added = Self.added(interventions)
        var sums = try ComparisonSums(
            models.base.configuration, interventions: interventions, added: added,
            wrongCount: wrongs.count)
        var done = 0
        for text in compared {
            try models.compare(text, wrongs: wrongs.map(\.interventions), into: &sums) { count in
                done += count
                advance(0.2, 0.95, done, total)
            }
        }
        let storage = Tolerance.vectorStorage(base: base, edited: edited)
        let strengths = sums.strengths(
            vectorStorage: storage,
            matrixStorage: Tolerance.matrixStorage(weights.roundedTypes.values),
            rounding: tolerance.rounding)
        let lengths = added.mapValues { $0.norm }.filter { $0.value > 0 }
        func rows(_ errors: StreamComparison, _ strengths: [StrengthRow] = []) -> [BlockRow] {
            Self.rows(
                errors: errors, effects: sums.effects, lengths: lengths, strengths: strengths,
                storage: storage, tolerance: tolerance)
        }
        blocks = rows(sums.errors, strengths)
        embeddingStrengths = strengths.filter { $0.block == nil }
        cost = models.rounded == nil ? nil : RoundingCost(sums.costs)
        logits = sums.errors.logits
        logitEffect = sums.effects.logits.largestDifference
        logitEffectShare = Self.share(
            sums.errors.logits.squaredDifference, of: sums.effects.logits.squaredDifference)
        logitEffectSize =
            (sums.effects.logits.squaredDifference
            / Double(max(logits.positions * sizes.vocabularySize, 1))).squareRoot()
        var controls: [Control] = []
        if isSteered {
            controls.append(
                Control(
                    name: "strength 0 equals the base", passes: sums.nullIsEqual,
                    detail: sums.nullIsEqual ? "every bit of every block and logit" : "bits differ",
                    errors: [], tellsApart: true))
        }
        // Vectors that change nothing cannot be wrong ones.
        if !isSteered || logitEffect > 0 {
            controls += zip(wrongs, sums.wrongs).map { wrong, errors in
                Self.control(wrong.name, rows(errors))
            }
        }
        if weights.rowsToldApart.all > 0 { controls.append(Self.control(weights)) }
        self.controls = controls
        let texted = min(prompts.count, 4)
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
            advance(0.95, 1, index + 1, texted)
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

    /// What is added in each block that has additions, at all its sites together; under −1 at the embedding.
    private static func added(_ interventions: [Intervention]) -> [Int: [Float]] {
        Dictionary(grouping: interventions.filter { $0.operation == .add }) {
            $0.site == .embed ? -1 : $0.block
        }.mapValues(\.sumOfAdditions)
    }

    private static func rows(
        errors: StreamComparison, effects: StreamComparison, lengths: [Int: Double],
        strengths: [StrengthRow], storage: Double, tolerance: Tolerance
    ) -> [BlockRow] {
        zip(errors.blocks, effects.blocks).enumerated().map { index, pair in
            let (error, effect) = (pair.0, pair.1.medianDistance)
            let size = min(effect, lengths[index] ?? .infinity)
            let share = effect > 0 ? error.medianDistance / size : nil
            let rounding = effect > 0 ? tolerance.rounding * error.medianLength / size : 0
            let isBelowRounding = rounding > tolerance.effectShare
            // What the stored vector itself is off by.
            let stored = storage * effect / max(error.medianLength, .leastNormalMagnitude)
            let strengths = strengths.filter { $0.block == index }
            return BlockRow(
                block: index, relativeError: error.largestRelative, effect: effect,
                effectShare: share, strengths: strengths, isBelowRounding: isBelowRounding,
                passes: error.largestRelative <= tolerance.relative + stored
                    && (share ?? 0) <= max(tolerance.effectShare, rounding)
                    && strengths.allSatisfy(\.measurement.holds),
                length: error.medianLength, size: size)
        }
    }

    /// The control of the weights: other rows of the base must not pass as roundings.
    private static func control(_ weights: WeightComparison) -> Control {
        let (told, all) = weights.rowsToldApart
        return Control(
            name: "the base's rows one off must fail", passes: 2 * told > all,
            detail: "told apart in \(told) of \(all) rounded tensors", errors: [],
            tellsApart: false)
    }

    /// A control of something wrong, which passes where the comparison fails.
    private static func control(_ name: String, _ rows: [BlockRow]) -> Control {
        let failures = rows.filter { !$0.passes }
        return Control(
            name: name, passes: !failures.isEmpty,
            detail: failures.isEmpty
                ? "it passes: the test cannot tell the two apart"
                : "\(failures.count) of \(rows.count) blocks differ",
            errors: rows.map(\.relativeError), tellsApart: false)
    }
}
