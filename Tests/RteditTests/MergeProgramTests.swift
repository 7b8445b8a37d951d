import Foundation
import TestSupport
import Testing

/// `merge` as a user calls it: the built program on the small checkpoint and adapters made by peft and llama.cpp.
@Suite struct MergeProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func merge(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["merge", Samples.tinyModel] + arguments + ["--no-note"])
    }

    private let peft = Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain")
    private let lora = Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain.gguf")

    @Test func bothKindsOfAdapterGiveTheSameModel() throws {
        for (adapter, name) in [(peft, "a.gguf"), (lora, "b.gguf")] {
            let run = try merge(adapter, folder.path(name))
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(run.output.contains("56 tensors, 53 of them copied byte for byte"))
        }
        let merged = try bytes(ofFile: folder.path("a.gguf"))
        #expect(try merged == bytes(ofFile: folder.path("b.gguf")))
        #expect(try merged != bytes(ofFile: Samples.tinyModel))
        let threads = try merge(peft, folder.path("c.gguf"), "--threads", "1")
        #expect(threads.exitCode == 0)
        #expect(try merged == bytes(ofFile: folder.path("c.gguf")))
    }

    @Test func aStrengthOfZeroGivesTheBase() throws {
        #expect(try merge(peft, folder.path("a.gguf"), "--scale", "0").exitCode == 0)
        #expect(try bytes(ofFile: folder.path("a.gguf")) == bytes(ofFile: Samples.tinyModel))
    }

    @Test func mergedTensorsTakeTheTypeAskedFor() throws {
        let path = folder.path("a.gguf")
        #expect(try merge(lora, path, "--type", "q8_0").exitCode == 0)
        let listing = try ProgramRun.rtedit(["inspect", path, "--tensors"])
        #expect(listing.output.contains("q8_0"))
        let generated = try ProgramRun.rtedit(["generate", path, "-p", "The dog", "-n", "4"])
        #expect(generated.exitCode == 0)
    }

    @Test func otherKindsThanLoRAAreMergedIntoTheirBase() throws {
        let base = Families.folder("qwen2")
        let fixtures = Samples.path("../Tests/FormatsTests/Fixtures/Adapters") + "/"
        for kind in ["kind-oft", "kind-dora", "kind-tied-head"] {
            let run = try ProgramRun.rtedit(
                ["merge", base, fixtures + kind, folder.path(kind), "--type", "bf16"])
            #expect(run.exitCode == 0, "\(run.errors)")
            let check = try ProgramRun.rtedit(["inspect", folder.path(kind), "--check"])
            #expect(check.exitCode == 0, "\(check.errors)")
        }
        let shown = try ProgramRun.rtedit(["inspect", fixtures + "kind-lokr"])
        #expect(shown.output.contains("LOKR"))
        #expect(shown.output.contains("model.layers.1.self_attn.q_proj"))
        let prompts = try ProgramRun.rtedit(["merge", base, fixtures + "nowhere", folder.path("x")])
        #expect(prompts.exitCode == 3)
    }

    @Test func aDryRunWritesNothing() throws {
        let run = try merge(peft, folder.path("out"), "--dry-run")
        #expect(run.exitCode == 0)
        #expect(run.output.contains("update of rank 2"))
        #expect(try folder.names() == [])
    }

    @Test func refusalsAreOneLineAndLeaveNothing() throws {
        let output = folder.path("out.gguf")
        let blocks = try merge(peft, output, "--type", "q4_k")
        #expect(blocks.exitCode == 4)
        #expect(blocks.errorLine.contains("no whole number of q4_k blocks of 256"))
        let format = try merge(peft, folder.path("out"), "--type", "q8_0")
        #expect(format.exitCode == 4)
        let type = try merge(peft, output, "--type", "iq2_xs")
        #expect(type.exitCode == 2)
        let stray = try merge(Samples.tinyModel, output)
        #expect(stray.exitCode == 3)
        #expect(stray.errors.split(separator: "\n").count == 1)
        #expect(try folder.names() == [])
    }
}
