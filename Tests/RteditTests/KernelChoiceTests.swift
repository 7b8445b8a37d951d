import Glibc
import Testing
import Transformer

@testable import rtedit

@Suite struct KernelChoiceTests {
    private func step(
        _ kernel: String, on processor: VectorLevel?, set setting: String? = nil,
        trial: KernelTrial? = nil, change: (inout KernelChoice.Facts) -> Void = { _ in }
    ) -> KernelChoice.Step {
        var facts = KernelChoice.Facts(
            processor: processor, setting: setting, kernel: kernel, trial: trial)
        change(&facts)
        return KernelChoice.step(facts)
    }

    private func choice(_ step: KernelChoice.Step) throws -> KernelChoice {
        guard case .keep(let choice) = step else { throw Unexpected(step: step) }
        return choice
    }

    private struct Unexpected: Error { let step: KernelChoice.Step }

    // MARK: - The first start

    @Test(arguments: [
        ("Prescott", VectorLevel.avx512, "SkylakeX"), ("Prescott", .avx2, "Haswell"),
        ("Nehalem", .avx2, "Haswell"), ("Sandybridge", .avx2, "Haswell"),
        ("Haswell", .avx512, "SkylakeX"), ("Zen", .avx512, "SkylakeX"),
    ])
    func kernelsBelowTheProcessorGiveWayToBetterOnes(
        kernel: String, processor: VectorLevel, better: String
    ) {
        let expected = KernelChoice.Step.restart(KernelTrial(own: kernel, wanted: better))
        #expect(step(kernel, on: processor) == expected)
        #expect(step(kernel, on: processor, set: "") == expected)
    }

    @Test(arguments: [
        ("SkylakeX", VectorLevel.avx512), ("Cooperlake", .avx512), ("SapphireRapids", .avx512),
        ("Haswell", .avx2), ("Zen", .avx2), ("Excavator", .avx2), ("OfTheFuture", .avx512),
        ("neoversen1", nil),
    ])
    func fittingAndUnknownKernelsStay(kernel: String, processor: VectorLevel?) throws {
        let choice = try choice(step(kernel, on: processor))
        #expect(choice == KernelChoice(kernel: kernel, processor: processor))
        #expect(choice.warning == nil)
        #expect(choice.refusal == nil)
    }

    @Test func whatTheUserSetStays() throws {
        for (setting, kernel) in [("Prescott", "Prescott"), ("HASWELL", "Haswell")] {
            let choice = try choice(step(kernel, on: .avx512, set: setting))
            #expect(choice.chooser == .user)
            #expect(choice.refusal == nil)
            // Haswell is no fraction of the speed.
            #expect((choice.warning == nil) == (kernel == "Haswell"))
        }
        let slow = try choice(step("Prescott", on: .avx2, set: "Prescott"))
        #expect(slow.warning?.hasPrefix("OPENBLAS_CORETYPE=Prescott holds") == true)
    }

    @Test func kernelsThatTheProcessorCannotRunAreRefused() throws {
        let choice = try choice(step("SkylakeX", on: .avx2, set: "skylakex"))
        let refusal = KernelRefusal(kernel: "SkylakeX", needed: .avx512, processor: .avx2)
        #expect(choice.refusal == refusal)
        #expect(ExitCode(refusal.kind) == .unsupported)
    }

