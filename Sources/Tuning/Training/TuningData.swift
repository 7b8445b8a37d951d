package import Formats
import Transformer

/// What a run is tuned on: examples, those kept aside for validation, and windows of ordinary text.
package struct TuningData: Sendable {
    package var training: [TuningExample]
    /// Empty: the run is not validated.
    package var validation: [TuningExample]
    /// Windows of ordinary text, for the terms that keep the model as it is on it.
    package var texts: [[Int]]
    /// What the model is steered with meanwhile, for the term that lets it bear that.
    package var steering: SteeringSchedule?

    package init(
        training: [TuningExample], validation: [TuningExample] = [], texts: [[Int]] = []
    ) {
        self.training = training
        self.validation = validation
        self.texts = texts
    }

    /// Keeps a share of the examples aside for validation, chosen by the seed: at least one where the share is not
    /// 0, and never all.
    package init(_ examples: [TuningExample], validationShare: Double, texts: [[Int]], seed: UInt64)
    {
        var order = SeededOrder(
            count: examples.count, seed: seed, stream: BatchOrder.Stream.validation)
        let wanted = (validationShare * Double(examples.count)).rounded()
        let count = validationShare > 0 ? min(max(1, Int(wanted)), examples.count - 1) : 0
        let chosen = (0..<max(0, count)).map { order.index(at: $0) }
        let isChosen = Set(chosen)
        self.init(
            training: examples.indices.filter { !isChosen.contains($0) }.map { examples[$0] },
            validation: chosen.map { examples[$0] }, texts: texts)
    }
}

extension TuningData {
    /// Refuses what terms could not read once the run is under way.
    ///
    /// - Throws: `PromptError.noSuchToken`, `TrainingError.noChoices` or `.noContrast` for the first example that lacks what a term
    ///   reads, `TrainingError.noTexts`.
    package func check(_ terms: [ObjectiveTerm]) throws {
        for term in terms {
            if term.goal == .keep, texts.isEmpty { throw TrainingError.noTexts }
            for example in training + validation {
                if term.goal.blocks != nil { _ = try example.sequence.range(of: term.position) }
                if term.goal.kind == .contrast, example.contrast == nil {
                    throw TrainingError.noContrast(place: example.place)
                }
                if term.goal == .soft, example.choices.isEmpty {
                    throw TrainingError.noChoices(place: example.place)
                }
            }
        }
    }
}

