import Foundation
import TestSupport
import Testing

/// `tune` as a user runs it: the built program on the small trained checkpoint.
@Suite struct TuneProgramTests {
    private let folder: TemporaryFolder
    private let vector: String

    init() throws {
        folder = try TemporaryFolder()
        vector = folder.path("mood.gguf")
        let run = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "16", "-o",
            vector, "--quiet",
        ])
        #expect(run.exitCode == 0, "\(run.errors)")
    }

    private static let probe = Samples.path("tiny/probe.jsonl")

    /// The words of a call that makes 48 steps: 6 times through 16 of the 20 probes.
    private func words(_ output: String, _ more: [String] = []) -> [String] {
        [
            "tune", Samples.tinyModel, folder.path(output), "--vector", vector + "@2", "--data",
            Self.probe, "--epochs", "6", "--batch", "2", "--validate-every", "4", "--save-every",
            "5", "--seed", "3", "--keep-run",
        ] + more
    }

    private func tune(_ output: String, _ more: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(words(output, more))
    }

    private func record(_ output: String) throws -> [UInt8] {
        try bytes(ofFile: folder.path(output + ".run/run.jsonl"))
    }

    private func state(_ output: String) throws -> [UInt8] {
        try bytes(ofFile: folder.path(output + ".run/state.safetensors"))
    }

    // MARK: - The run's folder

    @Test func theFolderOfARunIsRemovedUnlessItIsToBeKept() throws {
        let short = words("a.gguf").filter { $0 != "--keep-run" }
        let run = try ProgramRun.rtedit(short + ["--json"])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.errors.contains("a.gguf.run: holds the run's state"), "\(run.errors)")
        #expect(run.errors.contains("a.gguf.run: removed"), "\(run.errors)")
        #expect(run.output.contains(#""run_kept":false"#))
        #expect(try folder.names() == ["a.gguf", "mood.gguf"])
        let named = try ProgramRun.rtedit(
            short + ["--force", "--run", folder.path("named")])
        #expect(named.errors.contains("named: kept, a state of"), "\(named.errors)")
        #expect(try folder.names() == ["a.gguf", "mood.gguf", "named"])
    }

    @Test func whatTheRunDidNotMakeIsNotRemoved() throws {
        let path = folder.path("a.gguf.run")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path + "/notes.txt"))
        let run = try ProgramRun.rtedit(words("a.gguf").filter { $0 != "--keep-run" })
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.errors.contains("what else is in it is kept"), "\(run.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["notes.txt"])
    }

    // MARK: - Outputs

    @Test func tuningMovesTheStreamAndLeavesAModel() throws {
        let run = try tune("a.gguf", "--json", "--representation-learning-rate", "1e-3")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("\"outcome\":\"finished\""))
        #expect(run.output.contains("\"better\":true"))
        #expect(try bytes(ofFile: folder.path("a.gguf")) != bytes(ofFile: Samples.tinyModel))
        let generated = try ProgramRun.rtedit([
            "generate", folder.path("a.gguf"), "-p", "The dog", "-n", "4",
        ])
        #expect(generated.exitCode == 0, "\(generated.errors)")
    }

    /// What is written at once is what the adapter gives when it is merged.
    @Test(arguments: ["adapter.gguf", "adapter"])
    func anAdapterMergesIntoTheSameModel(adapter: String) throws {
        let more = ["--lora", "4", "--representation-learning-rate", "1e-2"]
        #expect(try ProgramRun.rtedit(words("whole.gguf", more + ["--no-note"])).exitCode == 0)
        let run = try ProgramRun.rtedit(words(adapter, more + ["--adapter"]))
        #expect(run.exitCode == 0, "\(run.errors)")
        let merged = try ProgramRun.rtedit([
            "merge", Samples.tinyModel, folder.path(adapter), folder.path("merged.gguf"),
            "--no-note",
        ])
        #expect(merged.exitCode == 0, "\(merged.errors)")
        let whole = try bytes(ofFile: folder.path("whole.gguf"))
        #expect(try bytes(ofFile: folder.path("merged.gguf")) == whole)
        #expect(try bytes(ofFile: Samples.tinyModel) != whole)
    }

    @Test func theResultDoesNotDependOnThreads() throws {
        var results: [[[UInt8]]] = []
        for threads in ["1", "2", "3"] {
            let output = "t\(threads).gguf"
            #expect(try tune(output, "--threads", threads).exitCode == 0)
            results.append([
                try bytes(ofFile: folder.path(output)), try record(output), try state(output),
            ])
        }
        #expect(results[0] == results[1])
        #expect(results[1] == results[2])
    }

    // MARK: - Contrasts

    /// A call of LoRRA, which has no vector.
    private func contrast(_ output: String, _ more: [String]) throws -> ProgramRun {
        try ProgramRun.rtedit(
            [
                "tune", Samples.tinyModel, folder.path(output), "--objective", "contrast", "--data",
                Self.probe, "--lora", "4", "--weights", "query,value", "--routing", "joint",
                "--representation-learning-rate", "3e-3", "--schedule", "constant", "--warmup", "0",
                "--weight-decay", "0", "--steps", "40", "--epochs", "40",
            ] + more)
    }

    private func probeScore(_ model: String) throws -> Double {
        let run = try ProgramRun.rtedit(["eval", model, "--probe", Self.probe, "--json"])
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        let categories = try #require(report["categories"] as? [[String: Any]])
        let mood = categories.first { $0["category"] as? String == "mood" }
        return try #require(mood?["margin"] as? Double)
    }

    @Test func aContrastOfSystemTextsTurnsTheModel() throws {
        let run = try contrast(
            "kind.gguf",
            [
                "--blocks", "0-4", "--contrast-blocks", "2,4", "--contrast-strength", "2",
                "--contrast-positive", "You are cheerful.", "--contrast-negative",
                "You are miserable.",
            ])
        #expect(run.exitCode == 0, "\(run.errors)")
        let before = try probeScore(Samples.tinyModel)
        let after = try probeScore(folder.path("kind.gguf"))
        #expect(after > before + 0.3, "\(before) \(after)")
    }

    @Test func contrastsAreRefusedWithTheirReason() throws {
        func refused(_ exitCode: Int32, _ words: String, _ more: String...) throws {
            let run = try contrast("x.gguf", more)
            #expect(run.exitCode == exitCode && run.errorLine.contains(words), "\(run.errorLine)")
        }
        let texts = ["--contrast-positive", "{prompt} Be kind."]
        try refused(2, "--contrast-negative", "--blocks", "2", texts[0], texts[1])
        try refused(2, "one of --blocks, --vector")
        try refused(2, "--position: needs", "--blocks", "2", "--position", "last")
        try refused(3, "'positive'", "--blocks", "2")
        try refused(
            2, "once", "--blocks", "2", "--contrast-positive", "{prompt}", "--contrast-negative",
            "{prompt}")
        try refused(
            2, "block 9", "--blocks", "2", "--contrast-blocks", "9", texts[0], texts[1],
            "--contrast-negative", "{prompt} Be rude.")
        try refused(
            2, "none of the weights", "--blocks", "3", "--contrast-blocks", "2", texts[0], texts[1],
            "--contrast-negative", "{prompt} Be rude.")
        let other = try tune("y.gguf", "--contrast-strength", "2")
        #expect(other.exitCode == 2 && other.errorLine.contains("the objective contrast"))
    }

    // MARK: - Interruption

    /// Starts a run and waits until its record has so many lines.
    private func start(_ output: String, until lines: Int) throws -> (Process, Pipe) {
        let errors = Pipe()
        let process = try ProgramRun.start(
            words(output, Self.long), output: FileHandle.nullDevice, errors: errors)
        let deadline = Date(timeIntervalSinceNow: 120)
        while process.isRunning, Date() < deadline {
            let written = (try? record(output))?.count { $0 == 0x0a } ?? 0
            if written >= lines { break }
            usleep(500)
        }
        return (process, errors)
    }

    /// Long enough to be stopped on the way.
    private static let long = ["--steps", "160", "--epochs", "160", "--minimum-steps", "160"]

    private func expectSame(_ output: String, as whole: String) throws {
        #expect(try bytes(ofFile: folder.path(output)) == bytes(ofFile: folder.path(whole)))
        #expect(try record(output) == record(whole))
        #expect(try state(output) == state(whole))
    }

    @Test func aKilledRunContinuesToTheIdenticalResult() throws {
        #expect(try ProgramRun.rtedit(words("whole.gguf", Self.long)).exitCode == 0)
        for lines in [2, 30, 101] {
            let output = "killed\(lines).gguf"
            let (process, _) = try start(output, until: lines)
            #expect(process.isRunning)
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(!FileManager.default.fileExists(atPath: folder.path(output)))
            let resumed = try ProgramRun.rtedit(
                words(output, Self.long + ["--resume", folder.path(output + ".run")]))
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            try expectSame(output, as: "whole.gguf")
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func anInterruptedRunSaysHowToGoOn(signal: Int32) throws {
        #expect(try ProgramRun.rtedit(words("whole.gguf", Self.long)).exitCode == 0)
        let (process, errors) = try start("stopped.gguf", until: 30)
        kill(process.processIdentifier, signal)
        let text = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        #expect(text.contains("--resume \(folder.path("stopped.gguf.run"))"), "\(text)")
        #expect(!FileManager.default.fileExists(atPath: folder.path("stopped.gguf")))
        let resumed = try ProgramRun.rtedit(
            words("stopped.gguf", Self.long + ["--resume", folder.path("stopped.gguf.run")]))
        #expect(resumed.exitCode == 0, "\(resumed.errors)")
        try expectSame("stopped.gguf", as: "whole.gguf")
    }

    @Test func anotherRunIsNotResumed() throws {
        #expect(try tune("a.gguf").exitCode == 0)
        let run = try tune(
            "b.gguf", "--resume", folder.path("a.gguf.run"), "--seed", "4", "--batch", "3")
        #expect(run.exitCode == 2)
        #expect(run.errorLine.contains("--seed (was 3, is 4)"))
        #expect(run.errorLine.contains("--batch (was 2, is 3)"))
        let data = try folder.write(
            bytes(ofFile: Self.probe) + Array("\n".utf8), as: "changed.jsonl")
        let changed = try tune("b.gguf", "--resume", folder.path("a.gguf.run"), "--data", data)
        #expect(changed.exitCode == 2)
        #expect(changed.errorLine.contains("the content of data"))
        // A finished run has its output written again.
        #expect(try tune("b.gguf", "--resume", folder.path("a.gguf.run")).exitCode == 0)
        #expect(
            try bytes(ofFile: folder.path("a.gguf")) == bytes(ofFile: folder.path("b.gguf")))
    }

    // MARK: - Refusals

    @Test func aRunThatDivergesWritesNothing() throws {
        let run = try tune(
            "a.gguf", "--learning-rate", "1", "--representation-learning-rate", "1", "--schedule",
            "constant", "--warmup", "0", "--clip", "0", "--objective", "token")
        #expect(run.exitCode == 1, "\(run.output) \(run.errors)")
        #expect(run.errors.contains("diverged"))
        #expect(!FileManager.default.fileExists(atPath: folder.path("a.gguf")))
    }

    @Test func optionsThatContradictEachOtherAreRefusedBeforeTheModelIsOpened() throws {
        for (more, words) in [
            (["--adapter"], "--adapter: needs --lora"),
            (["--lora-alpha", "4"], "--lora-alpha: needs --lora"),
            (["--lora", "4", "--weights", "norms"], "'norms'"),
            (["--objective", "token", "--limit", "0.5"], "--limit: needs"),
            (["--objective", "keep"], "--objective keep: needs --text"),
            (["--objective", "toward,toward"], "names each objective once"),
            (["--objective", "toward:0"], "'toward:0'"),
            (["--objective", "sideways"], "'sideways'"),
            (["--text", "t.txt"], "--text: needs the objective keep"),
            (["--run", "a", "--resume", "b"], "--run, --resume"),
            (["--validation", "f", "--validation-share", "0.1"], "--validation-share"),
            (["--routing", "joint", "--representation-weights", "up"], "needs --routing paper"),
            (["--weights", "up", "--representation-weights", "down"], "'down'"),
            (["--position", "nowhere"], "'nowhere'"),
            (["--beta1", "1"], "--beta1"),
            (["--type", "q9"], "--type"),
        ] {
            var call = self.words("a.gguf", more)
            call[1] = "/nowhere.gguf"
            let run = try ProgramRun.rtedit(call)
            #expect(run.exitCode == 2, "\(more): \(run.errors)")
            #expect(run.errorLine.contains(words), "\(more): \(run.errors)")
        }
        let noVector = try ProgramRun.rtedit([
            "tune", "/nowhere.gguf", folder.path("a.gguf"), "--data", Self.probe,
        ])
        #expect(noVector.errorLine.contains("--vector is missing"))
    }

    @Test func dataThatCannotBeUsedIsRefusedByItsLine() throws {
        for (line, words) in [
            ("{\"prompt\": \"A\"}", "'completion' is missing"),
            ("{\"completion\": \"A\"}", "'prompt' is missing"),
            ("{\"prompt\": \"A\", \"completion\": \"\"}", "no text"),
            (
                "{\"prompt\": \"A\", \"completion\": \"\(String(repeating: "dog ", count: 4000))\"}",
                "context"
            ),
            ("{\"prompt\": \"A\", \"choices\": [\"a\", \"b\"], \"correct\": 2}", "'correct'"),
        ] {
            let good = "{\"prompt\": \"The dog\", \"completion\": \" is happy.\"}\n"
            let data = try folder.write(Array((good + line).utf8), as: "data.jsonl")
            let run = try tune("a.gguf", "--data", data)
            #expect(run.exitCode == 3, "\(line)")
            #expect(run.errorLine.contains("data.jsonl:2"), "\(run.errors)")
            #expect(run.errorLine.contains(words), "\(run.errors)")
        }
        #expect(try folder.names() == ["data.jsonl", "mood.gguf"])
    }

    @Test func aDryRunTunesNothing() throws {
        let run = try tune("a.gguf", "--dry-run", "--json")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("\"steps\":"))
        #expect(try folder.names() == ["mood.gguf"])
    }
}
