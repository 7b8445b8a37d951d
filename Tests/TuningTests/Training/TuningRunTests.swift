import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Runs over an objective that is easy to follow: values are pulled to the first token of each example's prompt.
@Suite struct TuningRunTests {
    /// Σ (w − token)², its mean over the batch; with faults at chosen calls.
    final class Pull: TrainingObjective {
        let parameters: [TunedParameter]
        var fault: (step: Int, loss: Double)?
        var validation: [Double]?
        /// Ends the run in the midst of a step, as a kill does.
        var end: (step: Int, error: any Error)?
        private(set) var steps = 0
        private var validations = 0

        init(_ parameters: [TunedParameter]) { self.parameters = parameters }

        func addGradients(_ batch: TuningBatch) throws -> StepLosses {
            steps += 1
            if let end, steps == end.step { throw end.error }
            for parameter in parameters {
                let share = 1 / Float(batch.examples.count)
                let gradient = zip(parameter.values.values, parameter.gradient.values).map {
                    value, old in
                    batch.examples.reduce(old) {
                        $0 + 2 * share * (value - Float($1.prompt[0]))
                    }
                }
                parameter.gradient.replace(with: gradient)
            }
            if let fault, steps >= fault.step { return losses(fault.loss) }
            return losses(loss(batch))
        }

        func losses(_ batch: TuningBatch) throws -> StepLosses {
            guard let validation else { return losses(loss(batch)) }
            defer { validations += 1 }
            return losses(validation[min(validations, validation.count - 1)])
        }

        private func loss(_ batch: TuningBatch) -> Double {
            let values = parameters.flatMap(\.values.values)
            return batch.examples.reduce(0) { sum, example in
                sum
                    + values.reduce(0) {
                        $0
                            + Double(
                                ($1 - Float(example.prompt[0])) * ($1 - Float(example.prompt[0])))
                    }
            } / Double(batch.examples.count)
        }

        private func losses(_ total: Double) -> StepLosses {
            StepLosses(terms: [total], total: total, cosines: [3: total / 7], tokens: 4)
        }
    }

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let options = {
        var options = TuningOptions()
        options.batchSize = 2
        options.epochs = 6
        options.schedule = LearningRateSchedule(.linear, warmUp: 2)
        options.validateEvery = 3
        options.earlyStop = EarlyStop.Options(patience: nil)
        options.saveEvery = 4
        return options
    }()

    private func examples(_ targets: [Int]) -> [TuningExample] {
        targets.map { TuningExample(prompt: [$0], completion: [0], place: "test") }
    }

    /// A run of 6 · 4 = 24 steps of two parameters.
    private func run(
        in name: String, options: TuningOptions = Self.options, isValidated: Bool = true,
        resumes: Bool = false, version: String = "1", seed: String = "0", kernel: String = "A",
        prepare: (Pull) -> Void = { _ in }
    ) throws -> (run: TuningRun, pull: Pull) {
        let parameters = OptimizerFixture.parameters([[0.5, -1, 2], [3]])
        let pull = Pull(parameters)
        prepare(pull)
        let groups = [
            ParameterGroup(
                name: "token", learningRate: 0.3,
                places: [.init(parameter: 0, section: 0), .init(parameter: 1, section: 0)])
        ]
        let run = try TuningRun(
            objective: pull, parameters: parameters, groups: groups,
            data: TuningData(
                training: examples([3, 4, 5, 4, 6, 2, 4]),
                validation: isValidated ? examples([4, 5]) : []),
            options: options,
            description: RunDescription(
                version: version,
                inputs: [RunDescription.Input(name: "data", path: "here", sha256: "ab")],
                options: JSONObject([.init("seed", .string(seed))]), objectives: ["pull"],
                parameters: parameters.map { ($0.name, $0.shape) }, steps: 24),
            folder: folder.path(name), resumes: resumes, kernel: kernel,
            crew: WorkCrew(threads: 1))
        return (run, pull)
    }

    private func files(_ name: String) throws -> [[UInt8]] {
        try [RunState.fileName, "run.jsonl"].map {
            try bytes(ofFile: folder.path(name) + "/" + $0)
        }
    }

    // MARK: - The loop

