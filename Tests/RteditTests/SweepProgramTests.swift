import Formats
import Foundation
import TestSupport
import Testing
import Transformer
import Tuning

/// `sweep` as a user calls it, what `extract` recommends, and what is said of a vector's strength.
@Suite struct SweepProgramTests {
    private let folder: TemporaryFolder
    private let probe = Samples.path("tiny/probe.jsonl")
    private let vector: String
    private let extraction: ProgramRun

    init() throws {
        folder = try TemporaryFolder()
        vector = folder.path("mood.gguf")
        extraction = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "32", "-o",
            vector,
        ])
        #expect(extraction.exitCode == 0, "\(extraction.errors)")
    }

    private func sweep(_ more: String..., vector: String? = nil) throws -> ProgramRun {
        try ProgramRun.rtedit(
            [
                "sweep", Samples.tinyModel, "--vector", vector ?? self.vector, "--probe", probe,
            ] + more)
    }

    private func object(_ text: String) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(object as? [String: Any])
    }

    private func refused(_ exitCode: Int32, _ words: String, _ run: ProgramRun) {
        #expect(run.exitCode == exitCode, "\(run.errors)")
        #expect(run.output.isEmpty)
        #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        #expect(run.errorLine.contains(words), "\(run.errorLine)")
    }

    @Test func rowsAreWhatEvalMeasuresAndGenerateWrites() throws {
        let story = try folder.write(
            Array(String(repeating: "One day Tom went to the lake. ", count: 12).utf8),
            as: "story.txt")
        let prompts = try folder.write(
            Array("{\"prompt\": \"One day Tom went\"}\n".utf8), as: "prompts.jsonl")
        let run = try sweep(
            "--text", story, "--blocks", "3 1,4-5", "--strengths", "2,-1.5,15%", "--prompts",
            prompts, "--max-tokens", "12", "--json")
        #expect(run.exitCode == 0, "\(run.errors)")
        let report = try object(run.output)
        let rows = try #require(report["rows"] as? [[String: Any]])
        let specs = rows.compactMap { $0["spec"] as? String }
        #expect(specs.count == 6)
        #expect(specs[0] == "\(vector):2@3" && specs[4] == "\(vector):-1.5@1,4-5")
        for row in [rows[0], rows[4]] {
            let spec = try #require(row["spec"] as? String)
            let measured = try object(
                ProgramRun.rtedit([
                    "eval", Samples.tinyModel, "--probe", probe, "--vector", spec, "--json",
                ]).output)
            for key in ["margin", "accuracy"] {
                #expect(row[key] as? Double == measured[key] as? Double)
            }
            for key in ["margin_interval", "accuracy_interval"] {
                #expect(row[key] as? [Double] == measured[key] as? [Double])
            }
            let reading = try object(
                ProgramRun.rtedit([
                    "eval", Samples.tinyModel, "--text", story, "--against", Samples.tinyModel,
                    "--vector", spec, "--json",
                ]).output)
            let divergence = reading["divergence"] as? [String: Any]
            #expect(divergence?["kl_mean"] as? Double == row["kl"] as? Double)
            let text = try object(
                ProgramRun.rtedit([
                    "generate", Samples.tinyModel, "--prompt", "One day Tom went", "--vector",
                    spec, "--max-tokens", "12", "--json",
                ]).output)
            #expect(row["answers"] as? [String] == [try #require(text["text"] as? String)])
        }
        #expect(abs((rows[2]["share_of_stream"] as? Double ?? 0) - 0.15) < 1e-3)
        #expect(specs.contains(try #require(report["best"] as? String)))
    }

    @Test func theTableIsTheSameWithAllThreadsAndMemories() throws {
        let runs = try [["--threads", "1"], ["--threads", "2"], ["--memory", "1"]].map {
            try sweep("--blocks", "each all", "--strengths", "1,2", $0[0], $0[1])
        }
        #expect(runs[0].exitCode == 0, "\(runs[0].errors)")
        #expect(Set(runs.map(\.output)).count == 1)
        // The plain model, six blocks and all of them at two strengths each, a header and the verdict.
        #expect(runs[0].output.split(separator: "\n").count == 1 + 1 + 14 + 1)
        for line in runs[0].output.split(separator: "\n").dropLast() { #expect(line.count <= 80) }
    }

    @Test func nothingWithinTheLimitsEndsWithOne() throws {
        let run = try sweep("--blocks", "3", "--strengths", "-1")
        #expect(run.exitCode == 1)
        #expect(run.output.contains("moves the probe's margin the wanted way"))
        #expect(try sweep("--blocks", "3", "--strengths", "-1", "--opposite").exitCode == 0)
    }

    @Test func wrongCallsAreRefusedInOneLine() throws {
        refused(2, "--blocks: '3-'", try sweep("--blocks", "1 3-"))
        refused(2, "--blocks", try sweep("--blocks", " "))
        refused(2, "has no direction for block 9", try sweep("--blocks", "9"))
        for list in ["0", "1,", "x", "nan", "1e9", "5%,0%", ""] {
            refused(2, "--strengths", try sweep("--strengths", list))
        }
        refused(2, "--max-perplexity: needs --text", try sweep("--max-perplexity", "2"))
        refused(2, "has the scale 2", try sweep(vector: vector + ":2"))
        refused(3, "cannot open", try sweep(vector: folder.path("nowhere.gguf")))
        let bad = try folder.write(Array("{\"question\": \"x\"}\n".utf8), as: "bad.jsonl")
        refused(3, "bad.jsonl:1: member 'prompt' is missing", try sweep("--prompts", bad))
        let page = try folder.write([1], as: "page.html")
        refused(5, "exists already", try sweep("--report", page))
        refused(5, "exists already", try sweep("--html=\(page)"))
    }

    // MARK: - What extract recommends

    @Test func theRecommendationIsASPECThatActs() throws {
        let line = try #require(
            extraction.output.split(separator: "\n").first { $0.hasPrefix("recommended: ") })
        let words = line.split(separator: " ").map(String.init)
        #expect(words.dropFirst(1).first == "--vector")
        let spec = try #require(words.last)
        func margin(_ more: [String]) throws -> Double {
            let run = try ProgramRun.rtedit(
                ["eval", Samples.tinyModel, "--probe", probe, "--json"] + more)
            #expect(run.errors.isEmpty, "\(run.errors)")
            return try #require(try object(run.output)["margin"] as? Double)
        }
        let (plain, steered) = (try margin([]), try margin(["--vector", spec]))
        #expect(steered > plain + 0.2)
        // Its block is the one that is marked, and bars are drawn.
        let marked = extraction.output.split(separator: "\n").filter { $0.contains(" > █") }
        #expect(marked.count == 1)
        #expect(spec.hasSuffix("@\(marked[0].split(separator: " ")[0])"))
    }

    @Test func barsKeepToTheTerminalsWidth() throws {
        for (columns, drawn) in [("60", false), ("80", true), ("200", true)] {
            let run = try ProgramRun.rtedit(
                [
                    "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "16",
                    "-o", vector, "--force",
                ], environment: ["COLUMNS": columns])
            let rows = run.output.split(separator: "\n").prefix(7)
            #expect(rows.contains { $0.contains("█") } == drawn)
            if drawn { for row in rows { #expect(row.count <= Int(columns) ?? 0) } }
        }
    }

    @Test func pairsThatDoNotSeparateAreSaid() throws {
        // The sides of each pair in an order of lots.
        var lines = ""
        var numbers = SeededGenerator(seed: 3)
        for (_, object) in try JSONLines.read(Samples.tinyPairs).prefix(48) {
            let swaps = UInt64.random(in: 0...1, using: &numbers) == 1
            let (one, other) = swaps ? ("negative", "positive") : ("positive", "negative")
            var line = JSONObject()
            line[one] = object["positive"]
            line[other] = object["negative"]
            lines += JSONWriter().text(.object(line)) + "\n"
        }
        let mixed = try folder.write(Array(lines.utf8), as: "mixed.jsonl")
        let run = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", mixed, "-o", folder.path("mixed.gguf"),
        ])
        #expect(run.exitCode == 0)
        #expect(run.output.contains("no block separates the held-out pairs"), "\(run.output)")
        let few = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "3", "-o",
            folder.path("few.gguf"), "--json",
        ])
        let found = try #require(try object(few.output)["recommendation"] as? [String: Any])
        #expect(found["spec"] is NSNull)
        #expect((found["reason"] as? String)?.contains("at least 16 tell") == true)
    }

    // MARK: - What a SPEC means

    @Test func whatASpecificationLeavesOutIsTold() throws {
        func errors(_ spec: String, _ more: String...) throws -> String {
            try ProgramRun.rtedit(
                [
                    "generate", Samples.tinyModel, "-p", "One day", "-n", "2", "--vector",
                    vector + spec,
                ] + more
            ).errors
        }
        #expect(try errors(":0.5@3").isEmpty)
        #expect(try errors("@3").contains("no scale given, so it is 1: which adds 1"))
        #expect(try errors(":0.1").contains("no blocks given, so it acts in all of its blocks 0-5"))
        let neither = try errors("")
        #expect(neither.contains("no scale and no blocks given"))
        #expect(neither.contains("rtedit: warning: \(vector): 1 times the vector in blocks 0-5"))
        let strong = try errors(":-20@3")
        #expect(strong.split(separator: "\n").count == 1)
        #expect(strong.contains("-20 times the vector in block 3 adds 3"))
        #expect(strong.contains("beyond 50 % texts tend to fall apart"))
        #expect(try errors(":-20@3", "--quiet").isEmpty)
    }

    @Test func filesWithoutNormsSayThatTheyHaveNone() throws {
        var content = try VectorFile.read(vector)
        content.provenance.activationNorm = [:]
        let bare = folder.path("bare.gguf")
        try VectorFile.write(content, to: bare, replacing: false)
        let run = try ProgramRun.rtedit([
            "generate", Samples.tinyModel, "-p", "One day", "-n", "2", "--vector", bare,
        ])
        #expect(run.errors.contains("the file does not say how much that is"))
        #expect(!run.errors.contains("warning"))
        refused(
            2, "does not say how long the stream is", try sweep("--strengths", "5%", vector: bare))
        #expect(try sweep("--blocks", "3", vector: bare).exitCode == 0)
    }
}
