import Foundation
import TestSupport
import Testing

@testable import Formats

/// `metadata`, `hash` and `card` through the program.
@Suite struct MetadataProgramTests {
    private let folder: TemporaryFolder
    private let model: String

    init() throws {
        folder = try TemporaryFolder()
        model = folder.path("m.gguf")
        try FileManager.default.copyItem(atPath: Samples.tinyModel, toPath: model)
    }

    private func rtedit(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(arguments)
    }

    private func metadata() throws -> GGUFMetadata { try GGUFFile.open(model).metadata }

    private func tensors(_ path: String) throws -> [[UInt8]] {
        try GGUFFile.open(path).tensors.map { $0.bytes.withUnsafeBytes { Array($0) } }
    }

    @Test func aValueOfTheSameLengthLeavesEverythingElseInPlace() throws {
        let before = try bytes(ofFile: model)
        let run = try rtedit("metadata", model, "--set", "general.name=Tiny Food", "--in-place")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("stay where they are"))
        let after = try bytes(ofFile: model)
        #expect(before.count == after.count)
        #expect(zip(before, after).count { $0 != $1 } == 1)
        #expect(try folder.names() == ["m.gguf"])
    }

    @Test func aLongerOneMovesTheTensorsWhole() throws {
        let before = try tensors(model)
        let text = String(repeating: "x", count: 1000)
        let run = try rtedit(
            "metadata", model, "--set", "general.name=\(text)", "--remove", "general.license",
            "--rename", "general.size_label=my.label", "--set", "my.flag:bool=true", "--in-place")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(try tensors(model) == before)
        let own = try metadata()
        #expect(own["general.name"]?.text == text)
        #expect(own["general.license"] == nil && own["my.flag"] == .bool(true))
        #expect(own.entries.map(\.key).contains("my.label"))
    }

    @Test func keysThatShapeTheModelNeedForce() throws {
        let call = ["metadata", model, "--set", "llama.context_length=64", "--in-place"]
        let refused = try ProgramRun.rtedit(call)
        #expect(refused.exitCode == 2 && refused.errorLine.contains("--force does it"))
        #expect(try ProgramRun.rtedit(call + ["--force"]).exitCode == 0)
        #expect(try metadata()["llama.context_length"] == .u32(64))
    }

    @Test(arguments: [
        (["--set", "a=b"], "--output or --in-place"),
        (["--remove", "x.y", "--in-place"], "has no key"),
        (["--rename", "general.name=general.license", "--in-place"], "has a key"),
        (["--set", "general.file_type=-1", "--in-place"], "is not a whole number"),
        (["--set-file", "a", "--in-place"], "KEY=FILE"), (["--in-place"], "needs --set"),
        (["--key", "general.nam"], "has no key"), (["--set", "a=b", "-o", "folder"], ".gguf"),
        (["--set", "k:u33=5", "--in-place"], "'u33' is no type; types are u8, "),
    ])
    func refusalsAreOneLineAndChangeNothing(more: [String], words: String) throws {
        let run = try ProgramRun.rtedit(["metadata", model] + more)
        #expect(run.exitCode == 2 && run.errorLine.contains(words), "\(run.errors)")
        #expect(try bytes(ofFile: model) == bytes(ofFile: Samples.tinyModel))
    }

    @Test func aTemplateGoesOutAndInAsItIs() throws {
        let shown = try rtedit("metadata", model, "--key", "tokenizer.chat_template")
        #expect(shown.output == (try metadata()["tokenizer.chat_template"]?.text))
        let file = try folder.write(Array("{{ messages[0].content }}\n".utf8), as: "t.jinja")
        #expect(try rtedit("metadata", model, "--chat-template", file, "--in-place").exitCode == 0)
        let text = try rtedit("metadata", model, "--key", "tokenizer.chat_template").output
        #expect(text == "{{ messages[0].content }}\n")
    }

    @Test func foldersHaveMembersAndATemplateFile() throws {
        let (own, other) = (folder.path("hf"), folder.path("hf2"))
        #expect(try rtedit("convert", model, own).exitCode == 0)
        let file = try folder.write(Array("{{ 1 }}".utf8), as: "t.jinja")
        let weights = try bytes(ofFile: own + "/model.safetensors")
        let copied = try rtedit(
            "metadata", own, "--set", "use_cache:json=false", "--chat-template", file, "-o", other)
        #expect(copied.exitCode == 0, "\(copied.errors)")
        #expect(try bytes(ofFile: other + "/model.safetensors") == weights)
        #expect(try bytes(ofFile: other + "/chat_template.jinja") == Array("{{ 1 }}".utf8))
        #expect(try rtedit("metadata", other, "--key", "chat_template").output == "{{ 1 }}")
        #expect(try rtedit("metadata", own, "--set", "hidden_size=3", "--in-place").exitCode == 2)
        #expect(
            try rtedit("metadata", own, "--remove", "chat_template", "--in-place").exitCode == 0)
        #expect(try rtedit("metadata", own, "--key", "chat_template").exitCode == 2)
        // The name is that of cards.
        #expect(try rtedit("metadata", own, "--set", "name=My Model", "--in-place").exitCode == 0)
        #expect(try rtedit("metadata", own, "--key", "name").output == "My Model")
        #expect(try rtedit("card", own).output.contains("\n# My Model\n"))
        #expect(try rtedit("metadata", own, "--remove", "name", "--in-place").exitCode == 0)
        #expect(try rtedit("card", own).output.contains("\n# My Model\n") == false)
        let type = try rtedit("metadata", own, "--set", "x:u8=1", "--in-place")
        #expect(type.exitCode == 2)
    }

    /// A run killed between the two writes leaves the old head beside the file.
    @Test func aHeadHalfReplacedIsRefusedAndPutBack() throws {
        let head = try GGUFShard(path: model).dataOffset
        let old = Array(try bytes(ofFile: model).prefix(head))
        let size = UInt64(try bytes(ofFile: model).count)
        _ = try folder.write(old + le(size), as: ".m.gguf.rtedit-head")
        var torn = try bytes(ofFile: model)
        for index in 8..<200 { torn[index] = 0xAA }
        _ = try folder.write(torn, as: "m.gguf")
        let refused = try rtedit("inspect", model)
        #expect(refused.exitCode == 3 && refused.errorLine.contains("puts the old metadata back"))
        #expect(try rtedit("metadata", model).exitCode == 0)
        #expect(try bytes(ofFile: model) == bytes(ofFile: Samples.tinyModel))
        #expect(try folder.names() == ["m.gguf"])
    }

    // MARK: - Hashes

    @Test func aHashOfWeightsKnowsNoOrderShardsOrMetadata() throws {
        let (split, back) = (folder.path("s.gguf"), folder.path("hf"))
        #expect(try rtedit("convert", model, split, "--shard-size", "1MB").exitCode == 0)
        let first = try #require(try folder.names().first { $0.hasPrefix("s-00001") })
        let whole = try rtedit("hash", model, "--no-files").output
        let parts = try rtedit("hash", folder.path(first), "--no-files").output
        #expect(whole.split(separator: " ")[1] == parts.split(separator: " ")[1])
        #expect(try rtedit("convert", model, back).exitCode == 0)
        #expect(try rtedit("hash", back).output.contains("config.json"))
        let sum = try MappedFile(path: model).sha256()
        #expect(try rtedit("hash", model).output.hasPrefix(sum + "  " + model))
    }

    @Test func listingsAreChecked() throws {
        let run = try rtedit("hash", model, "--tensors")
        let list = try folder.write(Array(run.output.utf8), as: "list")
        #expect(try rtedit("hash", model, "--check", list).exitCode == 0)
        #expect(
            try rtedit("metadata", model, "--set", "general.name=Tiny Food", "--in-place").exitCode
                == 0)
        let changed = try rtedit("hash", model, "--check", list)
        #expect(changed.exitCode == 1 && changed.output.contains("metadata: "))
        #expect(!changed.output.contains("tensor '"))
        let wrong = try folder.write(Array("hello\n".utf8), as: "wrong")
        let malformed = try rtedit("hash", model, "--check", wrong)
        #expect(malformed.exitCode == 3 && malformed.errorLine.contains("line 1"))
    }

    // MARK: - Cards

    @Test func aCardSaysWhatWasDoneAndProven() throws {
        let (vector, baked) = (folder.path("v.gguf"), folder.path("b.gguf"))
        let (proof, card) = (folder.path("c.json"), folder.path("README.md"))
        #expect(
            try rtedit(
                "extract", model, "--pairs", Samples.tinyPairs, "--limit", "8", "-o", vector
            ).exitCode == 0)
        #expect(try rtedit("bake", model, baked, "--vector", vector + ":0.5@1").exitCode == 0)
        #expect(
            try rtedit(
                "verify", model, baked, "--vector", vector + ":0.5@1", "--certificate", proof
            ).exitCode == 0)
        let run = try rtedit(
            "card", baked, "--verify", proof, "--base-model", "me/tiny", "-o", card)
        #expect(run.exitCode == 0, "\(run.errors)")
        let text = String(decoding: try bytes(ofFile: card), as: UTF8.self)
        for part in [
            "license: apache-2.0", "base_model: me/tiny", "# Tiny Mood (edited)",
            "`bake --vector v.gguf:0.5@1`", "**equal**", "llama-server -m b.gguf", "- steering",
        ] { #expect(text.contains(part), "\(part)") }
        let other = try rtedit("card", model, "--verify", proof)
        #expect(other.exitCode == 3 && other.errorLine.contains("certifies another model"))
        #expect(
            try rtedit("metadata", baked, "--set", "general.name=Mine", "--in-place").exitCode == 0)
        let named = try rtedit("card", baked, "--verify", proof)
        #expect(named.errorLine.contains("make it again with 'verify --certificate'"))
        let check = try rtedit(
            "verify", model, baked, "--vector", vector + ":0.5@1", "--check", proof)
        #expect(
            check.exitCode == 1 && check.output.contains("'verify --certificate' makes it again"))
    }

    @Test func aCardHasTheFiguresOfItsOwnModelAlone() throws {
        let other = folder.path("other.gguf")
        #expect(try rtedit("convert", model, other, "--type", "q8_0").exitCode == 0)
        let probe = Samples.path("tiny/probe.jsonl")
        func results(_ words: String...) throws -> String {
            let run = try ProgramRun.rtedit(["eval"] + words + ["--probe", probe, "--json"])
            #expect(run.exitCode == 0, "\(run.errors)")
            return try folder.write(Array(run.output.utf8), as: "eval.json")
        }
        let own = try rtedit("card", model, "--eval", results(model))
        #expect(own.exitCode == 0 && own.output.contains("| forced choices | 20 |"))
        // That the model is an input too, as the one compared with, does not make them its figures.
        for file in [try results(other), try results(other, "--against", model)] {
            let run = try rtedit("card", model, "--eval", file)
            #expect(run.exitCode == 3 && run.errorLine.contains("measured another model"))
        }
        let bare = try rtedit("card", model, "--eval", results(other, "--no-hashes"))
        #expect(bare.exitCode == 0 && bare.errors.contains("is not checked"), "\(bare.errors)")
        let vector = folder.path("v.gguf")
        #expect(
            try rtedit(
                "extract", model, "--pairs", Samples.tinyPairs, "--limit", "8", "-o", vector
            ).exitCode == 0)
        let steered = try rtedit("card", model, "--eval", results(model, "--vector", vector))
        #expect(steered.exitCode == 3 && steered.errorLine.contains("--vector"))
    }
}
