import Foundation
import TestSupport
import Testing

/// `--json` as programs use it.
@Suite struct JSONProgramTests {
    private func object(_ run: ProgramRun) throws -> [String: Any] {
        #expect(run.output.hasSuffix("}\n") && run.output.filter(\.isNewline).count == 1)
        let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        return try #require(value as? [String: Any])
    }

    private func rtedit(_ arguments: String..., input: String? = nil) throws -> ProgramRun {
        try ProgramRun.rtedit(arguments + ["--json"], input: input)
    }

    @Test func everyResultSaysWhatTheCallWasAndRead() throws {
        let run = try rtedit("generate", Samples.tinyModel, "-p", "Hi", "-n", "2")
        let call = try #require(object(run)["call"] as? [String: Any])
        #expect(call["schema"] as? Int == 1 && call["command"] as? String == "generate")
        #expect(call["version"] is String)
        let arguments = try #require(call["arguments"] as? [String: Any])
        #expect(arguments["MODEL"] as? String == Samples.tinyModel)
        #expect(arguments["prompt"] as? [String] == ["Hi"])
        #expect(arguments["max-tokens"] as? String == "2" && arguments["seed"] as? String == "0")
        #expect(arguments["json"] == nil && arguments["chat"] == nil)
        let inputs = try #require(call["inputs"] as? [[String: Any]])
        #expect(inputs.count == 1 && inputs[0]["bytes"] as? Int == 2_660_192)
        #expect(
            inputs[0]["sha256"] as? String
                == "bcb374685de0040d353e843c1b778fb3ac74c3cba95f6e355efdb8faae5015a5")
        let quick = try rtedit("generate", Samples.tinyModel, "-p", "Hi", "-n", "2", "--no-hashes")
        let other = try #require(object(quick)["call"] as? [String: Any])
        #expect((other["inputs"] as? [[String: Any]])?[0]["sha256"] is NSNull)
    }

    /// What a call makes is no input of it, also where it reads it again.
    @Test func outputsAreNoInputs() throws {
        let folder = try TemporaryFolder()
        let vector = folder.path("v.gguf")
        let run = try rtedit(
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-o", vector)
        let call = try #require(object(run)["call"] as? [String: Any])
        let inputs = try #require(call["inputs"] as? [[String: Any]])
        #expect(
            inputs.compactMap { $0["path"] as? String } == [Samples.tinyModel, Samples.tinyPairs])
        let shown = try object(rtedit("vector", "show", vector, vector))
        let arguments = (shown["call"] as? [String: Any])?["arguments"] as? [String: Any]
        #expect(arguments?["FILE"] as? [String] == [vector, vector])
    }

    @Test func errorsAreObjects() throws {
        let cases: [([String], String?, String, String?, Int32)] = [
            (["generate", "none.gguf", "-p", "a"], nil, "input", "none.gguf", 3),
            (["genrate"], nil, "usage", nil, 2),
            (["tokenize", Samples.tinyModel, "--decode", "99999"], nil, "usage", nil, 2),
            (
                ["generate", Samples.tinyModel, "--prompts", "-"], "{\"x\": 1}\n", "input",
                "standard input", 3
            ),
            (
                ["convert", Samples.tinyModel, "/none/at/all.gguf"], nil, "output",
                "/none/at/all.gguf", 5
            ),
        ]
        for (words, input, kind, file, code) in cases {
            let run = try ProgramRun.rtedit(words + ["--json"], input: input)
            #expect(run.exitCode == code, "\(words): \(run.errors)")
            let error = try #require(object(run)["error"] as? [String: Any])
            #expect(error["kind"] as? String == kind && error["exit_code"] as? Int32 == code)
            #expect(error["file"] as? String == file, "\(error)")
            #expect(run.errorLine == "rtedit: \(try #require(error["message"] as? String))")
        }
    }

    @Test func everyProbeHasARow() throws {
        let run = try rtedit("eval", Samples.tinyModel, "--probe", Samples.path("tiny/probe.jsonl"))
        let result = try object(run)
        let rows = try #require(result["rows"] as? [[String: Any]])
        #expect(rows.count == result["probes"] as? Int)
        let margins = try rows.map { try #require($0["margin"] as? Double) }
        let mean = try #require(result["margin"] as? Double)
        #expect(abs(margins.reduce(0, +) / Double(rows.count) - mean) < 1e-9)
        let right = rows.count { $0["right"] as? Bool == true }
        #expect(Double(right) / Double(rows.count) == result["accuracy"] as? Double)
    }
}
