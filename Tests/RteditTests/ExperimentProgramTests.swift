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
             "held_out": "probe.jsonl", "unseen_form": "probe.jsonl", "position": "last",
             "free_text": ["How are you?"]}
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
                "experiment", Samples.tinyModel, "--trait", trait, "--text", text, "-o", output,
                "--seeds", "2", "--other-seeds", "1", "--text-tokens", "1024",
                "--matching-tokens", "512", "--limit", "8",
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
                    "report.html", "report.md", "tiny-claims-shares.svg", "tiny-claims.svg",
                    "tiny-cosines.svg", "tiny-doses.svg", "tiny-held-out.svg",
                    "tiny-perplexity.svg", "tiny-unseen-form.svg", "tiny.jsonl",
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
            folder, trait: trait, output: output, ["--resume", "--recipe", "paper"])
        #expect(other.exitCode == 3)
        #expect(other.errorLine.contains("belongs to a run that differs in options"))
        // The same number of probes, one of them with another wording.
        let probes = String(decoding: try bytes(ofFile: folder.path("probe.jsonl")), as: UTF8.self)
        let changed = probes.replacingOccurrences(of: "friends", with: "brothers")
        _ = try folder.write(Array(changed.utf8), as: "probe.jsonl")
        #expect(
            try experiment(folder, trait: trait, output: output, ["--resume"]).exitCode == 3)
    }

    /// A complete record gives the same page, which trains nothing.
    @Test func theRecordGivesThePageAgainByteForByte() throws {
        let folder = try TemporaryFolder()
        let trait = try trait(in: folder)
        let output = folder.path("out")
        #expect(try experiment(folder, trait: trait, output: output).exitCode == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: output).sorted()
        let before = try names.map { try bytes(ofFile: "\(output)/\($0)") }
        for name in names where name != "tiny.jsonl" {
            try FileManager.default.removeItem(atPath: "\(output)/\(name)")
        }
        let run = try experiment(folder, trait: trait, output: output, ["--resume"])
        #expect(run.exitCode == 0 && !run.errors.contains("run 1 of"), "\(run.errors)")
        for (name, bytes) in zip(names, before) where name != "report.html" {
            #expect(try TestSupport.bytes(ofFile: "\(output)/\(name)") == bytes, "\(name)")
        }
    }

    @Test func aBudgetLeavesOutWhatItSays() throws {
        let folder = try TemporaryFolder()
        let trait = try trait(in: folder)
        let output = folder.path("out")
        let run = try experiment(folder, trait: trait, output: output, ["--budget", "0.001s"])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.errors.contains("left out: all tuning, and with it every claim"))
        #expect(run.output.contains("Left out for want of time: all tuning"))
        #expect(!run.output.contains("| token \\+ |"))
        // What was left out is done when there is time for it.
        let rest = try experiment(
            folder, trait: trait, output: output, ["--resume", "--budget", "10h"])
        #expect(rest.exitCode == 0, "\(rest.errors)")
        #expect(!rest.output.contains("Left out"))
        for text in ["2", "h", "-1h", "2d", "nanh"] {
            let odd = try experiment(
                folder, trait: trait, output: folder.path("odd"), ["--budget", text])
            #expect(odd.exitCode == 2 && odd.errorLine.contains("--budget"), "\(odd.errors)")
        }
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

    @Test func nothingIsLeftOfAnExperimentThatCannotBegin() throws {
        let folder = try TemporaryFolder()
        let run = try experiment(
            folder, trait: trait(in: folder), output: folder.path("out"),
            ["--text-tokens", "90000000"])
        #expect(run.exitCode == 3 && run.errorLine.contains("--text-tokens"), "\(run.errors)")
        #expect(try !folder.names().contains("out"))
    }

    @Test func aFolderThatCannotBeMadeIsOneLine() throws {
        let folder = try TemporaryFolder()
        let blocker = try folder.write([1], as: "file")
        let run = try experiment(folder, trait: trait(in: folder), output: blocker + "/out")
        #expect(run.exitCode == 5)
        #expect(run.errorLine.contains(blocker + "/out"))
    }
}
