import Formats
import Foundation
import TestSupport
import Testing
import Transformer
import Tuning

/// `search` as a user calls it, on the small trained checkpoint.
@Suite struct SearchProgramTests {
    private let folder: TemporaryFolder
    private let probe = Samples.path("tiny/probe.jsonl")
    private let story: String
    private let vector: String

    init() throws {
        folder = try TemporaryFolder()
        let sentence = "One day Tom went to the lake with a white goat. The sun was shining. "
        story = try folder.write(
            Array(String(repeating: sentence, count: 5).utf8), as: "story.txt")
        vector = folder.path("mood.gguf")
        let extraction = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "16", "-o",
            vector,
        ])
        #expect(extraction.exitCode == 0, "\(extraction.errors)")
    }

    private func search(
        _ more: String..., output: String? = nil, vector: String? = nil, probe: String? = nil
    ) throws -> ProgramRun {
        try ProgramRun.rtedit(
            [
                "search", Samples.tinyModel, "--vector", vector ?? self.vector, "--probe",
                probe ?? self.probe, "--trials", "24",
            ] + (output.map { ["-o", folder.path($0)] } ?? []) + more)
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

    @Test func whatIsFoundIsWhatEvalMeasuresAndBakeTakes() throws {
        let run = try search(
            "--text", story, "--max-kl", "0.2", "--max-perplexity", "1.3", "--json", output: "out")
        #expect(run.exitCode == 0, "\(run.errors)")
        let report = try object(run.output)
        let best = try #require(report["best"] as? [String: Any])
        let spec = try #require(best["spec"] as? String)
        #expect(best["kl"] as? Double ?? 1 <= 0.2)
        #expect(best["perplexity_ratio"] as? Double ?? 2 <= 1.3)
        #expect(best["effect"] as? Double ?? 0 > 0)
        #expect(try bytes(ofFile: folder.path("out/best.txt")) == Array((spec + "\n").utf8))

        // The figures of both halves are those of eval on their files, bit for bit.
        func margin(_ half: String, _ more: [String]) throws -> Double? {
            let run = try ProgramRun.rtedit(
                ["eval", Samples.tinyModel, "--probe", folder.path("out/\(half)"), "--json"] + more)
            return try object(run.output)["margin"] as? Double
        }
        #expect(try margin("choice.jsonl", ["--vector", spec]) == best["margin"] as? Double)
        let heldOut = try #require(best["held_out"] as? [String: Any])
        #expect(try margin("held-out.jsonl", ["--vector", spec]) == heldOut["margin"] as? Double)
        let plain = try #require(report["plain"] as? [String: Any])
        #expect(try margin("choice.jsonl", []) == plain["margin"] as? Double)
        let reading = try ProgramRun.rtedit([
            "eval", Samples.tinyModel, "--text", story, "--against", Samples.tinyModel,
            "--vector", spec, "--json",
        ])
        let divergence = try object(reading.output)["divergence"] as? [String: Any]
        #expect(divergence?["kl_mean"] as? Double == best["kl"] as? Double)

        let routes = try #require((report["bake"] as? [String: Any])?["routes"] as? [String])
        #expect(routes == ["bias"])
        let bake = try ProgramRun.rtedit([
            "bake", Samples.tinyModel, folder.path("baked.gguf"), "--vector", spec,
        ])
        #expect(bake.exitCode == 0, "\(bake.errors)")
    }

    /// A vector that is loud and means nothing everywhere but in one block.
    @Test func thePlantedBlockIsFound() throws {
        var content = try VectorFile.read(vector)
        var numbers = SeededGenerator(seed: 5)
        for block in content.blocks where block != 2 {
            content.directions[block] = (0..<content.width).map { _ in
                Float.random(in: -4...4, using: &numbers)
            }
        }
        let planted = folder.path("planted.gguf")
        try VectorFile.write(content, to: planted, replacing: false)
        let run = try search("--text", story, "--json", "--trials", "40", vector: planted)
        let best = try #require(try object(run.output)["best"] as? [String: Any])
        #expect(best["blocks"] as? [Int] == [2])
    }

    @Test func aSearchIsTheSameWithAllThreadsAndEveryMemory() throws {
        let runs = try [
            ["--threads", "1"], ["--threads", "2"], ["--memory", "1"], ["--memory", "300kB"],
        ].map { try search("--text", story, "--json", $0[0], $0[1]) }
        #expect(runs[0].exitCode == 0)
        #expect(Set(runs.map(\.results)).count == 1)
        let other = try search("--text", story, "--json", "--seed", "1")
        #expect(other.results != runs[0].results)
    }

    @Test func anInterruptedSearchContinues() throws {
        let whole = try search("--text", story, output: "out")
        #expect(whole.exitCode == 0, "\(whole.errors)")
        let names = [
            "best.txt", "blocks.svg", "choice.jsonl", "front.svg", "held-out.jsonl", "report.html",
            "trials.jsonl",
        ]
        let out = folder.path("out")
        #expect(try FileManager.default.contentsOfDirectory(atPath: out).sorted() == names)
        let files = try names.map { try bytes(ofFile: "\(out)/\($0)") }
        // All but the first results are lost.
        let lines = String(decoding: files[6], as: UTF8.self).split(separator: "\n")
        #expect(lines.count > 20)
        try Data((lines.prefix(9).joined(separator: "\n") + "\n").utf8)
            .write(to: URL(fileURLWithPath: "\(out)/trials.jsonl"))
        refused(5, "exists already", try search("--text", story, output: "out"))
        let resumed = try search("--text", story, "--resume", output: "out")
        #expect(resumed.exitCode == 0, "\(resumed.errors)")
        #expect(resumed.output == whole.output)
        // The page names its own call.
        for (name, file) in zip(names, files) where name != "report.html" {
            #expect(try bytes(ofFile: "\(out)/\(name)") == file)
        }

        // What is not the same search is named.
        for (option, value, name) in [
            ("--max-kl", "0.3", "max-kl"), ("--trials", "25", "trials"), ("--seed", "2", "seed"),
            ("--strengths", "both", "strengths"), ("--text-tokens", "9", "text tokens"),
            ("--vector", vector, "vectors"),
        ] {
            let run = try search("--text", story, "--resume", option, value, output: "out")
            refused(3, "belongs to a run that differs in \(name)", run)
        }
        try Data("{\"key\":\"identity\"}\n".utf8)
            .write(to: URL(fileURLWithPath: "\(out)/trials.jsonl"))
        refused(
            3, "trials.jsonl:1: is no result",
            try search("--text", story, "--resume", output: "out"))
    }

    @Test func limitsThatNothingKeepsEndWithOneAndTheNearest() throws {
        let before = try search("--text", story, output: "out")
        #expect(before.exitCode == 0)
        let run = try search("--text", story, "--max-kl", "0", "--force", output: "out")
        #expect(run.exitCode == 1)
        #expect(run.output.contains("no trial within the limits"))
        #expect(run.output.contains("nearest: \(vector):"))
        // The earlier choice is gone.
        #expect(!FileManager.default.fileExists(atPath: folder.path("out/best.txt")))
        let json = try object(search("--max-kl", "0", "--json").output)
        #expect(json["best"] is NSNull)
        #expect((json["nearest"] as? [String: Any])?["kl"] as? Double ?? 0 > 0)
    }

    @Test func theOppositeIsReachedByNegativeStrengths() throws {
        let run = try search("--opposite", "--json")
        let best = try #require(try object(run.output)["best"] as? [String: Any])
        #expect(best["strength"] as? Double ?? 1 < 0)
        let plain = try #require(try object(run.output)["plain"] as? [String: Any])
        #expect(best["margin"] as? Double ?? 0 < plain["margin"] as? Double ?? 0)
    }

    @Test func wrongCallsAreRefusedInOneLine() throws {
        refused(
            2, "--vector", try ProgramRun.rtedit(["search", Samples.tinyModel, "--probe", probe]))
        refused(
            2, "--probe", try ProgramRun.rtedit(["search", Samples.tinyModel, "--vector", vector]))
        refused(2, "has the scale 2", try search(vector: vector + ":2"))
        refused(2, "--max-perplexity: needs --text", try search("--max-perplexity", "1.1"))
        refused(2, "--window: needs --text", try search("--window", "64"))
        refused(2, "--resume: needs --output", try search("--resume"))
        for (option, value) in [
            ("--max-kl", "-1"), ("--max-kl", "nan"), ("--max-perplexity", "0.9"),
            ("--trials", "7"), ("--memory", "0"), ("--objective", "mood"),
            ("--strengths", "up"), ("--text-tokens", "1"),
        ] {
            refused(2, option, try search("--text", story, option, value))
        }
        refused(2, "has no direction for block 9", try search(vector: vector + "@9"))
        refused(3, "cannot open", try search(vector: folder.path("nowhere.gguf")))
        let empty = try folder.write([], as: "empty.jsonl")
        refused(3, "empty.jsonl", try search(probe: empty))
        refused(3, "has 0 tokens", try search("--text", empty))
        let line = "{\"prompt\": \"x\", \"choices\": [\"a\", \"b\"], \"correct\": 0}\n"
        let few = try folder.write(Array(String(repeating: line, count: 3).utf8), as: "few.jsonl")
        refused(3, "has 3 probes, but search takes 4", try search(probe: few))
        let narrow = folder.path("narrow.gguf")
        try VectorFile.write(
            SteeringVector(
                site: .residPost, directions: [2: [1, 2, 3]],
                provenance: .init(modelHint: "llama")),
            to: narrow, replacing: false)
        let run = try search(output: "none", vector: narrow)
        refused(2, "narrow.gguf", run)
        #expect(run.errorLine.contains("3") && run.errorLine.contains("128"))
        #expect(!FileManager.default.fileExists(atPath: folder.path("none")))
    }
}
