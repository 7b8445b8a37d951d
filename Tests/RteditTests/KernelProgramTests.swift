import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import rtedit

/// The built program on kernels of the user's and of its own choosing.
@Suite struct KernelProgramTests {
    /// Of every width; those that this processor cannot run are left out.
    static let kernels = ["Prescott", "Haswell", "SkylakeX"].filter { kernel in
        guard let level = VectorLevel(kernel: kernel), let processor = Processor.vectorLevel else {
            return false
        }
        return level <= processor
    }

    /// An empty value counts as none.
    private static let unset = [KernelChoice.variable: ""]

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func run(_ arguments: [String], kernel: String?) throws -> ProgramRun {
        try ProgramRun.rtedit(
            arguments, environment: kernel.map { [KernelChoice.variable: $0] } ?? Self.unset)
    }

    /// Starts the program in the place of a shell, as if an earlier start had left a trial.
    private func runOnTrial(
        _ trial: KernelTrial, running kernel: String, _ command: String
    ) throws -> ProgramRun {
        var variables = ProcessInfo.processInfo.environment
        variables["PROGRAM"] = ProgramRun.program.path
        variables["TRIAL"] = String(trial.text(process: 0).dropFirst())
        variables["KERNEL"] = kernel
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            "\(KernelTrial.variable)=\"$$$TRIAL\" \(KernelChoice.variable)=$KERNEL exec \"$PROGRAM\" "
                + command,
        ]
        process.environment = variables
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = [output, errors].map { $0.fileHandleForReading.readDataToEndOfFile() }
        process.waitUntilExit()
        return ProgramRun(
            output: String(decoding: bytes[0], as: UTF8.self),
            errors: String(decoding: bytes[1], as: UTF8.self),
            exitCode: process.terminationStatus)
    }

    private func trace(kernel: String?, threads: Int = 2, _ more: [String] = []) throws -> (
        run: ProgramRun, path: String
    ) {
        let path = folder.path("\(kernel ?? "own")-\(threads).safetensors")
        let arguments = [
            "trace", Samples.tinyModel, "--prompt",
            "One day Tom went to the lake with a white goat.",
            "-o", path, "--threads", "\(threads)", "--force",
        ]
        return (try run(arguments + more, kernel: kernel), path)
    }

    private func logits(_ path: String) throws -> [Float] {
        let tensor = try #require(
            SafetensorsFile(path: path).tensors.first { $0.description.name == "logits" })
        return try tensor.values()
    }

    // MARK: - The user's

    @Test(arguments: kernels)
    func theUsersKernelsStayAndComputeTheSameUpToRounding(kernel: String) throws {
        let version = try run(["--version", "--verbose"], kernel: kernel)
        #expect(version.output.contains("kernels: \(kernel) for "))
        #expect(version.output.contains(", set by OPENBLAS_CORETYPE"))
        #expect(version.output.contains("; checked against a plain loop"))
        #expect(version.errors.isEmpty)
        let (own, other) = (try trace(kernel: nil), try trace(kernel: kernel))
        #expect(own.run.exitCode == 0 && other.run.exitCode == 0)
        let (expected, values) = (try logits(own.path), try logits(other.path))
        let largest = expected.reduce(0) { max($0, abs($1)) }
        let difference = zip(expected, values).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(difference < 2.4e-5 * largest, "\(difference / largest)")
    }

    @Test func aSettingFarBelowTheProcessorIsWarnedOf() throws {
        guard Self.kernels.contains("Haswell") else { return }
        let slow = try trace(kernel: "Prescott").run
        #expect(
            slow.errors.hasPrefix(
                "rtedit: warning: OPENBLAS_CORETYPE=Prescott holds matrix products to SSE, but the processor has AVX"
            ), "\(slow.errors)")
        #expect(slow.errors.split(separator: "\n").count == 1)
        #expect(try trace(kernel: "Prescott", ["--quiet"]).run.errors.isEmpty)
        #expect(try trace(kernel: "Haswell").run.errors.isEmpty)
        // Nothing is multiplied.
        #expect(try run(["inspect", Samples.tinyModel], kernel: "Prescott").errors.isEmpty)
    }

    @Test func aSettingAboveTheProcessorIsRefused() throws {
        guard Processor.vectorLevel == .avx2 else { return }
        let refused = try trace(kernel: "SkylakeX").run
        #expect(refused.exitCode == 4)
        #expect(refused.errorLine.contains("OPENBLAS_CORETYPE=SkylakeX asks for AVX-512"))
        let version = try run(["--version", "--verbose"], kernel: "SkylakeX")
        #expect(version.output.contains("not checked, since the processor cannot run them"))
    }

    @Test func aSettingThatTheLibraryDoesNotKnowIsTold() throws {
        let run = try trace(kernel: "No Such").run
        #expect(run.exitCode == 0)
        #expect(
            run.errors.hasPrefix(
                "rtedit: warning: OPENBLAS_CORETYPE=No Such: this OpenBLAS has no such kernels"))
    }

    // MARK: - The program's

    @Test func aNewStartKeepsArgumentsStreamsAndExitCode() throws {
        guard Self.kernels.contains("Haswell") else { return }
        // As if SkylakeX had been set, and the library had not known it: Haswell is next, in a new start.
        let trial = KernelTrial(own: "Prescott", wanted: "SkylakeX")
        let version = try runOnTrial(trial, running: "Prescott", "--version -v")
        #expect(version.output.contains("kernels: Haswell for AVX2, chosen by rtedit in place of"))
        #expect(version.output.contains("(SkylakeX: this library has none)"))
        #expect(version.errors.isEmpty)
        let text = "The  dog's \"day\" is $HOME."
        let tokens = try ProgramRun.rtedit(["tokenize", Samples.tinyModel, text])
        let again = try runOnTrial(
            trial, running: "Prescott",
            "tokenize '\(Samples.tinyModel)' 'The  dog'\\''s \"day\" is $HOME.'")
        #expect(again.output == tokens.output)
        #expect(again.exitCode == 0)
        let wrong = try runOnTrial(trial, running: "Prescott", "xyzzy 'a  b'")
        #expect(wrong.errors == "rtedit: 'xyzzy' is not a command (see 'rtedit help')\n")
        #expect(wrong.exitCode == 2)
    }

    @Test func aTrialOfAnotherProcessIsNone() throws {
        let run = try ProgramRun.rtedit(
            ["--version", "--verbose"],
            environment: [
                KernelTrial.variable: KernelTrial(own: "Prescott", wanted: "Haswell").text(
                    process: 1), KernelChoice.variable: "Prescott",
            ])
        #expect(run.output.contains("kernels: Prescott for SSE, set by OPENBLAS_CORETYPE"))
    }

    // MARK: - What is promised of every kernel

    @Test(arguments: kernels) func outputsDoNotDependOnThreads(kernel: String) throws {
        var files: Set<[UInt8]> = []
        for threads in [1, 2, 3] {
            files.insert(try bytes(ofFile: trace(kernel: kernel, threads: threads).path))
        }
        #expect(files.count == 1)
    }

    @Test(arguments: kernels) func theBaseEqualsItselfInEveryBit(kernel: String) throws {
        let vector = try vector()
        // The base is not steered: equal it is not, but the control is.
        let proof = try run(
            ["verify", Samples.tinyModel, Samples.tinyModel, "--vector", vector, "--json"],
            kernel: kernel)
        #expect(proof.exitCode == 1)
        #expect(proof.output.contains("every bit of every block and logit"), "\(proof.output)")
    }

    private func vector() throws -> String {
        let path = folder.path("mood.gguf")
        let words = [
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "8", "-o", path,
        ]
        #expect(try run(words, kernel: nil).exitCode == 0)
        return path
    }

    // MARK: - Taking up work

    @Test func aRunThatOtherKernelsGoOnWithSaysSo() throws {
        guard Self.kernels.contains("Haswell") else { return }
        let output = folder.path("a.gguf")
        let words = [
            "tune", Samples.tinyModel, output, "--vector", try vector() + "@2", "--data",
            Samples.path("tiny/probe.jsonl"), "--steps", "400", "--epochs", "400",
            "--minimum-steps", "400", "--save-every", "2", "--keep-run",
        ]
        let process = try ProgramRun.start(
            words, environment: [KernelChoice.variable: "Haswell"],
            output: FileHandle.nullDevice, errors: FileHandle.nullDevice)
        let record = output + ".run/run.jsonl"
        let deadline = Date(timeIntervalSinceNow: 120)
        while process.isRunning, Date() < deadline {
            if (try? bytes(ofFile: record))?.count(where: { $0 == 0x0a }) ?? 0 > 10 { break }
            usleep(500)
        }
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        let resume = words + ["--resume", output + ".run", "--json"]
        let other = try self.run(resume, kernel: "Prescott")
        #expect(other.exitCode == 0, "\(other.errors)")
        #expect(
            other.errors.contains(
                "a.gguf.run: its matrix products are not all of the same kernels (Haswell of OpenBLAS"
            ),
            "\(other.errors)")
        #expect(other.output.contains("\"kernels\":[\"Haswell of"))
        let line = try String(decoding: bytes(ofFile: record), as: UTF8.self).prefix { $0 != "\n" }
        #expect(line.contains("\"kernel\":\"Haswell of OpenBLAS"))
    }
}
