import Foundation
import TestSupport
import Testing

/// `extract` as a user calls it, on the small trained checkpoint.
@Suite struct ExtractProgramTests {
    private let folder: TemporaryFolder
    private let personas: String
    private let statements = Samples.path("tiny/probe.jsonl")

    init() throws {
        folder = try TemporaryFolder()
        let lines = [
            "{\"positive\": \"You are cheerful.\", \"negative\": \"You are miserable.\"}",
            "{\"positive\": \"You love your life.\", \"negative\": \"You hate your life.\"}",
        ]
        personas = try folder.write(Array(lines.joined(separator: "\n").utf8), as: "personas.jsonl")
    }

    private func extract(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["extract"] + arguments)
    }

    private func refused(_ exitCode: Int32, _ words: String, _ run: ProgramRun) {
        #expect(run.exitCode == exitCode)
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(run.errorLine.contains(words), "\(run.errorLine)")
    }

    @Test func theRecipeFromPersonasToAnotherOffset() throws {
        let (best, all, fifth) = (
            folder.path("best.gguf"), folder.path("all.safetensors"), folder.path("5.gguf")
        )
        let run = try extract(
            Samples.tinyModel, "--personas", personas, "--statements", statements,
            "--every-persona", "--in-character", "--offsets", "5", "--token", "best",
            "--all-offsets", all, "-o", best, "--json")
        #expect(run.exitCode == 0, "\(run.errors)")
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(report["pairs_read"] as? Int == 40)
        let kept = try #require(report["pairs"] as? Int)
        #expect((1..<40).contains(kept))
        #expect((report["offsets"] as? [Any])?.count == 5)
        // The file gives back what was chosen, byte for byte, and any other.
        let token = try #require(report["token"] as? String)
        let offset = token == "last" ? "-1" : token
        let again = folder.path("again.gguf")
        #expect(try extract("--from-offsets", all, "--token", offset, "-o", again).exitCode == 0)
        #expect(try bytes(ofFile: again) == bytes(ofFile: best))
        #expect(try extract("--from-offsets", all, "--token", "-5", "-o", fifth).exitCode == 0)
        let direct = folder.path("direct.gguf")
        #expect(
            try extract(
                Samples.tinyModel, "--personas", personas, "--statements", statements,
                "--every-persona", "--in-character", "--token", "-5", "-o", direct
            ).exitCode == 0)
        #expect(try bytes(ofFile: fifth) == bytes(ofFile: direct))
    }

    @Test func projectingOutSaysWhatWasLost() throws {
        let (plain, other, clean) = (
            folder.path("plain.gguf"), folder.path("other.gguf"), folder.path("clean.gguf")
        )
        let pairs = Samples.tinyPairs
        #expect(
            try extract(Samples.tinyModel, "--pairs", pairs, "--limit", "8", "-o", plain).exitCode
                == 0)
        #expect(
            try extract(
                Samples.tinyModel, "--personas", personas, "--statements", statements, "-o", other
            ).exitCode == 0)
        let run = try extract(
            Samples.tinyModel, "--pairs", pairs, "--limit", "8", "--project-out", other + "@1-3",
            "-o", clean)
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("length lost"))
    }

    @Test func wrongCallsAreRefusedInOneLine() throws {
        let output = folder.path("out.gguf")
        let model = Samples.tinyModel
        refused(2, "--pairs, --personas", try extract(model, "-o", output))
        refused(2, "MODEL", try extract("--pairs", Samples.tinyPairs, "-o", output))
        refused(2, "--statements", try extract(model, "--personas", personas, "-o", output))
        refused(
            2, "--personas",
            try extract(model, "--pairs", Samples.tinyPairs, "--statements", personas, "-o", output)
        )
        for extra in [["--token", "best"], ["--all-offsets", folder.path("a.safetensors")]] {
            refused(
                2, "--offsets",
                try ProgramRun.rtedit(
                    ["extract", model, "--pairs", Samples.tinyPairs, "-o", output] + extra))
        }
        refused(
            2, "before-completion:0",
            try extract(
                model, "--pairs", Samples.tinyPairs, "--token", "before-completion:0", "-o", output)
        )
        refused(
            2, "999 offsets",
            try extract(
                model, "--pairs", Samples.tinyPairs, "--offsets", "999", "--limit", "2", "-o",
                output)
        )
        refused(
            2, "before-completion:999",
            try extract(
                model, "--pairs", Samples.tinyPairs, "--token", "before-completion:999", "-o",
                output
            ))
        refused(
            3, "assistant",
            try extract(model, "--pairs", Samples.tinyPairs, "--in-character", "-o", output))
        refused(
            2, "one argument too many",
            try extract(model, "--from-offsets", personas, "--token", "-1", "-o", output))
        refused(
            2, "--from-offsets, --limit",
            try extract("--from-offsets", personas, "--limit", "1", "-o", output))
        refused(
            3, "personas.jsonl",
            try extract("--from-offsets", personas, "--token", "-1", "-o", output))
        #expect(try folder.names() == ["personas.jsonl"])
    }
}
