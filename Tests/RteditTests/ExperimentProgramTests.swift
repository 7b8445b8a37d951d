import Foundation
import TestSupport
import Testing

@Suite struct ExperimentProgramTests {
    /// A trait of the tiny model's world, whose probes serve as all sets.
    private func trait(in folder: TemporaryFolder) throws -> String {
        let probe = Samples.path("tiny/probe.jsonl")
        let text = """
            {"name": "tiny", "positive": "cheerful", "negative": "gloomy",
             "pairs": "pairs.jsonl", "train": "probe.jsonl", "validation": "probe.jsonl",
             "held_out": "probe.jsonl", "unseen_form": "probe.jsonl", "position": "last"}
            """
        _ = try folder.write(bytes(ofFile: probe), as: "probe.jsonl")
        _ = try folder.write(bytes(ofFile: Samples.tinyPairs), as: "pairs.jsonl")
        return try folder.write(Array(text.utf8), as: "trait.json")
    }

    private func experiment(
        _ folder: TemporaryFolder, trait: String, output: String, _ more: [String] = []
    ) throws -> ProgramRun {
        let text = Samples.path("text/ordinary.txt")
        return try ProgramRun.rtedit(
            [
                "experiment", Samples.tinyModel, "--trait", trait, "--text", text,
                "--ordinary-text", text, "-o", output, "--seeds", "1", "--text-tokens", "600",
                "--limit", "8",
            ] + more)
    }

    @Test func anExperimentWritesItsTableAndDrawingsTheSameEveryTime() throws {
        let folder = try TemporaryFolder()
        let trait = try trait(in: folder)
        var reports: [[UInt8]] = []
        for (index, threads) in ["1", "2"].enumerated() {
            let output = folder.path("out\(index)")
            let run = try experiment(
                folder, trait: trait, output: output, ["--threads", threads, "--quiet"])
            #expect(run.exitCode == 0, "\(run.errors)")
            reports.append(try bytes(ofFile: output + "/report.md"))
            let names = try FileManager.default.contentsOfDirectory(atPath: output).sorted()
            #expect(
                names == [
                    "report.html", "report.md", "tiny-cosines.svg", "tiny-held-out.svg",
                    "tiny-perplexity.svg",
                    "tiny-unseen-form.svg", "tiny.jsonl",
                ])
        }
        #expect(reports[0] == reports[1])
        let text = String(decoding: reports[0], as: UTF8.self)
        for condition in ["untuned", "online +", "representation + token −", "tuned away"] {
            #expect(text.contains("| \(condition) |"))
        }
    }

    @Test func anInterruptedExperimentContinues() throws {
        let folder = try TemporaryFolder()
        let trait = try trait(in: folder)
        let output = folder.path("out")
        #expect(try experiment(folder, trait: trait, output: output).exitCode == 0)
        let report = try bytes(ofFile: output + "/report.md")
        // All but the first results are lost.
        let results = output + "/tiny.jsonl"
        let lines = String(decoding: try bytes(ofFile: results), as: UTF8.self)
            .split(separator: "\n").prefix(12).joined(separator: "\n")
        try Data(lines.utf8).write(to: URL(fileURLWithPath: results))
        #expect(try experiment(folder, trait: trait, output: output).exitCode == 5)
        let run = try experiment(folder, trait: trait, output: output, ["--resume"])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(try bytes(ofFile: output + "/report.md") == report)
        let other = try experiment(
            folder, trait: trait, output: output, ["--resume", "--epochs", "2"])
        #expect(other.exitCode == 3)
        #expect(other.errorLine.contains("belongs to a run that differs in options"))
        // The same number of probes, one of them with another wording.
        let probes = String(decoding: try bytes(ofFile: folder.path("probe.jsonl")), as: UTF8.self)
        let changed = probes.replacingOccurrences(of: "friends", with: "brothers")
        _ = try folder.write(Array(changed.utf8), as: "probe.jsonl")
        #expect(
            try experiment(folder, trait: trait, output: output, ["--resume"]).exitCode == 3)
    }

    @Test(arguments: ["../victim", "a/b", ".hidden", "..", "a\\u001bb", ""])
    func aNameThatIsNoFileNameIsRefusedBeforeAnythingIsWritten(name: String) throws {
        let folder = try TemporaryFolder()
        let path = try trait(in: folder)
        let text = String(decoding: try bytes(ofFile: path), as: UTF8.self)
            .replacingOccurrences(of: "\"tiny\"", with: "\"\(name)\"")
        _ = try folder.write(Array(text.utf8), as: "trait.json")
        let before = try folder.names()
        let run = try experiment(folder, trait: path, output: folder.path("out"), ["--force"])
        #expect(run.exitCode == 3, "\(run.errors)")
        #expect(run.errorLine.contains("name"))
        #expect(try folder.names() == before)
    }

    @Test(arguments: ["report.md", "report.html", "tiny-perplexity.svg", "tiny.jsonl"])
    func filesThatAreThereAreKeptUnlessTheyMayBeReplaced(name: String) throws {
        let folder = try TemporaryFolder()
        let path = try trait(in: folder)
        mkdir(folder.path("out"), 0o700)
        let file = try folder.write([7], as: "out/" + name)
        for more in [[], ["--resume"]] where name != "tiny.jsonl" || more.isEmpty {
            let run = try experiment(folder, trait: path, output: folder.path("out"), more)
            #expect(run.exitCode == 5)
            #expect(run.errorLine.contains("\(name): exists already"))
        }
        #expect(try bytes(ofFile: file) == [7])
    }

    @Test func aFolderThatCannotBeMadeIsOneLine() throws {
        let folder = try TemporaryFolder()
        let blocker = try folder.write([1], as: "file")
        let run = try experiment(folder, trait: trait(in: folder), output: blocker + "/out")
        #expect(run.exitCode == 5)
        #expect(run.errorLine.contains(blocker + "/out"))
    }
}
