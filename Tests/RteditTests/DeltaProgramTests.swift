import TestSupport
import Testing

/// `delta` as a user calls it, and the commands that write patches.
@Suite struct DeltaProgramTests {
    private let folder: TemporaryFolder
    private let adapter = Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain.gguf")

    init() throws {
        folder = try TemporaryFolder()
    }

    private func delta(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["delta"] + arguments)
    }

    /// A merged model beside the small one.
    private func merged(_ name: String) throws -> String {
        let path = folder.path(name)
        let run = try ProgramRun.rtedit(["merge", Samples.tinyModel, adapter, path])
        #expect(run.exitCode == 0, "\(run.errors)")
        return path
    }

    @Test func aPatchGivesTheTargetAgain() throws {
        let target = try merged("merged.gguf")
        let patch = folder.path("p.rtdelta")
        let created = try delta("create", Samples.tinyModel, target, patch)
        #expect(created.exitCode == 0 && created.output.contains("p.rtdelta: "))
        let applied = try delta("apply", Samples.tinyModel, patch, folder.path("again.gguf"))
        #expect(applied.exitCode == 0 && applied.output.contains("SHA-256 "))
        #expect(try bytes(ofFile: folder.path("again.gguf")) == bytes(ofFile: target))
        let listing = try delta("inspect", patch)
        #expect(listing.exitCode == 0 && listing.output.contains("planes"))
        let json = try delta("inspect", patch, "--json")
        #expect(json.output.hasPrefix("{\"patch\":") && json.output.contains("\"sha256\":"))
    }

    @Test func threadsDoNotChangeThePatch() throws {
        let target = try merged("merged.gguf")
        let patches = try ["1", "2", "3"].map { threads in
            let path = folder.path(threads)
            let run = try delta("create", Samples.tinyModel, target, path, "--threads", threads)
            #expect(run.exitCode == 0)
            return try bytes(ofFile: path)
        }
        #expect(patches[0] == patches[1] && patches[1] == patches[2])
    }

    @Test func mergeAndConvertWritePatches() throws {
        let patch = folder.path("p.rtdelta")
        let merge = try ProgramRun.rtedit(["merge", Samples.tinyModel, adapter, patch])
        #expect(merge.exitCode == 0, "\(merge.errors)")
        #expect(try delta("apply", Samples.tinyModel, patch, folder.path("a.gguf")).exitCode == 0)
        #expect(try bytes(ofFile: folder.path("a.gguf")) == bytes(ofFile: merged("b.gguf")))
        let kept = try ProgramRun.rtedit(["merge", Samples.tinyModel, adapter, patch])
        #expect(kept.exitCode == 5 && kept.errorLine.contains("--force"))
        let convert = try ProgramRun.rtedit(
            ["convert", Samples.tinyModel, patch, "--type", "f32", "--force"])
        #expect(convert.exitCode == 0, "\(convert.errors)")
        #expect(try bytes(ofFile: patch).count < 4000)
        let shards = try ProgramRun.rtedit(
            ["convert", Samples.tinyModel, patch, "--shard-size", "1MB", "--force"])
        #expect(shards.exitCode == 2 && shards.errorLine.contains("--shard-size"))
    }

    @Test func refusalsAreOneLineAndLeaveNothing() throws {
        let target = try merged("merged.gguf")
        let patch = folder.path("p.rtdelta")
        #expect(try delta("create", Samples.tinyModel, target, patch).exitCode == 0)
        let names = try folder.names()
        let output = folder.path("out")
        let wrong = try delta("apply", target, patch, output)
        #expect(wrong.exitCode == 3 && wrong.errorLine.contains("is not the patch's base: "))
        let noPatch = try delta("apply", Samples.tinyModel, target, output)
        #expect(noPatch.exitCode == 3 && noPatch.errorLine.contains("does not begin with"))
        let exists = try delta("apply", Samples.tinyModel, patch, target)
        #expect(exists.exitCode == 5 && exists.errorLine.contains("--force"))
        let order = try delta("apply", patch, Samples.tinyModel, output)
        #expect(order.exitCode == 2 && order.errorLine.contains("delta apply BASE PATCH OUT"))
        let option = try delta("apply", Samples.tinyModel, patch, "-o", output)
        #expect(
            option.exitCode == 2 && option.errorLine.contains("last word: rtedit delta apply BASE"))
        let own = try delta("apply", target, patch, target)
        #expect(own.exitCode == 5 && own.errorLine.contains("is an input of this call"))
        #expect(try delta("create", Samples.tinyModel, target, patch).exitCode == 5)
        #expect(try delta("create", Samples.tinyModel, target).exitCode == 2)
        #expect(try delta("apply", Samples.tinyModel, patch).exitCode == 2)
        #expect(try delta("inspect", patch, output).exitCode == 2)
        #expect(try delta("undo", patch, output).exitCode == 2)
        #expect(try delta("create", folder.path("none"), target, output).exitCode == 3)
        #expect(try folder.names() == names)
    }
}