    @Test func aRunComesNearerAndTellsOfEveryStep() throws {
        let (run, pull) = try self.run(in: "a")
        var steps: [Int] = []
        let summary = try run.run(report: { steps.append($0.step) })
        #expect(steps == Array(1...24))
        #expect(summary.outcome == .finished)
        #expect(summary.isUsable)
        #expect(summary.isBetter == true)
        #expect(pull.parameters[1].values.values[0] > 3.2)
        let lines = try JSONLines.read(folder.path("a/run.jsonl")).map(\.object)
        #expect(lines[0]["rtedit"]?.string == "1")
        #expect(lines.count { $0["step"] != nil && $0["losses"] != nil } == 24)
        #expect(lines.count { $0["validation"] != nil } == 9)
        #expect(lines.last?["outcome"]?.string == "finished")
        #expect(lines[2]["learning_rates"]?.object?["token"]?.number == 0)
    }

    @Test func theBestValidatedStateIsKept() throws {
        let (run, pull) = try self.run(in: "a") {
            $0.validation = [5, 4, 3, 6, 7, 8, 9, 9, 9]
        }
        let summary = try run.run()
        #expect(summary.bestStep == 6)
        #expect(summary.bestValidation?.total == 3)
        let whole = pull.parameters.map(\.values.values)
        let state = try SafetensorsFile(path: folder.path("a/" + RunState.fileName))
        let best = try state.tensors.filter { $0.description.name.hasPrefix("best/") }.map {
            try $0.values()
        }
        #expect(Set(best) == Set(whole))
    }

    @Test func validationThatGetsNoBetterEndsTheRun() throws {
        var options = Self.options
        options.earlyStop = EarlyStop.Options(patience: 2, minimumSteps: 12)
        let (run, _) = try self.run(in: "a", options: options) { $0.validation = [5, 4] }
        let summary = try run.run()
        #expect(summary.outcome == .stoppedEarly)
        #expect(summary.step == 12)
        #expect(summary.bestStep == 3)
    }

    @Test(arguments: [Double.nan, .infinity])
    func aLossThatIsNotFiniteEndsTheRun(loss: Double) throws {
        let (run, pull) = try self.run(in: "a") { $0.fault = (step: 8, loss: loss) }
        let summary = try run.run()
        #expect(summary.outcome == .diverged(reason: "a loss of step 8 is not finite"))
        #expect(summary.step == 7)
        // The state of step 6 was better than the start.
        #expect(summary.isUsable)
        #expect(summary.bestStep == 6)
        #expect(pull.parameters.allSatisfy { $0.values.values.allSatisfy(\.isFinite) })
    }

