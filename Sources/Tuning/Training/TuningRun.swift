package import Formats
import Transformer

/// What computes a run's losses and gradients.
package protocol TrainingObjective {
    /// Adds the gradients of the weighted losses of a batch to those of the parameters.
    func addGradients(_ batch: TuningBatch) throws -> StepLosses

    /// The losses alone.
    func losses(_ batch: TuningBatch) throws -> StepLosses
}

extension ObjectiveEngine: TrainingObjective {}

/// A run of tuning: steps, validations, an end, and a folder from which it can be taken up at any time.
///
/// ```swift
/// let run = try TuningRun(objective: engine, parameters: model.parameters, …)
/// let summary = try run.run { progress in print(progress.step) }
/// ```
///
/// A step takes a batch, adds up its gradients, shortens them, and updates the parameters with AdamW. Every number
/// is a function of the description and of the kernels that multiply matrices alone: a run that was interrupted, or killed
/// at any moment, and continued with the same kernels leaves the same values, state and record, bit for bit, as one that
/// was not. With others it goes on too; `kernels` then has more than one.
///
/// At the end the parameters hold the best state by validation (the first of the best where several are equal), or
/// the last one where the run is not validated.
package final class TuningRun {
    /// How a run ended.
    package enum Outcome: Sendable, Hashable {
        /// All steps were made.
        case finished
        /// Validation stopped getting better.
        case stoppedEarly
        /// A loss or gradient was not finite, or grew beyond all measure.
        case diverged(reason: String)
    }

    package let folder: String
    /// How many steps the run has.
    package let steps: Int
    private let objective: any TrainingObjective
    private let parameters: [TunedParameter]
    private let groups: [ParameterGroup]
    private let data: TuningData
    private let options: TuningOptions
    private let description: RunDescription
    private let kernel: String
    private let update: ParameterUpdate
    private let best: [FloatBuffer]
    private let validation: [TuningBatch]
    private var order: BatchOrder
    private var progress: RunProgress
    private let record: RunRecord

    /// Begins a run, or continues the one in the folder.
    ///
    /// - Parameters:
    ///   - groups: the learning rate of every parameter.
    ///   - folder: where state and record are kept; it is made where it is missing.
    ///   - resumes: whether to continue the folder's run, which must have the same description.
    ///   - replacing: whether a new run may take the place of one in the folder.
    ///   - kernel: what multiplies matrices, which decides the last bits.
    /// - Throws: `FileError.exists` where the folder has a run that may not be replaced; other file errors;
    ///   `TuningRunError`.
    package init(
        objective: any TrainingObjective, parameters: [TunedParameter], groups: [ParameterGroup],
        data: TuningData, options: TuningOptions, description: RunDescription, folder: String,
        resumes: Bool = false, replacing: Bool = false, kernel: String, crew: WorkCrew
    ) throws {
        guard !data.training.isEmpty else { throw TuningRunError.noExamples }
        guard !parameters.isEmpty else { throw TuningRunError.noParameters }
        steps = options.steps(examples: data.training.count)
        guard steps > 0 else { throw TuningRunError.noSteps }
        self.objective = objective
        self.parameters = parameters
        self.groups = groups
        self.data = data
        self.options = options
        self.description = description
        self.kernel = kernel
        self.folder = folder
        update = ParameterUpdate(
            parameters, groups: groups, optimizer: options.optimizer,
            gradientLimit: options.gradientLimit, schedule: options.schedule, crew: crew)
        order = BatchOrder(
            exampleCount: data.training.count, batchSize: options.batchSize,
            textCount: data.texts.count, textsPerStep: options.textsPerStep, seed: options.seed)
        validation = Self.validationBatches(data, options)
        best =
            validation.isEmpty ? [] : parameters.map { FloatBuffer(count: $0.values.count) }

        let files = RunFolder(path: folder)
        let (statePath, recordPath) = (files.statePath, files.recordPath)
        if resumes {
            let state = try RunState(path: statePath)
            let differences = description.differences(from: state.description)
            guard differences.isEmpty else {
                throw TuningRunError.differs(folder: folder, facts: differences)
            }
            progress = try RunProgress(
                state.progress, options: options.earlyStop, file: statePath)
            guard progress.step <= steps else {
                throw TuningRunError.badState(
                    file: statePath, fact: "it is at step \(progress.step) of \(steps)")
            }
            record = try RunRecord(path: recordPath, at: progress.record)
            try state.restore(
                Self.sections(
                    progress, parameters: parameters, optimizer: update.optimizer, best: best),
                parameters: parameters)
            update.optimizer.resume(at: progress.step)
            if progress.outcome == nil { progress.use(kernel) }
        } else {
            for path in [statePath, recordPath] where Folder.exists(folder) {
                try AtomicFile.checkTarget(path, replacing: replacing)
            }
            try Folder.make(folder)
            progress = RunProgress(options.earlyStop)
            progress.use(kernel)
            record = try RunRecord(path: recordPath, at: .start)
            try save()
        }
    }

    /// What the state takes on disk, but for its description.
    package var stateByteCount: Int {
        RunFolder.stateByteCount(
            numbers: parameters.reduce(0) { $0 + $1.values.count },
            isValidated: !validation.isEmpty)
    }

    /// The kernels that the run's steps were and will be made with, each once, in the order of their first use. Where they
    /// are several, the result may differ in the last bits from that of a run of one.
    package var kernels: [String] { progress.kernels }

    /// The batches that every validation takes: the first of a seeded order of the validation examples.
    private static func validationBatches(_ data: TuningData, _ options: TuningOptions)
        -> [TuningBatch]
    {
        guard !data.validation.isEmpty else { return [] }
        var order = BatchOrder(
            exampleCount: data.validation.count, batchSize: options.batchSize,
            textCount: data.texts.count, textsPerStep: options.textsPerStep,
            seed: ~options.seed)
        return (0..<min(order.stepsPerEpoch, options.validationBatches)).map { number in
            let (examples, texts) = order.batch(at: number)
            return TuningBatch(
                examples: examples.map { data.validation[$0] },
                texts: texts.map { data.texts[$0] },
                steering: data.steering?.validation(at: number) ?? [])
        }
    }

    // MARK: - The loop

    /// Runs to the end, or until asked to stop.
    ///
    /// - Parameters:
    ///   - shouldStop: asked before every step; where it says yes, the state is saved and the run can be continued.
    ///   - report: called after every step.
    /// - Throws: what the objective throws; `FileError` where the state or the record cannot be written.
    package func run(
        shouldStop: () -> Bool = { false }, report: (TuningProgress) -> Void = { _ in }
    ) throws -> TuningSummary {
        if progress.step == 0, progress.outcome == nil { try begin() }
        let clock = TuningClock()
        var tokens = 0
        var stepsHere = 0
        while progress.outcome == nil {
            guard !shouldStop() else {
                try save()
                return summary(isInterrupted: true)
            }
            if let losses = try makeStep() {
                tokens += losses.tokens
                stepsHere += 1
                report(
                    TuningProgress(
                        step: progress.step, steps: steps, losses: losses,
                        tokensPerSecond: clock.rate(of: tokens),
                        secondsLeft: clock.seconds / Double(stepsHere)
                            * Double(steps - progress.step)))
            }
            if progress.outcome != nil || progress.step % options.saveEvery == 0 { try save() }
        }
        for (parameter, best) in zip(parameters, best) where progress.bestValidation != nil {
            parameter.values.replace(with: best.values)
        }
        return summary(isInterrupted: false)
    }

    /// Writes the record's first lines: the description, and the untuned model's validation.
    private func begin() throws {
        guard progress.firstValidation == nil, record.mark == .start else { return }
        var line = description.json
        line["kernel"] = .string(kernel)
        try record.add(line)
        try validate()
    }

    /// Makes one step; nil where its losses or gradients are not finite and it was not made.
    private func makeStep() throws -> StepLosses? {
        let (examples, texts) = order.batch(at: progress.step)
        for parameter in parameters { parameter.gradient.clear() }
        let losses = try objective.addGradients(
            TuningBatch(
                examples: examples.map { data.training[$0] },
                texts: texts.map { data.texts[$0] },
                steering: data.steering?.steering(at: progress.step) ?? []))
        let rates = update.learningRates(step: progress.step, of: steps)
        let norm = losses.isFinite ? update.make(step: progress.step, of: steps) : .nan
        guard norm.isFinite else {
            let what = losses.isFinite ? "the gradient" : "a loss"
            try finish(.diverged(reason: "\(what) of step \(progress.step + 1) is not finite"))
            return nil
        }
        let epoch = order.epoch(of: progress.step)
        progress.step += 1
        progress.firstTraining = progress.firstTraining ?? losses
        progress.lastTraining = losses
        try record.add(
            JSONObject(
                [.init("step", .integer(progress.step)), .init("epoch", .integer(epoch))]
                    + losses.members + [
                        .init(
                            "learning_rates",
                            .object(
                                JSONObject(
                                    zip(groups, rates).map { .init($0.name, .number($1)) }))),
                        .init("gradient_norm", .number(norm)),
                    ]))
        try judge(losses)
        return losses
    }

    /// Validates where it is time, and decides whether the run has ended.
    private func judge(_ losses: StepLosses) throws {
        let reason = progress.divergence.add(
            step: losses, first: progress.firstTraining ?? losses, names: description.objectives)
        if let reason { return try finish(.diverged(reason: reason)) }
        let isLast = progress.step == steps
        if isLast || progress.step % options.validateEvery == 0 { try validate() }
        guard progress.outcome == nil else { return }
        if isLast {
            try finish(.finished)
        } else if progress.earlyStop.isDue(step: progress.step) {
            try finish(.stoppedEarly)
        }
    }

    /// Measures the present values on the validation batches: the means over the batches.
    private func validate() throws {
        guard !validation.isEmpty else { return }
        let losses = StepLosses(mean: try validation.map(objective.losses))
        guard losses.isFinite else {
            return try finish(
                .diverged(
                    reason: "a validation loss after step \(progress.step) is not finite"))
        }
        try record.add(
            JSONObject([.init("validation", .integer(progress.step))] + losses.members))
        guard let first = progress.firstValidation, progress.step > 0 else {
            progress.firstValidation = losses
            return
        }
        if progress.earlyStop.add(losses.total, step: progress.step) {
            progress.bestValidation = losses
            for (parameter, best) in zip(parameters, best) {
                best.replace(with: parameter.values.values)
            }
        }
        let reason = DivergenceWatch.reason(
            validation: losses, first: first, names: description.objectives)
        if let reason { try finish(.diverged(reason: reason)) }
    }

    private func finish(_ outcome: Outcome) throws {
        progress.outcome = outcome
        var line = JSONObject([
            .init("outcome", .string(outcome.name)), .init("step", .integer(progress.step)),
        ])
        if case .diverged(let reason) = outcome { line["reason"] = .string(reason) }
        line["best_step"] = progress.earlyStop.bestStep.map { .integer($0) }
        try record.add(line)
    }

    // MARK: - State

    /// Saves the state; the record is on the disk before it, so that it is never behind.
    private func save() throws {
        try record.flush()
        progress.record = record.mark
        try RunState.write(
            to: RunFolder(path: folder).statePath, description: description.json,
            progress: progress.json,
            sections: Self.sections(
                progress, parameters: parameters, optimizer: update.optimizer, best: best),
            parameters: parameters)
    }

    /// What a state at this progress holds.
    private static func sections(
        _ progress: RunProgress, parameters: [TunedParameter], optimizer: AdamW,
        best: [FloatBuffer]
    ) -> [RunState.Section] {
        guard progress.step > 0 else { return [] }
        return [
            RunState.Section(name: "value", buffers: parameters.map(\.values)),
            RunState.Section(name: "first", buffers: optimizer.moments.map(\.first)),
            RunState.Section(name: "second", buffers: optimizer.moments.map(\.second)),
            RunState.Section(name: "best", buffers: progress.bestValidation == nil ? [] : best),
        ]
    }

    private func summary(isInterrupted: Bool) -> TuningSummary {
        TuningSummary(
            outcome: progress.outcome, isInterrupted: isInterrupted, step: progress.step,
            steps: steps, bestStep: progress.earlyStop.bestStep,
            firstValidation: progress.firstValidation, bestValidation: progress.bestValidation,
            firstTraining: progress.firstTraining, lastTraining: progress.lastTraining,
            kernels: kernels)
    }
}