/// Reads the files that models are tuned on.
package struct TuningDataReader {
    /// How lines become examples.
    package struct Options: Sendable, Hashable {
        /// Whether plain strings are a user's turn.
        package var asChat: Bool
        /// Whether a chat prompt's completion ends the turn.
        package var endsTurns: Bool
        /// Whether a probe's first incorrect choice is the completion, for tuning toward the opposite.
        package var takesOpposite: Bool
        /// Where the prompts of a contrast come from; nil where none are wanted.
        package var contrast: ContrastSource?

        package init(
            asChat: Bool = false, endsTurns: Bool = true, takesOpposite: Bool = false,
            contrast: ContrastSource? = nil
        ) {
            self.asChat = asChat
            self.endsTurns = endsTurns
            self.takesOpposite = takesOpposite
            self.contrast = contrast
        }
    }

    private let renderer: PromptRenderer
    private let options: Options
    private let positionLimit: Int

    /// - Parameter positionLimit: the most tokens an example may have.
    package init(renderer: PromptRenderer, options: Options, positionLimit: Int) {
        self.renderer = renderer
        self.options = options
        self.positionLimit = positionLimit
    }

    // MARK: - Examples

    /// Reads a `.jsonl` file, one example a line: `{"prompt": X, "completion": "…"}`, or a probe
    /// `{"prompt": X, "choices": ["A", "B"], "correct": 0}`, whose completion is the correct choice. A probe may have
    /// `"targets": [0.5, 0.5]`, the probabilities its choices shall have; without, all the same.
    ///
    /// For contrasts a line has `"positive": X, "negative": X`, unless they are made of its prompt.
    ///
    /// Completions and choices are taken as they stand, without special tokens. A chat prompt's completion ends the
    /// assistant's turn; a probe's does not, so that they compare as `eval` compares them.
    ///
    /// - Throws: file and JSON errors; `PromptError` and `TuningDataError` naming file and line.
    package func examples(_ path: String) throws -> [TuningExample] {
        var ending: [Int]?
        return try JSONLines.read(path).map { line in
            let source = try TuningLine(line.object, place: line.place, options: options)
            let prompt = try renderer.tokens(
                source.prompt, asChat: options.asChat, place: line.place)
            let choices = try source.choices.map { text, probability in
                (tokens: try tokens(of: text, place: line.place), probability: probability)
            }
            var completion = try tokens(of: source.completion, place: line.place)
            let isChat = if case .chat = source.prompt { true } else { options.asChat }
            if isChat, options.endsTurns, source.choices.isEmpty {
                ending = try ending ?? renderer.endOfTurn()
                completion += ending ?? []
            }
            let contrast = try contrast(line, source.prompt)
            let longest = max(
                prompt.count + (choices.map(\.tokens.count).max() ?? 0),
                max(prompt.count, contrast?.positive.count ?? 0, contrast?.negative.count ?? 0)
                    + completion.count)
            guard longest <= positionLimit else {
                throw TuningDataError.tooLong(
                    place: line.place, tokens: longest, limit: positionLimit)
            }
            return TuningExample(
                prompt: prompt, completion: completion, choices: choices, contrast: contrast,
                place: line.place)
        }
    }

    private func contrast(
        _ line: (place: String, object: JSONObject), _ prompt: Prompt
    ) throws -> ContrastPrompts? {
        guard let source = options.contrast else { return nil }
        let prompts = try source.prompts(
            of: line.object, prompt: prompt, asChat: options.asChat, place: line.place)
        func tokens(_ prompt: Prompt) throws -> [Int] {
            try renderer.tokens(prompt, asChat: options.asChat, place: line.place)
        }
        let contrast = ContrastPrompts(
            positive: try tokens(prompts.positive), negative: try tokens(prompts.negative))
        // As where a chat template leaves a system text out.
        guard contrast.positive != contrast.negative else {
            throw TuningDataError.sameContrast(place: line.place)
        }
        return contrast
    }

    private func tokens(of completion: String, place: String) throws -> [Int] {
        let tokens = renderer.tokenizer.encode(completion, addSpecial: false, parseSpecial: false)
        guard !tokens.isEmpty else { throw TuningDataError.emptyCompletion(place: place) }
        return tokens
    }

    // MARK: - Ordinary text

    /// Cuts a text file into windows of so many tokens; a rest that fills none is left out. Where the model wants
    /// a beginning of text, each window has one.
    ///
    /// - Throws: file errors; `PromptError.notText`, `TuningDataError.textTooShort`, `.badWindow`.
    package func windows(_ path: String, length: Int) throws -> [[Int]] {
        guard (2...max(2, positionLimit)).contains(length) else {
            throw TuningDataError.badWindow(tokens: length, limit: positionLimit)
        }
        let text = try TextFile.read(path)
        let definition = renderer.tokenizer.definition
        let beginning =
            definition.addsBeginningOfText ? [definition.beginningOfText].compactMap { $0 } : []
        let tokens = renderer.tokenizer.encode(text, addSpecial: false, parseSpecial: false)
        let step = length - beginning.count
        guard tokens.count >= step else {
            throw TuningDataError.textTooShort(file: path, tokens: tokens.count, needed: step)
        }
        return stride(from: 0, through: tokens.count - step, by: step).map { start in
            beginning + tokens[start..<(start + step)]
        }
    }
}

/// One line of tuning data, checked but not yet tokenised.
private struct TuningLine {
    let prompt: Prompt
    let completion: String
    let choices: [(text: String, probability: Float)]

