import Formats
import Transformer

/// Which of OpenBLAS's kernels run, and who chose them.
///
/// OpenBLAS chooses when it is loaded, by a list of processors that was made with it; for a newer processor it may take
/// kernels of 128 bits, at a fifth of the speed. Only a variable of the environment changes that, and only before the
/// library is loaded: so the program starts itself anew where it knows better. What the user set stays.
struct KernelChoice: Equatable {
    enum Chooser: Equatable {
        case library
        case user
        /// The program, in place of what the library had chosen.
        case program(insteadOf: String)
    }

    /// What is known at a start.
    struct Facts {
        /// What the processor can do; nil where that is not known.
        var processor: VectorLevel?
        /// The variable that the library reads.
        var setting: String?
        /// The kernels that the library took.
        var kernel: String
        /// Whether it has others.
        var hasSeveralKernels = true
        var canRestart = true
        /// What earlier starts of this process left.
        var trial: KernelTrial?
        /// Whether the kernels multiply rightly.
        var isRight: () -> Bool = { true }
    }

    enum Step: Equatable {
        case keep(KernelChoice)
        /// Start anew with the kernels that the trial wants.
        case restart(KernelTrial)
    }

    static let variable = "OPENBLAS_CORETYPE"

    let kernel: String
    let processor: VectorLevel?
    var chooser = Chooser.library
    /// A setting of the user's that the library does not know.
    var unknownSetting: String?
    /// Better kernels that were tried in vain.
    var failures: [KernelTrial.Failure] = []

    /// What to do at a start.
    static func step(_ facts: Facts) -> Step {
        if let trial = facts.trial { return step(facts, after: trial) }
        var choice = KernelChoice(kernel: facts.kernel, processor: facts.processor)
        if let setting = facts.setting, !setting.isEmpty {
            guard setting.lowercased() != facts.kernel.lowercased() else {
                choice.chooser = .user
                return .keep(choice)
            }
            choice.unknownSetting = setting
        }
        return choice.keep(or: KernelTrial(next: facts.kernel, choice), facts)
    }

    /// What to do at a start that an earlier one made.
    private static func step(_ facts: Facts, after trial: KernelTrial) -> Step {
        var choice = KernelChoice(kernel: facts.kernel, processor: facts.processor)
        choice.failures = trial.failures
        choice.unknownSetting = trial.unknownSetting
        guard let wanted = trial.wanted else { return .keep(choice) }
        guard wanted.lowercased() == facts.kernel.lowercased() else {
            // Of a name that it does not know, the library makes its own choice.
            choice.failures.append(.init(kernel: wanted, reason: .missing))
            return choice.keep(or: KernelTrial(next: trial.own, choice), facts)
        }
        choice.chooser = .program(insteadOf: trial.own)
        guard !facts.isRight() else { return .keep(choice) }
        choice.failures.append(.init(kernel: wanted, reason: .wrong))
        return .restart(KernelTrial(next: trial.own, choice))
    }

    /// Restarts where there is something to try, and it can be.
    private func keep(or next: KernelTrial, _ facts: Facts) -> Step {
        let isWorthwhile = next.wanted != nil && facts.hasSeveralKernels && facts.canRestart
        return isWorthwhile ? .restart(next) : .keep(self)
    }
}

extension KernelTrial {
    /// What is to be tried next: the best kernels that the processor can run, if they are better than the library's own
    /// and have not failed.
    init(next own: String, _ choice: KernelChoice) {
        let level = VectorLevel(kernel: own)
        let better = VectorLevel.allCases.reversed().filter { candidate in
            guard let level, let processor = choice.processor else { return false }
            return candidate > level && candidate <= processor
        }
        self.init(
            own: own,
            wanted: better.compactMap(\.kernel).first { name in
                !choice.failures.contains { $0.kernel == name }
            },
            failures: choice.failures, unknownSetting: choice.unknownSetting)
    }

    /// What is left to be tried where the processor refuses the instructions of those that are.
    func afterRefusal(processor: VectorLevel?) -> KernelTrial? {
        guard let wanted else { return nil }
        var choice = KernelChoice(kernel: wanted, processor: processor)
        choice.failures = failures + [Failure(kernel: wanted, reason: .illegal)]
        choice.unknownSetting = unknownSetting
        return KernelTrial(next: own, choice)
    }
}

// MARK: - In words

extension KernelChoice {
    private var level: VectorLevel? { VectorLevel(kernel: kernel) }

    /// "SkylakeX for AVX-512, chosen by rtedit in place of Prescott".
    var description: String {
        var text = kernel + (level.map { " for \($0.name)" } ?? "")
        switch chooser {
        case .library: text += ", chosen by OpenBLAS"
        case .user: text += ", set by \(Self.variable)"
        case .program(let own): text += ", chosen by rtedit in place of \(own)"
        }
        if let processor, level != processor { text += "; the processor has \(processor.name)" }
        return text + failureWords.map { " (\($0))" }.joined()
    }

    private var failureWords: [String] {
        failures.map { "\($0.kernel): \($0.reason.words)" }
    }

    /// Says on the console what a user should know before something is computed.
    ///
    /// - Throws: where the user asked for kernels that the processor cannot run.
    func announce(on console: Console) throws(KernelRefusal) {
        if let refusal { throw refusal }
        if let warning { console.warning(warning) }
    }

    /// Set where the user asked for kernels that the processor cannot run.
    var refusal: KernelRefusal? {
        guard case .user = chooser, let level, let processor, level > processor else { return nil }
        return KernelRefusal(kernel: kernel, needed: level, processor: processor)
    }

    /// What a user should know before something is computed.
    var warning: String? {
        if let unknownSetting {
            return "\(Self.variable)=\(unknownSetting): this OpenBLAS has no such kernels and runs "
                + "\(kernel)" + (slowness.map { "; \($0)" } ?? "")
        }
        return slowness
    }

    private var slowness: String? {
        guard let level, let processor, level < processor else { return nil }
        switch chooser {
        case .program: return nil
        case .user:
            guard level < .avx2 else { return nil }
            return "\(Self.variable)=\(kernel) holds matrix products to \(level.name), but the "
                + "processor has \(processor.name): expect a fraction of its speed"
        case .library:
            let reasons = failureWords.isEmpty ? "" : " (\(failureWords.joined(separator: "; ")))"
            return "OpenBLAS runs its kernels \(kernel) for \(level.name), but the processor has "
                + "\(processor.name), and no better ones are to be had\(reasons): expect a "
                + "fraction of its speed"
        }
    }
}

/// The user asked for kernels that the processor cannot run; it would end the program at the first product.
struct KernelRefusal: Failure, Equatable {
    let kernel: String
    let needed: VectorLevel
    let processor: VectorLevel

    var kind: FailureKind { .unsupported }

    var description: String {
        "\(KernelChoice.variable)=\(kernel) asks for \(needed.name), but this processor has no more than "
            + "\(processor.name): unset the variable"
    }
}
