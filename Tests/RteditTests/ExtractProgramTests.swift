import Formats
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

    private func sentences() throws -> String {
        let lines = [
            "{\"positive\": \"Everyone was kind to me.\", \"negative\": \"Everyone was rude to me.\"}",
            "{\"positive\": \"The view was wonderful.\", \"negative\": \"The view was dreary.\"}",
        ]
        return try folder.write(Array(lines.joined(separator: "\n").utf8), as: "sentences.jsonl")
    }

    @Test func latentVectorsWriteTheirSentences() throws {
        let (output, all) = (folder.path("latent.gguf"), folder.path("all.npz"))
        let run = try extract(
            Samples.tinyModel, "--pairs", sentences(), "--method", "latent", "--blocks", "1,3",
            "--seed", "3", "--latents", all, "-o", output, "--json")
        #expect(run.exitCode == 0, "\(run.errors)")
        let report = try #require(
            JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(report["token"] == nil)
        let found = try #require(report["reconstruction"] as? [[String: Any]])
        #expect(found.map { $0["block"] as? Int } == [1, 3])
        #expect(found.allSatisfy { $0["exact"] as? Int == 4 })
        let written = try #require(found[1]["sentences"] as? [[String: Any]])
        #expect(
            written.compactMap { $0["written"] as? String } == [
                "Everyone was kind to me.", "The view was wonderful.", "Everyone was rude to me.",
                "The view was dreary.",
            ])
        let file = try NumPyFile(path: all)
        #expect(file.texts.map(\.text) == ["resid_post"])
        #expect(
            file.arrays.map(\.name) == ["positive.1", "negative.1", "positive.3", "negative.3"])
        #expect(file.arrays.allSatisfy { $0.shape == [2, 128] })
        let shown = try ProgramRun.rtedit(["vector", "show", output])
        #expect(shown.exitCode == 0 && shown.output.contains("latent"))
        let table = try extract(
            Samples.tinyModel, "--pairs", sentences(), "--method", "latent", "--site", "embed",
            "-o", output, "--force")
        #expect(table.exitCode == 0 && table.output.contains("4 of 4"), "\(table.errors)")
    }

    @Test func latentOptionsAreRefusedElsewhere() throws {
        let (output, model) = (folder.path("out.gguf"), Samples.tinyModel)
        let pairs = try sentences()
        func call(_ words: String...) throws -> ProgramRun {
            try ProgramRun.rtedit(["extract", model, "--pairs", pairs, "-o", output] + words)
        }
        for option in ["--steps", "--learning-rate", "--seed", "--latents"] {
            refused(2, "\(option): needs --method latent", try call(option, "1"))
        }
        let latent = ["--method", "latent", "--blocks", "1"]
        for other in [["--token", "-2"], ["--offsets", "2"], ["--chat"]] {
            refused(
                2, "only one of --method latent, \(other[0])",
                try ProgramRun.rtedit(
                    ["extract", model, "--pairs", pairs, "-o", output] + latent + other))
        }
        refused(2, "--method latent: needs --blocks", try call("--method", "latent"))
        refused(2, "--blocks", try call("--method", "latent", "--blocks", "99"))
        refused(
            3, "assistant's",
            try ProgramRun.rtedit(
                ["extract", model, "--pairs", Samples.tinyPairs, "-o", output] + latent))
        #expect(try folder.names() == ["personas.jsonl", "sentences.jsonl"])
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