    /// The library makes its own choice where it does not know the name.
    @Test func aSettingThatTheLibraryDoesNotKnowIsToldAndNoObstacle() throws {
        let kept = try choice(step("SkylakeX", on: .avx512, set: "Cooperlake"))
        #expect(kept.chooser == .library)
        #expect(
            kept.warning
                == "OPENBLAS_CORETYPE=Cooperlake: this OpenBLAS has no such kernels and runs SkylakeX"
        )
        let trial = KernelTrial(own: "Prescott", wanted: "SkylakeX", unknownSetting: "a b")
        #expect(step("Prescott", on: .avx512, set: "a b") == .restart(trial))
        let after = try choice(step("SkylakeX", on: .avx512, set: "SkylakeX", trial: trial))
        #expect(after.chooser == .program(insteadOf: "Prescott"))
        #expect(after.warning?.hasPrefix("OPENBLAS_CORETYPE=a b: ") == true)
    }

    @Test func whereNothingElseIsToBeHadItIsWarnedOf() throws {
        for change: (inout KernelChoice.Facts) -> Void in [
            { $0.canRestart = false }, { $0.hasSeveralKernels = false },
        ] {
            let choice = try choice(step("Prescott", on: .avx2, change: change))
            #expect(choice.chooser == .library)
            #expect(choice.warning?.contains("no better ones are to be had") == true)
        }
    }

    // MARK: - Later starts

    @Test func kernelsThatMultiplyRightlyAreKept() throws {
        let trial = KernelTrial(own: "Prescott", wanted: "SkylakeX")
        let choice = try choice(step("SkylakeX", on: .avx512, set: "SkylakeX", trial: trial))
        #expect(choice.chooser == .program(insteadOf: "Prescott"))
        #expect(choice.warning == nil)
        #expect(
            choice.description == "SkylakeX for AVX-512, chosen by rtedit in place of Prescott")
    }

    /// From the best to the next, and back to the library's own.
    @Test func wrongAndMissingKernelsGiveWayUntilNoneIsLeft() throws {
        var trial = KernelTrial(own: "Prescott", wanted: "SkylakeX")
        guard
            case .restart(let second) = step(
                "SkylakeX", on: .avx512, trial: trial, change: { $0.isRight = { false } })
        else {
            Issue.record("wrong kernels were kept")
            return
        }
        trial.failures = [.init(kernel: "SkylakeX", reason: .wrong)]
        trial.wanted = "Haswell"
        #expect(second == trial)
        let missing = try choice(step("Prescott", on: .avx512, trial: second))
        #expect(missing.chooser == .library)
        #expect(
            missing.warning
                == "OpenBLAS runs its kernels Prescott for SSE, but the processor has AVX-512, and no better "
                + "ones are to be had (SkylakeX: they gave wrong products; Haswell: this library has none): "
                + "expect a fraction of its speed")
        let wrong = step("Haswell", on: .avx512, trial: second) { $0.isRight = { false } }
        trial.failures.append(.init(kernel: "Haswell", reason: .wrong))
        trial.wanted = nil
        #expect(wrong == .restart(trial))
        // Whatever the library takes then is the end.
        for kernel in ["Prescott", "Haswell"] {
            #expect(try choice(step(kernel, on: .avx512, trial: trial)).chooser == .library)
        }
    }

    @Test func refusedInstructionsLeadToTheNextKernels() {
        let trial = KernelTrial(own: "Prescott", wanted: "SkylakeX")
        let second = trial.afterRefusal(processor: .avx512)
        #expect(second?.wanted == "Haswell")
        let third = second?.afterRefusal(processor: .avx512)
        #expect(third?.wanted == nil)
        #expect(third?.failures.map(\.reason) == [.illegal, .illegal])
        #expect(third?.afterRefusal(processor: .avx512) == nil)
        // Nothing below what the library would take by itself is tried.
        let fromHaswell = KernelTrial(own: "Haswell", wanted: "SkylakeX")
        #expect(fromHaswell.afterRefusal(processor: .avx512)?.wanted == nil)
    }

    @Test func aTrialComesBackFromItsTextInItsOwnProcessOnly() {
        let trials = [
            KernelTrial(own: "Prescott", wanted: "SkylakeX"),
            KernelTrial(
                own: "Prescott", wanted: nil,
                failures: [
                    .init(kernel: "SkylakeX", reason: .illegal),
                    .init(kernel: "Haswell", reason: .missing),
                ], unknownSetting: "of two\nlines"),
        ]
        for trial in trials {
            #expect(KernelTrial(trial.text(process: 7), process: 7) == trial)
            #expect(KernelTrial(trial.text(process: 7), process: 8) == nil)
        }
        for text in ["", "7", "7 Prescott", "7 a b c", "7 a b c=d", "x a b", "7 a b c=wrong=d"] {
            #expect(KernelTrial(text, process: 7) == nil)
        }
    }

    // MARK: - Instructions

    @Test func anIllegalInstructionLeadsToTheEscape() async {
        await #expect(processExitsWith: .exitCode(7)) {
            IllegalInstruction.guarding(with: { _exit(7) }) { _ = raise(SIGILL) }
        }
        await #expect(processExitsWith: .signal(SIGILL)) {
            IllegalInstruction.guarding(with: {}) { _ = raise(SIGILL) }
            raise(SIGILL)
        }
    }
}
