import Formats
package import Transformer

/// Losses of batches, and the gradients they give the tuned weights.
///
/// Frozen blocks below the lowest tuned one are run once for each sequence and their output kept; blocks above the
/// highest that a term reads are not run; logits are computed only where a term reads them. Terms that reach the same
/// weights go back together, others in a backward pass of their own: that is what gradient routing is.
package final class ObjectiveEngine {
    package let model: TuningModel
    package let terms: [ObjectiveTerm]
    private let pass: GradientPass
    private let groups: [TermGroup]
    private let prefixes: PrefixCache
    private let blocks: Range<Int>
    private let interventions: [Intervention]
    /// Rows that go through the blocks together: the bound on activation memory.
    private static let rowsPerPass = 1024

    /// Limits of memory, in bytes.
    package struct Limits: Sendable {
        /// For activations that could be computed again.
        package var activations: Int
        /// For the outputs of frozen blocks.
        package var prefixes: Int

        package init(activations: Int = 512 << 20, prefixes: Int = 1 << 30) {
            self.activations = activations
            self.prefixes = prefixes
        }
    }

    /// - Parameters:
    ///   - terms: at least one.
    ///   - interventions: steering that is active while the model is tuned; the untuned model that `keep` and others compare
    ///     with is not steered.
    ///   - steering: what batches may be steered with beside it.
    /// - Throws: `TrainingError` for terms that do not fit the model, or that reach none of the tuned weights.
    package convenience init(
        model: TuningModel, terms: [ObjectiveTerm], interventions: [Intervention] = [],
        steering: SteeringSchedule? = nil, limits: Limits = Limits()
    ) throws {
        try self.init(
            model: model, terms: terms, interventions: interventions, steering: steering,
            limits: limits, prefixes: nil)
    }

    /// - Parameter prefixes: outputs of the base's lowest blocks, where they are shared with other engines; none of
    ///   those blocks may be tuned or steered.
    init(
        model: TuningModel, terms: [ObjectiveTerm], interventions: [Intervention] = [],
        steering: SteeringSchedule? = nil, limits: Limits = Limits(), prefixes shared: PrefixCache?
    ) throws {
        guard !terms.isEmpty else { throw TrainingError.noTerms }
        for term in terms { try term.check(model) }
        self.model = model
        self.terms = terms
        self.interventions = interventions
        pass = try GradientPass(model.decoder, keptBytes: limits.activations)
        groups = TermGroup.groups(of: terms, model)
        let blockCount = model.decoder.configuration.sizes.blockCount
        let readsLogits = terms.contains { $0.goal.blocks == nil }
        let highest = terms.compactMap { $0.goal.blocks?.max() }.max() ?? 0
        let end = readsLogits ? blockCount : highest + 1
        // What a batch may be steered with is no part of what is kept of the frozen blocks.
        let steered = steering.map { max(0, $0.lowestDepth) } ?? blockCount - 1
        let lowest = min(model.lowestBlock ?? blockCount - 1, steered, end - 1)
        precondition(shared.map { $0.blocks <= lowest } ?? true)
        let prefixes =
            shared
            ?? PrefixCache(
                model.baseDecoder, blocks: lowest, interventions: interventions,
                byteLimit: limits.prefixes)
        self.prefixes = prefixes
        blocks = prefixes.blocks..<end
    }

    /// Adds the gradients of the weighted losses to the parameters' gradients.
    ///
    /// - Returns: the losses, as they were before the weights change.
    /// - Throws: `PromptError.noSuchToken`, `TrainingError.noChoices`, `.noTexts`, `.noContrast` for examples that lack what a term reads; what
    ///   the decoder throws.
    package func addGradients(_ batch: TuningBatch) throws -> StepLosses {
        try run(batch, addsGradients: true)
    }

    /// The losses alone.
    ///
    /// - Throws: as `addGradients`.
    package func losses(_ batch: TuningBatch) throws -> StepLosses {
        try run(batch, addsGradients: false)
    }

    private func run(_ batch: TuningBatch, addsGradients: Bool) throws -> StepLosses {
        let plan = try BatchPlan(batch, terms)
        var tally = Tally(terms.count)
        for part in plan.parts(limit: Self.rowsPerPass) {
            let sequences = try prefixes.sequences(part.map(\.tokens))
            try pass.forward(
                sequences, blocks: blocks, interventions: interventions + batch.steering)
            tally.tokens += pass.rowCount
            for group in groups {
                let gradients = addsGradients ? StreamGradients(pass) : nil
                try takeLogits(part, group, plan, gradients, &tally)
                try takeStream(part, group, plan, gradients, &tally)
                if let gradients { pass.backward(gradients, into: group.sink) }
            }
        }
        return tally.losses(terms)
    }

    // MARK: - Token terms

    private func takeLogits(
        _ part: [BatchPlan.Sequence], _ group: TermGroup, _ plan: BatchPlan,
        _ gradients: StreamGradients?, _ tally: inout Tally
    ) throws {
        var targets: [LogitTarget] = []
        // The term and the share of its mean loss that each target stands for.
        var shares: [(term: Int, share: Double)] = []
        for (sequence, rows) in zip(part, pass.sequences) {
            for index in group.terms {
                for reading in try plan.readings(of: terms[index], in: sequence, prefixes) {
                    let weight = terms[index].weight * Float(reading.share)
                    targets.append(
                        LogitTarget(
                            row: rows.lowerBound + reading.token, weight: weight,
                            kind: reading.kind))
                    shares.append((index, reading.share))
                }
            }
        }
        guard !targets.isEmpty else { return }
        let losses = pass.lossesOnLogits(
            targets, reference: model.baseDecoder, gradients: gradients, into: group.sink)
        for (loss, (term, share)) in zip(losses, shares) { tally.terms[term] += loss * share }
    }

    // MARK: - Representation terms

    private func takeStream(
        _ part: [BatchPlan.Sequence], _ group: TermGroup, _ plan: BatchPlan,
        _ gradients: StreamGradients?, _ tally: inout Tally
    ) throws {
        for index in group.terms {
            let term = terms[index]
            guard let blocks = term.goal.blocks else { continue }
            for (sequence, rows) in zip(part, pass.sequences) {
                guard let tokens = try plan.tokens(of: term, in: sequence) else { continue }
                let places = Double(tokens.count * blocks.count * plan.exampleCount)
                if let targets = try plan.targets(of: term, in: sequence, prefixes) {
                    takeShift(index, targets, tokens, rows, places, gradients, &tally)
                    continue
                }
                for block in blocks {
                    let direction = term.goal.directions?[block] ?? []
                    for token in tokens {
                        let row = rows.lowerBound + token
                        let cosine = pass.withStream(term.site, block: block, row: row) {
                            CosineLoss($0, direction)
                        }
                        let (loss, slope) = term.goal.loss(ofCosine: cosine.value)
                        tally.terms[index] += loss / places
                        tally.addCosine(cosine.value, block: block)
                        guard let gradients, slope != 0 else { continue }
                        gradients.add(
                            cosine.gradient(times: slope * Double(term.weight) / places),
                            at: term.site, block: block, row: row)
                    }
                }
            }
        }
    }
}

