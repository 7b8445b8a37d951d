package import Formats
package import Transformer

/// Finds the blocks, site and strength of a vector that move a probe most while the model stays near itself, by
/// measured trials (`SearchStrategy`).
///
/// The choice is made on one half of the probes; what the best trials do on the other half is measured afterwards.
/// Every result goes to a file as soon as it is there, and a search that was interrupted continues where it was.
package final class Search {
    /// A trial of the front, and what it does where it was not chosen.
    package struct FrontPoint: Sendable {
        package let trial: SearchTrial
        package let heldOut: SearchTrial
        /// Of the effect on the held-out probes.
        package let interval: Bootstrap.Interval?
    }

    /// What a search found.
    package struct Outcome: Sendable {
        package let vectors: [SearchVector]
        package let options: SearchOptions
        /// In the order in which they were made.
        package let trials: [SearchTrial]
        /// On the data of the choice, and on the held-out probes.
        package let plain: [SearchPart: SearchFigures]
        /// By divergence.
        package let front: [FrontPoint]
        /// Nil where nothing within the limits moves the probe the wanted way.
        package let best: FrontPoint?
        /// What comes nearest to the limits where nothing is within them.
        package let nearest: SearchTrial?
        /// What single blocks are expected to move at the limits, for each vector and sign.
        package let blocks: [(vector: Int, isNegative: Bool, effects: [Int: Double])]
    }

    private let vectors: [SearchVector]
    let options: SearchOptions
    private let measurement: SearchMeasurement
    private var results: ResultsFile
    private let advance: (Int) -> Void
    private var plain: [SearchPart: SearchFigures] = [:]
    private var made = 0

    /// - Parameters:
    ///   - split: which of the probes choose.
    ///   - text: tokens that divergence and perplexity are measured on; nil to take the probes' prompts, and no perplexity.
    ///   - resultsPath: the file that results are kept in; nil to keep none.
    ///   - continues: whether the file's search is continued.
    ///   - kernel: what multiplies matrices, which decides the last bits.
    ///   - report: called with what is being done.
    ///   - advance: called with the number of trials that were made.
    /// - Throws: `ResultsError`, `EvaluationError`, `PromptError`, file errors.
    package init(
        vectors: [SearchVector], base: Checkpoint, decoder: Decoder, renderer: PromptRenderer,
        probes: [Probe], split: ProbeSplit, text: (tokens: [Int], windows: SlidingWindows)?,
        options: SearchOptions, inputs: JSONObject, resultsPath: String?, continues: Bool,
        kernel: String, report: @escaping (String) -> Void, advance: @escaping (Int) -> Void
    ) throws {
        self.vectors = vectors
        self.options = options
        self.advance = advance
        func data(_ indices: [Int], _ tokens: Int?) throws -> SearchMeasurement.Data {
            let chosen = indices.map { probes[$0] }
            guard let text else {
                let prompts = try chosen.map {
                    try renderer.tokens($0.prompt, asChat: options.asChat, place: $0.place)
                }
                return .init(
                    probes: chosen,
                    runs: prompts.map { Divergence.Run(tokens: $0, first: 0) })
            }
            let part = Array(text.tokens.prefix(tokens ?? text.tokens.count))
            return .init(
                probes: chosen, runs: Array(try Divergence.runs(part, windows: text.windows)))
        }
        let coarseTokens = text.map { max(2, min($0.tokens.count, max(256, $0.tokens.count / 4))) }
        measurement = try SearchMeasurement(
            decoder: decoder, renderer: renderer, asChat: options.asChat,
            data: [
                .coarse: data(split.coarse, coarseTokens), .choice: data(split.choice, nil),
                .heldOut: .init(probes: split.heldOut.map { probes[$0] }, runs: []),
            ], memory: options.memory, report: report)
        var identity = JSONObject([.init("model", .string(try base.weightsHash()))])
        identity.members += inputs.members
        identity["text tokens"] = text.map { .integer($0.tokens.count) } ?? .null
        identity["window"] = text.map { .integer($0.windows.length) } ?? .null
        identity["date"] = renderer.dayOfTurns.map { .string($0) }
        identity.members += options.identity.members
        results = try ResultsFile(
            path: resultsPath, identity: identity, kernel: kernel, isNew: !continues)
    }

    /// The kernels that the results were and will be made with, each once, in the order of their first use.
    package var kernels: [String] { results.kernels }

    /// Runs the search, or what is left of it.
    ///
    /// - Throws: `SearchError.notFinite`, what the decoder throws, file errors.
    package func run() throws -> Outcome {
        var strategy = SearchStrategy(
            vectors: vectors, signs: options.signs.areNegative, budget: options.trials
        ) { [self] point, part in try trial(point, part) }
        try strategy.run()
        let choices = strategy.trials.filter { $0.part == .choice }
        let front = try choices.front.map(frontPoint)
        let best = try choices.best.map { best in
            try front.first { $0.trial == best } ?? frontPoint(best)
        }
        return Outcome(
            vectors: vectors, options: options, trials: strategy.trials, plain: plain,
            front: front, best: best, nearest: best == nil ? choices.nearest : nil,
            blocks: vectors.indices.flatMap { vector in
                options.signs.areNegative.map {
                    (vector, $0, strategy.singleBlocks(vector: vector, isNegative: $0))
                }
            })
    }

    private func frontPoint(_ trial: SearchTrial) throws -> FrontPoint {
        let heldOut = try self.trial(trial.point, .heldOut)
        let base = try plain(.heldOut).values(of: options.objective)
        let differences = zip(heldOut.figures.values(of: options.objective), base)
            .map { options.isOpposite ? $1 - $0 : $0 - $1 }
        return FrontPoint(
            trial: trial, heldOut: heldOut, interval: Bootstrap().interval(ofMean: differences))
    }

    // MARK: - Measurements

    /// A measured steering, counted where it is one of the choice.
    func trial(_ point: SearchPoint, _ part: SearchPart) throws -> SearchTrial {
        let key =
            "\(part.rawValue) \(point.candidate.vector):\(point.scaleAndBlocks(in: vectors))"
        let plain = try plain(part)
        let figures = try measured(key, part) {
            try measurement.figures(
                steeredBy: point.interventions(in: vectors), part)
        }
        if part != .heldOut {
            made += 1
            advance(made)
        }
        return SearchTrial(point, part, figures, plain: plain, options: options)
    }

    /// The plain model, which must be finite.
    func plain(_ part: SearchPart) throws -> SearchFigures {
        if let known = plain[part] { return known }
        let found = try measured("\(part.rawValue) plain", part) { try measurement.plain(part) }
        guard found.isFinite else { throw SearchError.notFinite(part: part.rawValue) }
        plain[part] = found
        return found
    }

    /// A result of the file, or a new one that is put there.
    private func measured(
        _ key: String, _ part: SearchPart, _ measure: () throws -> SearchFigures
    ) throws -> SearchFigures {
        if let known = results[key],
            let figures = SearchFigures(known, probes: measurement.probeCount(part))
        {
            return figures
        }
        let found = try measure()
        try results.add(key, found.json)
        return found
    }
}

extension SearchOptions {
    /// What a search that continues must have in common with the one before; memory decides no bit.
    fileprivate var identity: JSONObject {
        JSONObject([
            .init("objective", .string(objective.rawValue)), .init("opposite", .bool(isOpposite)),
            .init("strengths", .string(signs.rawValue)),
            .init("max-kl", .number(limits.divergence)),
            .init("max-perplexity", limits.perplexity.map { .number($0) } ?? .null),
            .init("trials", .integer(trials)), .init("seed", .string("\(seed)")),
            .init("chat", .bool(asChat)),
        ])
    }
}
