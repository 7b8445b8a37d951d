import TestSupport
import Testing

@testable import rtedit

/// Directions removed by the program: where, how, and what it says of it.
@Suite struct AblationProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector() throws -> String {
        let path = folder.path("v.gguf")
        let run = try ProgramRun.rtedit(
            [
                "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-o", path, "--blocks",
                "1-3", "--force",
            ])
        try #require(run.exitCode == 0, "\(run.errors)")
        return path
    }

    @Test func aPartInSomeBlocksIsBakedAndProven() throws {
        let steering =
            ["--ablate", try vector() + ":0.6@2", "--ablate-blocks", "1-2", "--written"]
        let output = folder.path("edited.gguf")
        let bake = try ProgramRun.rtedit(["bake", Samples.tinyModel, output] + steering)
        #expect(bake.exitCode == 0, "\(bake.errors)")
        #expect(bake.output.contains("along the removed directions: 4.0e-01 of what it was"))
        let proof = folder.path("proof.json")
        let call = ["verify", Samples.tinyModel, output]
        let verify = try ProgramRun.rtedit(call + steering + ["--certificate", proof])
        #expect(verify.exitCode == 0, "\(verify.output)")
        // The certificate holds the places and the kind.
        let check = try ProgramRun.rtedit(
            call + steering.prefix(2) + ["--check", proof])
        #expect(check.exitCode == 0, "\(check.output) \(check.errors)")
        let other = try ProgramRun.rtedit(
            call + steering.prefix(2) + ["--ablate-blocks", "1", "--check", proof])
        #expect(other.exitCode == 2 && other.errorLine.contains("--ablate-blocks"))
        let wrong = try ProgramRun.rtedit(call + steering.dropLast())
        #expect(wrong.exitCode == 1, "\(wrong.output)")
    }

    /// A split output, one over its own source, and a folder: what is left is read from the files that were written.
    @Test func whatIsLeftIsReadFromEveryOutput() throws {
        let model = folder.path("model.gguf")
        let steering = ["--ablate", try vector() + "@2", "--everywhere"]
        for (output, more) in [
            ("split.gguf", ["--shard-size", "1MB"]), ("model.gguf", []),
            ("model.gguf", ["--force"]), ("folder", []), ("patch.rtdelta", []),
        ] {
            let isOwn = more == ["--force"]
            let run = try ProgramRun.rtedit(
                ["bake", isOwn ? model : Samples.tinyModel, folder.path(output)] + steering + more)
            #expect(run.exitCode == 0, "\(output): \(run.errors)")
            #expect(run.output.contains("wrote folder ") == (output == "folder"))
            #expect(run.output.contains("as stored") == (output != "patch.rtdelta"))
        }
    }

    @Test(arguments: ["weights", "columns", "rows", "row-updates"])
    func whatIsNotSteeringSaysSo(variant: String) throws {
        let call = [
            "bake", Samples.tinyModel, folder.path("edited.gguf"), "--ablate", try vector() + "@2",
            "--method", "ablation-" + variant,
        ]
        let run = try ProgramRun.rtedit(call)
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("what 1 weights write along the removed directions"))
        #expect(run.errors.contains("ablation-\(variant) is not steering"))
        let json = try ProgramRun.rtedit(call + ["--force", "--json"])
        #expect(json.output.contains("\"leftover\":[{\"tensor\":\"blk.2.ffn_down.weight\""))
    }

    @Test(arguments: [
        ["--written"], ["--everywhere"], ["--ablate-blocks", "1"],
        ["--ablate", "V", "--everywhere", "--ablate-blocks", "1"],
        ["--ablate", "V", "--ablate-blocks", "99"],
        ["--vector", "V", "--type", "q8_0"],
    ])
    func whatDoesNotGoTogetherIsRefused(words: [String]) throws {
        let path = try vector()
        let given = words.map { $0 == "V" ? path + ":1@2" : $0 }
        let run = try ProgramRun.rtedit(
            ["bake", Samples.tinyModel, folder.path("out.gguf")]
                + (given.contains(path + ":1@2") ? [] : ["--vector", path + ":1@2"]) + given)
        #expect(run.exitCode == 2, "\(run.errors)")
        #expect(given.contains { $0.hasPrefix("--") && run.errorLine.contains($0) })
    }
}