    init(_ object: JSONObject, place: String, options: TuningDataReader.Options) throws {
        guard let prompt = object["prompt"] else {
            throw PromptError.missingMember(place: place, key: "prompt")
        }
        self.prompt = try Prompt(prompt, place: place)
        guard object["choices"] != nil else {
            guard let completion = object["completion"] else {
                throw PromptError.missingMember(place: place, key: "completion")
            }
            guard let text = completion.string, !text.isEmpty else {
                throw TuningDataError.emptyCompletion(place: place)
            }
            guard !options.takesOpposite else { throw TuningDataError.noOpposite(place: place) }
            self.completion = text
            choices = []
            return
        }
        guard object["completion"] == nil else {
            throw TuningDataError.ambiguous(place: place)
        }
        let probe = try Probe(object, place: place)
        let opposite = probe.choices.indices.first { $0 != probe.correct } ?? probe.correct
        completion = probe.choices[options.takesOpposite ? opposite : probe.correct]
        let targets = try Self.targets(object["targets"], count: probe.choices.count, place: place)
        choices = Array(zip(probe.choices, targets)).map { (text: $0, probability: $1) }
    }

    private static func targets(
        _ value: JSONValue?, count: Int, place: String
    ) throws(TuningDataError) -> [Float] {
        guard let value else { return [Float](repeating: 1 / Float(count), count: count) }
        let numbers = value.array?.compactMap(\.number) ?? []
        guard numbers.count == value.array?.count, numbers.count == count else {
            throw .badTargets(place: place, fact: "are no list of \(count) numbers")
        }
        let sum = numbers.reduce(0, +)
        guard numbers.allSatisfy({ $0 >= 0 }), abs(sum - 1) <= 0.001 else {
            throw .badTargets(
                place: place, fact: "must not be negative and sum to 1, but sum to \(sum)")
        }
        return numbers.map { Float($0 / sum) }
    }
}

/// Tuning data that cannot be used.
package enum TuningDataError: Failure, Equatable {
    case emptyCompletion(place: String)
    case ambiguous(place: String)
    case noOpposite(place: String)
    /// A line has a prompt of its own beside those that templates make.
    case ownContrast(place: String, key: String)
    case sameContrast(place: String)
    case noTurns(place: String)
    case noUserText(place: String)
    case badTargets(place: String, fact: String)
    case tooLong(place: String, tokens: Int, limit: Int)
    case textTooShort(file: String, tokens: Int, needed: Int)
    case badWindow(tokens: Int, limit: Int)

    package var kind: FailureKind {
        if case .badWindow = self { .usage } else { .input }
    }

    package var description: String {
        switch self {
        case .emptyCompletion(let place): "\(place): the completion is no text, or gives no tokens"
        case .ambiguous(let place): "\(place): has both 'completion' and 'choices'"
        case .noOpposite(let place): "\(place): has no 'choices', so there is no opposite answer"
        case .ownContrast(let place, let key):
            "\(place): has a '\(key)' prompt of its own, beside the one that a template makes"
        case .sameContrast(let place):
            "\(place): the contrast's two prompts are the same tokens, so nothing is between them"
        case .noTurns(let place):
            "\(place): the prompt has no turns for a system text; a text around it has "
                + "\(ContrastTemplate.mark) in it"
        case .noUserText(let place): "\(place): the prompt has no user's text to put a text around"
        case .badTargets(let place, let fact): "\(place): the targets \(fact)"
        case .tooLong(let place, let tokens, let limit):
            "\(place): has \(tokens) tokens, but the model's context is \(limit)"
        case .textTooShort(let file, let tokens, let needed):
            "\(file): has \(tokens) tokens, but a window takes \(needed)"
        case .badWindow(let tokens, let limit):
            "a window of \(tokens) tokens is not from 2 to the model's context of \(limit)"
        }
    }
}
