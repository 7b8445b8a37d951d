import Foundation
import TestSupport
import Testing

@testable import Formats

/// A model put in the place of another, and what was said about it.
@Suite struct ReplacedModelTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @discardableResult
    private func write(
        _ source: String, to name: String, shardLimit: Int? = nil, replacing: Bool = true
    ) throws -> CheckpointWriter.Summary {
        let plan = try OutputPlan(
            source: try Checkpoint.open(source), edits: [],
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        return try CheckpointWriter(crew: WorkCrew(threads: 2)).write(
            plan, to: folder.path(name), shardLimit: shardLimit, replacing: replacing)
    }

    private func names(_ name: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path(name)).sorted()
    }

    @Test func filesOfTheOldModelThatTheNewOneLacksGoWithIt() throws {
        try write(Samples.tinyModel, to: "model")
        let own = try names("model")
        let old = [
            "added_tokens.json", "chat_template.jinja", "model-00001-of-00002.safetensors",
            "model.safetensors.index.json", "pytorch_model-00001-of-00002.bin",
            "pytorch_model.bin.index.json", "special_tokens_map.json", "tokenizer.model",
        ]
        for name in old + ["README.md", "notes.json"] {
            _ = try folder.write(Array("{}".utf8), as: "model/" + name)
        }
        mkdir(folder.path("model/additional_chat_templates"), 0o700)
        _ = try folder.write([1], as: "model/additional_chat_templates/tool.jinja")
        let summary = try write(Samples.tinyModel, to: "model")
        #expect(try names("model") == (own + ["README.md", "notes.json"]).sorted())
        #expect(summary.notes.count == 1)
        for name in old + ["additional_chat_templates"] { #expect(summary.notes[0].contains(name)) }
        #expect(try write(Samples.tinyModel, to: "model").notes.isEmpty)
    }

    @Test func aFolderIsWrittenOverItselfWithAllThatBelongsToIt() throws {
        try write(Samples.tinyModel, to: "model")
        for name in ["chat_template.jinja", "vocab.json", "README.md"] {
            _ = try folder.write(Array("{}".utf8), as: "model/" + name)
        }
        mkdir(folder.path("model/additional_chat_templates"), 0o700)
        _ = try folder.write([1], as: "model/additional_chat_templates/tool.jinja")
        let before = try names("model")
        let weights = try bytes(ofFile: folder.path("model/model.safetensors"))
        try write(folder.path("model"), to: "model")
        #expect(try names("model") == before)
        #expect(try bytes(ofFile: folder.path("model/model.safetensors")) == weights)
    }

    @Test func aSplitModelIsReplacedByItselfShardByShardOrAsOneFile() throws {
        try write(Samples.tinyModel, to: "m.gguf", shardLimit: 600_000)
        let shards = try folder.names()
        #expect(shards.count > 2)
        let first = folder.path(shards[0])
        let contents = try shards.map { try bytes(ofFile: folder.path($0)) }
        try write(first, to: "m.gguf", shardLimit: 600_000)
        #expect(try folder.names() == shards)
        #expect(try shards.map { try bytes(ofFile: folder.path($0)) } == contents)
        // One file in the place of the first: the others would belong to no model.
        let summary = try write(first, to: shards[0])
        #expect(try folder.names() == [shards[0]])
        #expect(summary.notes.contains { $0.contains(shards[1]) })
        #expect(try Checkpoint.open(first).tensors.count == 56)
    }

    @Test func anotherSplitOfTheSameNameIsNamed() throws {
        try write(Samples.tinyModel, to: "m.gguf", shardLimit: 600_000)
        let summary = try write(Samples.tinyModel, to: "m.gguf", shardLimit: 900_000)
        #expect(summary.notes.contains { $0.contains("still there") })
    }

    @Test func noShardIsWrittenWhereOneExistsThatMayNotBeReplaced() throws {
        try write(Samples.tinyModel, to: "m.gguf", shardLimit: 600_000)
        let last = try #require(folder.names().last)
        for name in try folder.names() where name != last {
            try FileManager.default.removeItem(atPath: folder.path(name))
        }
        let error = try #require(throws: FileError.self) {
            try write(Samples.tinyModel, to: "m.gguf", shardLimit: 600_000, replacing: false)
        }
        expectOneLine(error, containing: [last, "exists already"])
        #expect(try folder.names() == [last])
    }

    @Test func whatLinksBringFromOutsideTheFolderIsNamed() throws {
        try write(Samples.tinyModel, to: "model")
        let secret = try folder.write(Array("secret".utf8), as: "secret")
        symlink(secret, folder.path("model/chat_template.jinja"))
        symlink("tokenizer.json", folder.path("model/alias.json"))
        let source = try Checkpoint.open(folder.path("model"))
        for format in [FileFormat.gguf, .safetensors] {
            let notes = try OutputPlan(source: source, edits: [], format: format).notes
            #expect(
                notes.contains {
                    $0.contains("chat_template.jinja -> ") && $0.contains(secret)
                        && !$0.contains("alias.json")
                })
        }
        let set = try FileSet(path: folder.path("model"))
        #expect(set.notes.count == 1)
    }

    @Test func whatIsNoFileInAFolderIsLeftOutByName() throws {
        try write(Samples.tinyModel, to: "model")
        mkfifo(folder.path("model/pipe"), 0o600)
        let plan = try OutputPlan(
            source: Checkpoint.open(folder.path("model")), edits: [], format: .safetensors)
        #expect(plan.notes.contains { $0.contains("not copied: pipe") })
        try FileManager.default.removeItem(atPath: folder.path("model/config.json"))
        mkfifo(folder.path("model/config.json"), 0o600)
        #expect(throws: FileError.self) { try Checkpoint.open(folder.path("model")) }
    }

    // MARK: - Announced sizes

    @Test func moreBlocksThanTensorsAreRefusedBeforeAnythingIsMadeForThem() throws {
        try write(Samples.tinyModel, to: "model")
        let path = folder.path("model/config.json")
        var text = String(decoding: try bytes(ofFile: path), as: UTF8.self)
        text.replace(#/"num_hidden_layers": \d+/#, with: #""num_hidden_layers": 16777216"#)
        _ = try folder.write(Array(text.utf8), as: "model/config.json")
        let error = try #require(throws: CheckpointError.self) {
            try Checkpoint.open(folder.path("model")).hyperparameters()
        }
        expectOneLine(error, containing: ["16777216", "56"])
    }

    @Test func anEmptyTensorOfWideRowsTakesNoMemory() throws {
        let header = #"{"a":{"dtype":"F32","shape":[0,140737488355328],"data_offsets":[0,0]}}"#
        let path = try folder.write(safetensorsFile(header), as: "wide.safetensors")
        let check = TensorCheck(try Checkpoint.open(path), crew: WorkCrew(threads: 1))
        #expect(check.findings.isEmpty)
    }
}