    @Test func divergenceWithoutABetterStateLeavesNothingToWrite() throws {
        let (early, _) = try self.run(in: "a") { $0.fault = (step: 1, loss: .nan) }
        #expect(try early.run().isUsable == false)
        let (blind, _) = try self.run(in: "b", isValidated: false) {
            $0.fault = (step: 8, loss: .nan)
        }
        #expect(try blind.run().isUsable == false)
        let (rising, _) = try self.run(in: "c") { $0.validation = [1, 4.5] }
        let summary = try rising.run()
        #expect(
            summary.outcome
                == .diverged(reason: "the validation loss 'pull' rose from 1.0 to 4.5"))
        #expect(!summary.isUsable)
    }

    @Test func trainingLossesMustStayHighToCountAsDivergence() throws {
        let (run, _) = try self.run(in: "a") { $0.fault = (step: 3, loss: 1000) }
        let summary = try run.run()
        #expect(summary.step == 22)
        guard case .diverged(let reason) = summary.outcome else {
            Issue.record("the run did not diverge")
            return
        }
        #expect(reason.contains("'pull'"))
    }

    // MARK: - Taking up

    /// Interrupts a run before every step in turn.
    @Test func aRunContinuesToTheIdenticalFiles() throws {
        let (whole, wholePull) = try run(in: "whole")
        let expected = try whole.run()
        for stop in 0...24 {
            let name = "stopped \(stop)"
            let (first, pull) = try run(in: name)
            let interrupted = try first.run(shouldStop: { pull.steps >= stop })
            #expect(interrupted.isInterrupted == (stop < 24))
            let (second, secondPull) = try run(in: name, resumes: true)
            let summary = try second.run()
            #expect(try files(name) == files("whole"), "stopped before step \(stop + 1)")
            #expect(summary.bestValidation == expected.bestValidation)
            #expect(
                secondPull.parameters.map(\.values.values)
                    == wholePull.parameters.map(\.values.values))
        }
    }

    /// What a kill leaves: the state of the last save, and a record that is further.
    @Test func aRecordThatIsAheadIsCutBack() throws {
        let (whole, _) = try run(in: "whole")
        _ = try whole.run()
        let (first, pull) = try run(in: "killed")
        struct Kill: Error {}
        pull.end = (step: 11, error: Kill())
        #expect(throws: Kill.self) { try first.run() }
        let (second, _) = try run(in: "killed", resumes: true)
        _ = try second.run()
        #expect(try files("killed") == files("whole"))
    }

    @Test func aFinishedRunGivesItsBestStateAgain() throws {
        let (first, firstPull) = try run(in: "a")
        let summary = try first.run()
        let before = try files("a")
        let (second, secondPull) = try run(in: "a", resumes: true)
        let again = try second.run()
        #expect(again.outcome == .finished)
        #expect(again.bestStep == summary.bestStep)
        #expect(secondPull.steps == 0)
        #expect(
            firstPull.parameters.map(\.values.values) == secondPull.parameters.map(\.values.values))
        #expect(try files("a") == before)
    }

    /// Haswell's last bits are not SkylakeX's: a run of both is no run of one, and is known by it for good.
    @Test func aRunKnowsTheKernelsThatMadeIt() throws {
        func stop(after steps: Int, kernel: String, resumes: Bool = true) throws -> [String] {
            let (run, pull) = try self.run(in: "a", resumes: resumes, kernel: kernel)
            return try run.run(shouldStop: { pull.steps >= steps }).kernels
        }
        #expect(try stop(after: 3, kernel: "A", resumes: false) == ["A"])
        #expect(try stop(after: 3, kernel: "A") == ["A"])
        #expect(try stop(after: 3, kernel: "B") == ["A", "B"])
        #expect(try stop(after: 30, kernel: "A") == ["A", "B"])
        // It has ended: nothing is made with these.
        #expect(try stop(after: 3, kernel: "C") == ["A", "B"])
        let lines = try JSONLines.read(folder.path("a/run.jsonl")).map(\.object)
        #expect(lines[0]["kernel"]?.string == "A")
    }

    @Test func aRunOfAVersionThatDidNotKeepItsKernelsGoesOn() throws {
        let (first, pull) = try run(in: "a")
        _ = try first.run(shouldStop: { pull.steps >= 3 })
        let path = folder.path("a/" + RunState.fileName)
        let state = try RunState(path: path)
        var progress = state.progress
        progress["kernels"] = nil
        let values = try SafetensorsFile(path: path).tensors.map {
            (
                $0.description,
                try $0.values()
            )
        }
        func section(_ name: String) -> RunState.Section {
            let buffers = pull.parameters.compactMap { parameter in
                values.first { $0.0.name == "\(name)/\(parameter.name)" }.map {
                    FloatBuffer($0.1)
                }
            }
            return RunState.Section(name: name, buffers: buffers)
        }
        try RunState.write(
            to: path, description: state.description, progress: progress,
            sections: ["value", "first", "second", "best"].map(section),
            parameters: pull.parameters)
        let (second, _) = try run(in: "a", resumes: true, kernel: "B")
        #expect(try second.run().kernels == ["B"])
    }

    @Test func anotherRunIsNotContinued() throws {
        let (first, _) = try run(in: "a")
        _ = try first.run()
        #expect(
            throws: TuningRunError.differs(
                folder: folder.path("a"),
                facts: ["version (was 1, is 2)", "--seed (was 0, is 7)"])
        ) { try run(in: "a", resumes: true, version: "2", seed: "7") }
        #expect(throws: FileError.self) { try run(in: "a") }
        #expect(throws: FileError.self) { try run(in: "nowhere", resumes: true) }
    }

    @Test func aChangedRecordOrStateIsRefused() throws {
        let (first, pull) = try run(in: "a")
        _ = try first.run(shouldStop: { pull.steps >= 5 })
        let record = folder.path("a/run.jsonl")
        let lines = try bytes(ofFile: record)
        var changed = lines
        changed[40] ^= 1
        for content in [changed, Array(lines.dropLast())] {
            _ = try folder.write(content, as: "a/run.jsonl")
            #expect(throws: TuningRunError.recordChanged(file: record)) {
                try run(in: "a", resumes: true)
            }
        }
        _ = try folder.write(lines, as: "a/run.jsonl")
        let state = try bytes(ofFile: folder.path("a/state.safetensors"))
        for cut in stride(from: 0, to: state.count, by: 97) {
            _ = try folder.write(Array(state.prefix(cut)), as: "a/state.safetensors")
            #expect(throws: (any Error).self) { try run(in: "a", resumes: true) }
        }
    }
}
