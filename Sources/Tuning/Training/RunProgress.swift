import Formats

/// Where a run stands, apart from the values it tunes.
struct RunProgress: Equatable {
    /// Updates made.
    var step = 0
    /// How the run ended; nil while it goes on.
    var outcome: TuningRun.Outcome?
    var divergence = DivergenceWatch()
    var earlyStop: EarlyStop
    /// Of the untuned model; nil without validation, or before it was done.
    var firstValidation: StepLosses?
    /// Of the best state.
    var bestValidation: StepLosses?
    var firstTraining: StepLosses?
    var lastTraining: StepLosses?
    /// The kernels of matrix products that made the run, each once, in the order of their first use; empty where that
    /// was not kept.
    var kernels: [String] = []
    /// Where the record ended.
    var record = RunRecord.Mark.start

    init(_ options: EarlyStop.Options) {
        earlyStop = EarlyStop(options)
    }

    /// Notes that the steps from here on are made with these kernels.
    mutating func use(_ kernel: String) {
        if !kernels.contains(kernel) { kernels.append(kernel) }
    }
}

// MARK: - As JSON

extension RunProgress {
    private enum Key {
        static let step = "step"
        static let outcome = "outcome"
        static let reason = "reason"
        static let divergingSteps = "diverging_steps"
        static let bestStep = "best_step"
        static let bestLoss = "best_loss"
        static let validationsSince = "validations_since_best"
        static let firstValidation = "first_validation"
        static let bestValidation = "best_validation"
        static let firstTraining = "first_training"
        static let lastTraining = "last_training"
        static let kernels = "kernels"
        static let recordBytes = "record_bytes"
        static let recordHash = "record_sha256"
    }

    var json: JSONObject {
        var json = JSONObject([
            .init(Key.step, .integer(step)),
            .init(Key.divergingSteps, .integer(divergence.divergingSteps)),
            .init(Key.validationsSince, .integer(earlyStop.validationsSince)),
            .init(Key.recordBytes, .integer(record.byteCount)),
            .init(Key.recordHash, .string(record.sha256)),
        ])
        json[Key.outcome] = outcome.map { .string($0.name) }
        if case .diverged(let reason) = outcome { json[Key.reason] = .string(reason) }
        json[Key.bestStep] = earlyStop.bestStep.map { .integer($0) }
        json[Key.bestLoss] = earlyStop.bestLoss.map { .number($0) }
        for (key, losses) in [
            (Key.firstValidation, firstValidation), (Key.bestValidation, bestValidation),
            (Key.firstTraining, firstTraining), (Key.lastTraining, lastTraining),
        ] {
            json[key] = losses.map { .object(JSONObject($0.members)) }
        }
        json[Key.kernels] = kernels.isEmpty ? nil : .array(kernels.map { .string($0) })
        return json
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `TuningRunError.badState` naming the first member that is missing or wrong.
    init(_ json: JSONObject, options: EarlyStop.Options, file: String) throws(TuningRunError) {
        func count(_ key: String) throws(TuningRunError) -> Int {
            guard let value = json[key]?.integer, value >= 0 else {
                throw .badState(file: file, fact: "'\(key)' is no count")
            }
            return value
        }
        func losses(_ key: String) throws(TuningRunError) -> StepLosses? {
            guard let value = json[key] else { return nil }
            guard let losses = value.object.flatMap(StepLosses.init) else {
                throw .badState(file: file, fact: "'\(key)' are no losses")
            }
            return losses
        }
        guard let hash = json[Key.recordHash]?.string else {
            throw .badState(file: file, fact: "'\(Key.recordHash)' is missing")
        }
        step = try count(Key.step)
        if let value = json[Key.outcome] {
            let found = value.string.flatMap {
                TuningRun.Outcome(name: $0, reason: json[Key.reason]?.string)
            }
            guard let found else {
                throw .badState(file: file, fact: "'\(Key.outcome)' is no outcome")
            }
            outcome = found
        }
        divergence = DivergenceWatch(divergingSteps: try count(Key.divergingSteps))
        earlyStop = EarlyStop(
            options, bestLoss: json[Key.bestLoss]?.number, bestStep: json[Key.bestStep]?.integer,
            validationsSince: try count(Key.validationsSince))
        firstValidation = try losses(Key.firstValidation)
        bestValidation = try losses(Key.bestValidation)
        firstTraining = try losses(Key.firstTraining)
        lastTraining = try losses(Key.lastTraining)
        kernels = json[Key.kernels]?.array?.compactMap(\.string) ?? []
        record = RunRecord.Mark(byteCount: try count(Key.recordBytes), sha256: hash)
    }
}
