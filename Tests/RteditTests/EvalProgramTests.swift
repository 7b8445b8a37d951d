import Foundation
import TestSupport
import Testing

/// `eval` as a user calls it, on the small trained checkpoint.
@Suite struct EvalProgramTests {
    private let folder: TemporaryFolder
    private let probe = Samples.path("tiny/probe.jsonl")

    init() throws {
        folder = try TemporaryFolder()
    }

    private func eval(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["eval", Samples.tinyModel] + arguments)
    }

    private func text(_ text: String) throws -> String {
        try folder.write(Array(text.utf8), as: "text.txt")
    }

    private func object(_ run: ProgramRun) throws -> [String: Any] {
        #expect(run.exitCode == 0, "\(run.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        return try #require(object as? [String: Any])
    }

    private func refused(_ exitCode: Int32, _ words: String, _ run: ProgramRun) {
        #expect(run.exitCode == exitCode)
        #expect(run.output.isEmpty)
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(run.errorLine.contains(words), "\(run.errorLine)")
    }

    @Test func probesHaveIntervals() throws {
        let report = try object(eval("--probe", probe, "--json"))
        #expect(report["probes"] as? Int == 20)
        let margin = try #require(report["margin"] as? Double)
        let interval = try #require(report["margin_interval"] as? [Double])
        #expect(interval[0] < margin && margin < interval[1])
        #expect((report["categories"] as? [Any])?.isEmpty == false)
        let again = try eval("--probe", probe, "--json", "--threads", "1")
        #expect(try object(again)["margin_interval"] as? [Double] == interval)
        let other = try object(eval("--probe", probe, "--json", "--seed", "1"))
        #expect(other["margin_interval"] as? [Double] != interval)
        let table = try eval("--probe", probe)
        #expect(table.output.contains("accuracy"))
    }

    @Test func aTextHasAPerplexity() throws {
        let story = try text(
            String(repeating: "The sun was shining and Tom began to sing. ", count: 30))
        let report = try object(
            eval("--text", story, "--window", "64", "--stride", "16", "--json"))
        #expect(report["window"] as? Int == 64)
        let (tokens, predicted) = (report["tokens"] as? Int, report["predicted"] as? Int)
        #expect(predicted == tokens.map { $0 - 1 })
        let perplexity = try #require(report["perplexity"] as? Double)
        #expect(perplexity > 1)
        let interval = try #require(report["perplexity_interval"] as? [Double])
        #expect(interval[0] < perplexity && perplexity < interval[1])
    }

    @Test func aModelIsComparedWithItselfAndASteeredOneIsNot() throws {
        let vector = folder.path("mood.gguf")
        let extraction = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "8", "-o",
            vector,
        ])
        #expect(extraction.exitCode == 0)
        let story = try text("One day Tom went to the lake. The sun was shining.")
        for input in [["--text", story], ["--probe", probe]] {
            let call =
                ["eval", Samples.tinyModel] + input + ["--against", Samples.tinyModel, "--json"]
            let same = try object(ProgramRun.rtedit(call))
            let none = try #require(same["divergence"] as? [String: Any])
            #expect(none["kl_max"] as? Double == 0)
            #expect(none["top1_agreement"] as? Double == 1)
            let steered = try object(ProgramRun.rtedit(call + ["--vector", vector + ":3"]))
            let some = try #require(steered["divergence"] as? [String: Any])
            #expect(some["kl_mean"] as? Double ?? 0 > 0.001)
        }
    }

    @Test func wrongCallsAreRefusedInOneLine() throws {
        let story = try text("One day Tom went to the lake.")
        refused(2, "--probe, --text", try eval())
        refused(2, "--probe, --text", try eval("--probe", probe, "--text", story))
        refused(2, "--probe, --window", try eval("--probe", probe, "--window", "9"))
        refused(2, "--text, --chat", try eval("--text", story, "--chat"))
        refused(2, "stride of 9", try eval("--text", story, "--window", "8", "--stride", "9"))
        refused(2, "window of 1000000", try eval("--text", story, "--window", "1000000"))
        refused(2, "--resamples", try eval("--text", story, "--resamples", "0"))
        refused(3, "has 0 tokens", try eval("--text", text("")))
        let binary = try folder.write([0x41, 0xff, 0x42], as: "binary")
        refused(3, "byte 1", try eval("--text", binary))
        refused(3, "cannot open", try eval("--text", folder.path("nowhere")))
        refused(
            3, "cannot open", try eval("--text", story, "--against", folder.path("nowhere.gguf")))
    }

    @Test func ofATextNoMoreIsReadThanAsked() throws {
        let story = try text(String(repeating: "The sun was shining. ", count: 30))
        let report = try object(eval("--text", story, "--text-tokens", "40", "--json"))
        #expect(report["tokens"] as? Int == 40)
        refused(2, "--probe, --text-tokens", try eval("--probe", probe, "--text-tokens", "40"))
    }

    @Test func malformedProbesNameTheirLine() throws {
        for (line, words) in [
            (
                #"{"prompt": "x", "choices": ["a"], "correct": 0}"#,
                "'choices' has 1 text, at least 2"
            ),
            (#"{"prompt": "x", "choices": "a", "correct": 0}"#, "'choices' is not a list of texts"),
            (#"{"prompt": "x", "choices": ["a", 1], "correct": 0}"#, "'choices[1]' is not a text"),
            (#"{"prompt": "x", "choices": ["a", ""], "correct": 0}"#, "'choices[1]' is empty"),
            (#"{"prompt": "x", "choices": ["a", "a"], "correct": 0}"#, "0 and 1 are the same text"),
            (#"{"prompt": "x", "correct": 0}"#, "member 'choices' is missing"),
            (#"{"prompt": "x", "choices": ["a", "b"]}"#, "member 'correct' is missing"),
            (#"{"prompt": "x", "choices": ["a", "b"], "correct": "0"}"#, "not a whole number"),
            (
                #"{"prompt": "x", "choices": ["a", "b"], "correct": 2}"#,
                "'correct' is 2, but there are 2 choices (0 to 1)"
            ),
            (#"{"choices": ["a", "b"], "correct": 0}"#, "member 'prompt' is missing"), ("{", ":2"),
            (
                #"{"prompt": {"User": "x"}, "choices": ["a", "b"], "correct": 0}"#,
                "'User' is none of system, user and assistant"
            ), ("[1]", "the line is not a JSON object"),
        ] {
            let good = "{\"prompt\": \"x\", \"choices\": [\"a\", \"b\"], \"correct\": 0}\n"
            let file = try folder.write(Array((good + line).utf8), as: "probe.jsonl")
            refused(3, words, try eval("--probe", file))
        }
    }
}
