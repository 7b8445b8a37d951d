import Foundation
import TestSupport
import Testing

/// `scale` and `--scaling` as a user calls them, on the small trained checkpoint.
@Suite struct ScaleProgramTests {
    private let folder: TemporaryFolder
    private let probe = Samples.path("tiny/probe.jsonl")
    private let file: String

    init() throws {
        folder = try TemporaryFolder()
        file = folder.path("s.safetensors")
    }

    private func scale(_ more: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(
            ["scale", Samples.tinyModel, "--probe", probe, "-o", file, "--steps", "6"] + more)
    }

    @Test func whatIsLearnedIsAppliedBakedVerifiedAndCertified() throws {
        let learned = try scale("--json", "--minimality", "0")
        #expect(learned.exitCode == 0, "\(learned.errors)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(learned.output.utf8)) as? [String: Any])
        let rows = try #require(report["held_out"] as? [[String: Any]])
        #expect(rows.map { $0["beta"] as? Int } == [0, 1, -1])
        #expect(report["not_zero"] as? Int == report["places"] as? Int)
        // A second run has the same bytes, and leaves an existing file alone without --force.
        let first = try bytes(ofFile: file)
        #expect(try scale("--minimality", "0").exitCode == 5)
        #expect(try scale("--minimality", "0", "--force", "--threads", "1").exitCode == 0)
        #expect(try bytes(ofFile: file) == first)

        let shown = try ProgramRun.rtedit(["inspect", file, "--json"])
        #expect(shown.output.hasPrefix("{\"kind\":\"scaling\",\"blocks\":"), "\(shown.output)")
        let asVector = try ProgramRun.rtedit(["vector", "show", file])
        #expect(asVector.exitCode == 3 && asVector.errors.contains("for --scaling"))

        let baked = folder.path("baked.gguf")
        let bake = try ProgramRun.rtedit([
            "bake", Samples.tinyModel, baked, "--scaling", file + ":6",
        ])
        #expect(bake.exitCode == 0, "\(bake.errors)")
        let proof = folder.path("proof.json")
        let verify = [
            "verify", Samples.tinyModel, baked, "--scaling", file + ":6", "--max-tokens", "4",
        ]
        let proven = try ProgramRun.rtedit(verify + ["--certificate", proof])
        #expect(proven.exitCode == 0, "\(proven.output)\(proven.errors)")
        #expect(proven.output.contains("the opposite scales must fail"))
        #expect(try ProgramRun.rtedit(verify + ["--check", proof]).exitCode == 0)
        let other = verify.map { $0 == file + ":6" ? file + ":5" : $0 }
        #expect(try ProgramRun.rtedit(other).exitCode == 1)
        #expect(try ProgramRun.rtedit(other + ["--check", proof]).exitCode == 2)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(try scale("--text-tokens", "64").exitCode == 2)
        #expect(try scale("--blocks", "99").exitCode == 2)
        #expect(try scale("--sites", "head").exitCode == 2)
        let vector = folder.path("v.gguf")
        let extraction = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "8", "-o",
            vector,
        ])
        #expect(extraction.exitCode == 0)
        let generate = ["generate", Samples.tinyModel, "--prompt", "One", "--max-tokens", "2"]
        #expect(try ProgramRun.rtedit(generate + ["--scaling", vector]).exitCode == 3)
        #expect(try ProgramRun.rtedit(generate + ["--scaling", "none"]).exitCode == 3)
        #expect(!FileManager.default.fileExists(atPath: file))
    }
}
