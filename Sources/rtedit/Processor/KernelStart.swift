import Glibc
import Synchronization
import Transformer

/// Sees to it, when the program starts, that matrix products run on kernels that fit the processor.
enum KernelStart {
    private static let settled = Mutex<KernelChoice?>(nil)

    /// What runs; until `settle` was called, without a restart.
    static var choice: KernelChoice {
        if let choice = settled.withLock({ $0 }) { return choice }
        var facts = facts()
        facts.canRestart = false
        guard case .keep(let choice) = KernelChoice.step(facts) else {
            return KernelChoice(kernel: facts.kernel, processor: facts.processor)
        }
        return choice
    }

    /// Settles which kernels run. Where others must, the program starts anew and this does not return; nothing may
    /// have been read, written or watched before.
    static func settle() {
        var facts = facts()
        if let trial = facts.trial {
            unsetenv(KernelTrial.variable)
            facts.isRight = { isRight(trial, facts.processor) }
        }
        var step = KernelChoice.step(facts)
        if case .restart(let trial) = step {
            relaunch(trial).perform()
            // The system did not let it.
            facts.canRestart = false
            step = KernelChoice.step(facts)
        }
        if case .keep(let choice) = step { settled.withLock { $0 = choice } }
    }

    private static func facts() -> KernelChoice.Facts {
        let trial = Environment[KernelTrial.variable].flatMap {
            KernelTrial($0, process: getpid())
        }
        return KernelChoice.Facts(
            processor: Processor.vectorLevel, setting: Environment[KernelChoice.variable],
            kernel: BLASLibrary.kernel, hasSeveralKernels: BLASLibrary.hasSeveralKernels,
            canRestart: Relaunch.isPossible, trial: trial)
    }

    private static func relaunch(_ trial: KernelTrial) -> Relaunch {
        Relaunch([
            KernelChoice.variable: trial.wanted ?? trial.unknownSetting,
            KernelTrial.variable: trial.text(process: getpid()),
        ])
    }

    /// Whether the kernels on trial multiply rightly. Where the processor refuses one of their instructions, the
    /// program starts anew without them.
    private static func isRight(_ trial: KernelTrial, _ processor: VectorLevel?) -> Bool {
        let next = trial.afterRefusal(processor: processor).map(relaunch)
        return IllegalInstruction.guarding(with: { next?.perform() }) {
            BLASLibrary.multipliesRightly()
        }
    }
}

/// What is done where the processor refuses an instruction.
enum IllegalInstruction {
    nonisolated(unsafe) private static var escape: (() -> Void)?

    /// Runs the body. At an instruction that the processor refuses, `escape` is called; if it comes back, the process
    /// ends by the signal.
    ///
    /// - Parameter escape: may call only what signal handlers may.
    static func guarding<Result>(
        with escape: @escaping () -> Void, _ body: () -> Result
    ) -> Result {
        self.escape = escape
        var (action, earlier) = (sigaction(), sigaction())
        action.__sigaction_handler.sa_handler = { _ in IllegalInstruction.escape?() }
        // The handler leaves for another program, which must not begin with the signal blocked.
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_NODEFER
        sigaction(SIGILL, &action, &earlier)
        defer {
            sigaction(SIGILL, &earlier, nil)
            self.escape = nil
        }
        return body()
    }
}
