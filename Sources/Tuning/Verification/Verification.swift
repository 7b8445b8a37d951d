public import Formats
public import Transformer

/// Proof from disk that an edited checkpoint equals its base steered online.
///
/// Both files are opened anew and run on the same tokens. The edited model's residual stream after every block and
/// its logits must equal those of the base with the interventions, within a tolerance derived from the number
/// formats, and to a small share of what steering changes at all. Two controls show that the test can tell: with
/// strength 0 the base must equal itself bit for bit, and the vectors moved to the next block must not pass.
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
    public let tokenCount: Int

    public var streamsPass: Bool { blocks.allSatisfy(\.passes) }
    public var logitsPass: Bool {
        logits.relative <= tolerance.relative && (logitEffectShare ?? 0) <= tolerance.effectShare
    }
    public var passes: Bool { streamsPass && logitsPass && controls.allSatisfy(\.passes) }

    /// Tokens of a prompt that are compared at most; logits of all of them are held.
    private static let tokensPerPrompt = 96
    private static let logitsPerPrompt = 16 << 20

    /// Compares the two files.
    ///
    /// - Parameters:
    ///   - prompts: tokens and their text.
    ///   - textLength: greedy tokens generated for each of the first prompts.
    ///   - stopTokens: tokens that end a text.
    ///   - decode: turns tokens into text.
    ///   - progress: called with steps done and in all.
    /// - Throws: what opening, loading and running the models throws; `VerificationError.differentModels` where the
    ///   two cannot be compared.
    public init(
        base: Checkpoint, edited: Checkpoint, interventions: [Intervention],
        prompts: [(tokens: [Int], text: String)],
        tolerance override: Double?, textLength: Int, crew: WorkCrew, stopTokens: Set<Int>,
        decode: ([Int]) -> String,
        progress: (Int, Int) -> Void
    ) throws {
        let baseDecoder = try Decoder(checkpoint: base, crew: crew)
        let editedDecoder = try Decoder(checkpoint: edited, crew: crew)
        let sizes = baseDecoder.configuration.sizes
        try Self.check(sizes, editedDecoder.configuration.sizes, paths: (base.path, edited.path))
        guard !prompts.isEmpty else { throw VerificationError.noPrompts }
        isSteered = !interventions.isEmpty
        tolerance = try Tolerance(base: base, edited: edited, override: override)

        let nulled = interventions.map { intervention in
            var copy = intervention
            copy.strength = 0
            return copy
        }
        // What the test must not take for the edited model.
        let growth = max(0.01, 2 * tolerance.relative)
        let somethingElse =
            interventions.isEmpty
            ? [
                Intervention(
                    block: sizes.blockCount / 2, operation: .scale, vector: [],
                    strength: Float(1 + growth))
            ] : Self.movedOneBlock(interventions, blockCount: sizes.blockCount)
        var errors = StreamComparison(blockCount: sizes.blockCount)
        var effects = errors
        var wrong = errors
        var nullIsEqual = true
        let length = max(1, min(Self.tokensPerPrompt, Self.logitsPerPrompt / sizes.vocabularySize))
        var tokens = 0
        let texted = min(prompts.count, 4)
        let steps = prompts.count + texted
        for (index, prompt) in prompts.enumerated() {
            let part = Array(prompt.tokens.prefix(length))
            tokens += part.count
            func trace(_ decoder: Decoder, _ interventions: [Intervention] = []) throws -> Trace {
                try Trace(of: part, in: decoder, interventions: interventions)
            }
            let steered = try trace(baseDecoder, interventions)
            let plain = interventions.isEmpty ? steered : try trace(baseDecoder)
            let found = try trace(editedDecoder)
            effects.add(reference: steered, other: plain)
            errors.add(reference: steered, other: found)
            wrong.add(reference: try trace(baseDecoder, somethingElse), other: found)
            if !interventions.isEmpty {
                nullIsEqual = try nullIsEqual && trace(baseDecoder, nulled).entries == plain.entries
            }
            progress(index + 1, steps)
        }
        tokenCount = tokens
        let lengths = Self.lengths(interventions)
        blocks = Self.rows(errors: errors, effects: effects, lengths: lengths, tolerance: tolerance)
        logits = errors.logits
        logitEffect = effects.logits.largestDifference
        logitEffectShare = Self.share(
            errors.logits.squaredDifference, of: effects.logits.squaredDifference)
        let wrongRows = Self.rows(
            errors: wrong, effects: effects, lengths: lengths, tolerance: tolerance)
        if interventions.isEmpty {
            let name =
                "the base with \(growth) more of its stream after block \(sizes.blockCount / 2) must fail"
            controls = [Self.control(name, wrongRows)]
        } else {
            var controls = [
                Control(
                    name: "strength 0 equals the base", passes: nullIsEqual,
                    detail: nullIsEqual ? "every bit of every block and logit" : "bits differ")
            ]
            // Vectors that change nothing, or have no other block to go to, cannot be on a wrong one.
            if logitEffect > 0, sizes.blockCount > 1 {
                controls.append(Self.control("the vectors one block off must fail", wrongRows))
            }
            self.controls = controls
        }
        var rows: [TextRow] = []
        for (index, prompt) in prompts.prefix(texted).enumerated() {
            func text(_ decoder: Decoder, _ interventions: [Intervention]) throws -> String {
                var generator = try TextGenerator(
                    decoder,
                    options: .init(
                        maximumTokens: textLength, stopTokens: stopTokens,
                        interventions: interventions))
                return decode(try generator.generate(from: prompt.tokens).tokens)
            }
            rows.append(
                TextRow(
                    prompt: prompt.text, steered: try text(baseDecoder, interventions),
                    edited: try text(editedDecoder, []), unsteered: try text(baseDecoder, [])))
            progress(prompts.count + index + 1, steps)
        }
        texts = rows
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

    /// The same vectors, each on the next block, the last block's on the first.
    private static func movedOneBlock(_ interventions: [Intervention], blockCount: Int)
        -> [Intervention]
    {
        interventions.map { intervention in
            var copy = intervention
            copy.block = (copy.block + 1) % blockCount
            return copy
        }
    }

    private static func share(_ squaredError: Double, of squaredEffect: Double) -> Double? {
        squaredEffect > 0 ? (squaredError / squaredEffect).squareRoot() : nil
    }

    /// The length of what is added in each block that has additions.
    private static func lengths(_ interventions: [Intervention]) -> [Int: Double] {
        var sums: [Int: [Float]] = [:]
        for intervention in interventions where intervention.operation == .add {
            let zeros = [Float](repeating: 0, count: intervention.vector.count)
            sums[intervention.block] = zip(sums[intervention.block] ?? zeros, intervention.vector)
                .map { $0 + intervention.strength * $1 }
        }
        return sums.mapValues { SampleMatrix.norm($0[...]) }.filter { $0.value > 0 }
    }

    private static func rows(
        errors: StreamComparison, effects: StreamComparison, lengths: [Int: Double],
        tolerance: Tolerance
    ) -> [BlockRow] {
        zip(errors.blocks, effects.blocks).enumerated().map { index, pair in
            let (error, effect) = (pair.0, pair.1.medianDistance)
            let share =
                effect > 0 ? error.medianDistance / min(effect, lengths[index] ?? .infinity) : nil
            return BlockRow(
                block: index, relativeError: error.largestRelative, effect: effect,
                effectShare: share,
                passes: error.largestRelative <= tolerance.relative
                    && (share ?? 0) <= tolerance.effectShare)
        }
    }

    /// A control of something wrong, which passes where the comparison fails.
    private static func control(_ name: String, _ rows: [BlockRow]) -> Control {
        let failures = rows.filter { !$0.passes }
        return Control(
            name: name, passes: !failures.isEmpty,
            detail: failures.isEmpty
                ? "it passes: the test cannot tell the two apart"
                : "\(failures.count) of \(rows.count) blocks differ")
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