// MARK: - Shifts

extension ObjectiveEngine {
    /// Takes a term that says where the stream should be, at some tokens of one sequence.
    ///
    /// - Parameter targets: by block, (those tokens, hidden size).
    private func takeShift(
        _ index: Int, _ targets: [Int: ArraySlice<Float>], _ tokens: Range<Int>,
        _ rows: Range<Int>, _ places: Double, _ gradients: StreamGradients?, _ tally: inout Tally
    ) {
        let term = terms[index]
        let width = model.decoder.configuration.sizes.hiddenSize
        for (block, target) in targets.sorted(by: { $0.key < $1.key }) {
            for (number, token) in tokens.enumerated() {
                let row = rows.lowerBound + token
                let start = target.startIndex + number * width
                let loss = pass.withStream(term.site, block: block, row: row) {
                    ShiftLoss($0, target: target[start..<start + width])
                }
                tally.terms[index] += loss.value / places
                gradients?.add(
                    loss.gradient(times: Double(term.weight) / places), at: term.site,
                    block: block, row: row)
            }
        }
    }
}

/// Terms whose gradients reach the same weights.
private struct TermGroup {
    let terms: [Int]
    let sink: GradientSink

    static func groups(of terms: [ObjectiveTerm], _ model: TuningModel) -> [TermGroup] {
        var reaches: [[[TunedParameter.Section]]] = []
        var members: [[Int]] = []
        for (index, term) in terms.enumerated() {
            let reach = model.parameters.map { $0.sections.filter(term.reaches) }
            if let group = reaches.firstIndex(of: reach) {
                members[group].append(index)
            } else {
                reaches.append(reach)
                members.append([index])
            }
        }
        return zip(reaches, members).map { TermGroup(terms: $1, sink: model.sink(reaching: $0)) }
    }
}

extension TuningModel {
    /// Where a backward pass adds the gradients of these sections of every parameter.
    fileprivate func sink(reaching sections: [[TunedParameter.Section]]) -> GradientSink {
        var sink = GradientSink()
        for (index, parameter) in parameters.enumerated() where !sections[index].isEmpty {
            switch parameter.factor {
            case .whole: sink.weights[parameter.role] = parameter.gradient
            case .down:
                sink.factors[parameter.role] = GradientSink.Factors(
                    down: parameter.gradient, up: parameters[index + 1].gradient)
                continue
            case .up: break
            }
            let rows = sections[index].compactMap(\.rows)
            guard rows.count == sections[index].count else { continue }
            sink.rows[WeightRole(parameter.role.slot, expert: parameter.role.expert)] =
                rows.flatMap { $0 }.sorted { $0.lowerBound < $1.lowerBound }
        }
        return sink
    }
}

/// Sums over a batch.
private struct Tally {
    var terms: [Double]
    var tokens = 0
    private var cosines: [Int: (sum: Double, count: Int)] = [:]

    init(_ termCount: Int) {
        terms = Array(repeating: 0, count: termCount)
    }

    mutating func addCosine(_ cosine: Double, block: Int) {
        let (sum, count) = cosines[block] ?? (0, 0)
        cosines[block] = (sum + cosine, count + 1)
    }

    func losses(_ all: [ObjectiveTerm]) -> StepLosses {
        StepLosses(
            terms: terms, total: zip(all, terms).reduce(0) { $0 + Double($1.0.weight) * $1.1 },
            cosines: cosines.mapValues { $0.sum / Double($0.count) }, tokens: tokens)
    }
}
