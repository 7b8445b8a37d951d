import Foundation
import TestSupport
import Testing

@testable import Formats

/// What edited files say of themselves, through the program.
@Suite struct NoteProgramTests {
    private let folder: TemporaryFolder
    private let vector: String

    init() throws {
        folder = try TemporaryFolder()
        vector = folder.path("v.gguf")
        let run = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "8", "-o",
            vector,
        ])
        try #require(run.exitCode == 0, "\(run.errors)")
    }

    private func bake(_ base: String, _ output: String, _ more: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["bake", base, output, "--vector", vector + ":0.5@1"] + more)
    }

    private func history(_ path: String) throws -> EditHistory {
        try Checkpoint.open(path).history()
    }

    @Test func everyEditIsAddedToThoseBefore() throws {
        let (once, twice) = (folder.path("a.gguf"), folder.path("b.gguf"))
        #expect(try bake(Samples.tinyModel, once).exitCode == 0)
        #expect(try bake(once, twice, "--name", "Two", "--set", "general.author=Me").exitCode == 0)
        let history = try history(twice)
        #expect(history.name == "Two")
        #expect(history.edits.map(\.command) == ["bake", "bake"])
        #expect(history.edits[0].options == ["--vector v.gguf:0.5@1"])
        #expect(history.edits[0].base.name == "Tiny Mood")
        #expect(history.edits[1].base.name == "Tiny Mood (edited)")
        #expect(try history.edits[1].base.sha256 == MappedFile(path: once).sha256())
        #expect(try history.edits[0].inputs.map(\.sha256) == [MappedFile(path: vector).sha256()])
        #expect(history.description?.hasSuffix("bake --vector v.gguf:0.5@1.") ?? false)
        let author = try GGUFFile.open(twice).metadata["general.author"]?.text
        #expect(author == "Me")
    }

    @Test func conversionsKeepIt() throws {
        let (baked, other, back) = (
            folder.path("a.gguf"), folder.path("hf"), folder.path("b.gguf")
        )
        #expect(try bake(Samples.tinyModel, baked).exitCode == 0)
        let weights = folder.path("w.safetensors")
        for (from, to) in [(baked, other), (other, back), (other, weights)] {
            let run = try ProgramRun.rtedit(["convert", from, to])
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try history(to) == history(baked))
        }
        let diff = try ProgramRun.rtedit(["diff", baked, Samples.tinyModel, "--json"])
        #expect(diff.exitCode == 1)
        #expect(try ProgramRun.rtedit(["diff", baked, back]).exitCode == 0)
    }

    @Test func withoutANoteTheMetadataStays() throws {
        let output = folder.path("a.gguf")
        #expect(try bake(Samples.tinyModel, output, "--no-note").exitCode == 0)
        let (own, base) = (try GGUFFile.open(output), try GGUFFile.open(Samples.tinyModel))
        #expect(own.metadata == base.metadata)
    }

    /// One line each, before anything is written.
    @Test(arguments: [
        ("llama.block_count=3", "changes what the model computes"),
        ("tokenizer.ggml.model=x", "the tokenizer"), ("split.no=1", "cannot be changed"),
        ("x", "is not KEY=VALUE"), ("general.file_type=a", "is not a whole number (u32)"),
        ("general.file_type:string=a", "is of type u32"), ("my.key=5", "my.key:u32=5"),
    ])
    func keysThatCannotBeSetAreRefused(assignment: String, words: String) throws {
        let output = folder.path("a.gguf")
        let run = try bake(Samples.tinyModel, output, "--set", assignment)
        #expect(run.exitCode == 2 && run.errorLine.contains(words), "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: output))
    }

    /// A note that is not rtedit's own ends in a line that names the key; the model itself is as good as any.
    @Test func aMalformedHistoryIsNamed() throws {
        let output = folder.path("a.gguf")
        #expect(
            try bake(Samples.tinyModel, output, "--set", "rtedit.edit.count:u32=7").exitCode == 0)
        let run = try bake(output, folder.path("b.gguf"))
        #expect(run.exitCode == 3 && run.errorLine.contains("'rtedit.edit.1.command'"))
        #expect(run.errorLine.contains("--no-note"))
        #expect(try bake(output, folder.path("b.gguf"), "--no-note").exitCode == 0)
    }
}
