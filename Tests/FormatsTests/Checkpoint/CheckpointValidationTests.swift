import Foundation
import TestSupport
import Testing

@testable import Formats

/// What no command may open as a model, because its numbers are impossible or contradict its tensors.
@Suite struct CheckpointValidationTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The tiny model's file with changed metadata or tensors, its values zero.
    private func variant(
        metadata: (inout GGUFMetadata) -> Void = { _ in },
        tensors: ([TensorDescription]) -> [TensorDescription] = { $0 }
    ) throws -> String {
        let file = try GGUFFile.open(Samples.tinyModel)
        var changed = file.metadata
        metadata(&changed)
        let header = try GGUFHeader(
            path: "variant", metadata: changed, tensors: tensors(file.tensors.map(\.description)))
        let data = [UInt8](repeating: 0, count: header.fileSize - header.bytes.count)
        return try folder.write(header.bytes + data, as: "variant.gguf")
    }

    /// A family's folder with changes of its `config.json`; nil removes a member.
    private func variant(
        of family: String, _ changes: [String: JSONValue?]
    ) throws -> String {
        let path = folder.path(family)
        try FileManager.default.copyItem(atPath: Families.folder(family), toPath: path)
        let file = path + "/config.json"
        guard var config = try JSONReader.parse(MappedFile(path: file).bytes).object else {
            throw CheckpointError.cannotExpress(fact: "no configuration")
        }
        for (key, value) in changes { config[key] = value }
        try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: file))
        return path
    }

    private func refusal(_ path: String) -> (any Failure)? {
        do {
            try Checkpoint.open(path).validate()
            return nil
        } catch {
            return error as? any Failure
        }
    }

    private func text(_ text: String) -> GGUFValue { .string(ByteString(text)) }

    @Test func soundModelsPass() throws {
        #expect(refusal(Samples.tinyModel) == nil)
        for family in Families.all { #expect(refusal(Families.folder(family)) == nil) }
    }

    @Test(arguments: [
        ("llama.block_count", GGUFValue.u32(0)), ("llama.block_count", .u32(5)),
        ("llama.block_count", .u32(7)), ("llama.block_count", .u32(1 << 24)),
        ("llama.block_count", .u64(1 << 32)), ("llama.attention.head_count", .u32(0)),
        ("llama.attention.head_count", .u32(3)), ("llama.attention.head_count_kv", .u32(0)),
        ("llama.attention.head_count_kv", .u32(3)), ("llama.attention.head_count_kv", .u32(4)),
        ("llama.embedding_length", .u32(127)), ("llama.vocab_size", .u32(1000)),
        ("llama.vocab_size", .u32(1025)), ("llama.context_length", .u32(0)),
        ("llama.context_length", .string(ByteString("512"))),
        ("llama.block_count", .string(ByteString("6"))),
        ("llama.rope.scaling.type", .u32(1)), ("general.architecture", .u32(7)),
        ("general.name", .bool(true)), ("tokenizer.ggml.model", .u32(7)),
        ("tokenizer.ggml.bos_token_id", .string(ByteString("1"))),
        ("tokenizer.chat_template", .f32(1)),
        ("general.file_type", .string(ByteString("f16"))),
        ("llama.attention.sliding_window", .string(ByteString("4"))),
    ])
    func numbersThatCannotBeAreRefusedByTheirKey(key: String, value: GGUFValue) throws {
        let failure = try #require(refusal(try variant(metadata: { $0[key] = value })))
        #expect(failure.kind == .input)
        #expect(!failure.description.contains("\n"))
    }

    @Test func aVocabularyMustHaveARowForEachTokenInGGUF() throws {
        for count in [1023, 1025] {
            let path = try variant(metadata: { metadata in
                metadata["llama.vocab_size"] = nil
                var tokens = ByteStringList((0..<count).map { "t\($0)" })
                tokens.reserve(strings: 0, bytes: 0)
                metadata["tokenizer.ggml.tokens"] = .array(.strings(tokens))
            })
            let failure = try #require(refusal(path))
            #expect(failure.kind == .input)
            #expect(failure.description.contains("\(count)"))
            #expect(failure.description.contains("1024"))
        }
    }

    @Test func aVocabularyAloneIsNoContradiction() throws {
        #expect(refusal(try variant(tensors: { _ in [] })) == nil)
    }

    @Test func unknownFamiliesPassUnlessTheirKeysAreOfAnotherKind() throws {
        #expect(
            refusal(try variant(metadata: { $0["general.architecture"] = text("quux") })) == nil)
    }

    @Test func tensorsOfBlocksThatDoNotExistAreRefused() throws {
        let path = try variant(tensors: { tensors in
            tensors + [TensorDescription(name: "blk.6.attn_norm.weight", type: .f32, shape: [128])]
        })
        let failure = try #require(refusal(path))
        #expect(failure.kind == .input)
        #expect(failure.description.contains("6"))
    }

    @Test(arguments: [
        ("llama", "num_attention_heads", JSONValue.integer(0)),
        ("llama", "num_attention_heads", .integer(3)),
        ("gpt2", "n_head", .integer(3)), ("gpt_neox", "num_attention_heads", .integer(3)),
        ("qwen2", "num_key_value_heads", .integer(3)), ("phi3", "num_hidden_layers", .integer(9)),
        ("mistral", "num_hidden_layers", .integer(1)),
        ("mixtral", "num_hidden_layers", .integer(1 << 24)),
        ("mixtral", "num_local_experts", .integer(1 << 24)),
        ("qwen3_moe", "num_experts_per_tok", .integer(0)),
        ("olmo2", "num_hidden_layers", .integer(1 << 32)),
        ("granite", "vocab_size", .integer(7)), ("starcoder2", "hidden_size", .string("64")),
        ("stablelm", "model_type", .integer(3)), ("gemma", "torch_dtype", .integer(3)),
        ("gemma2", "eos_token_id", .string("1")), ("qwen3", "architectures", .string("Qwen3")),
        ("gemma3", "max_position_embeddings", .string("long")),
        ("phi4", "rope\u{7}", .integer(1)),
    ])
    func aConfigurationThatCannotBeIsRefused(
        family: String, key: String, value: JSONValue
    ) throws {
        let path = try variant(of: family, [key: value])
        let failure = try #require(refusal(path))
        #expect(failure.kind == .input)
        #expect(failure.description.hasPrefix(path))
        #expect(!failure.description.contains("\n"))
    }

    @Test func aHeadThatIsNeitherThereNorTiedIsMissing() throws {
        let path = try variant(of: "gemma", ["tie_word_embeddings": .bool(false)])
        #expect(try #require(refusal(path)).description.contains("lm_head.weight"))
    }

    @Test func paddedVocabulariesPassAndTokensWithoutRowsDoNot() throws {
        let path = try variant(of: "llama", [:])
        let rows = try Checkpoint.open(path).hyperparameters().vocabularySize
        func write(tokens count: Int) throws {
            let vocabulary = JSONObject((0..<count).map { .init("t\($0)", .integer($0)) })
            let object = JSONObject([
                .init("model", .object(JSONObject([.init("vocab", .object(vocabulary))])))
            ])
            try Data(JSONWriter().bytes(.object(object)))
                .write(to: URL(fileURLWithPath: path + "/tokenizer.json"))
        }
        try write(tokens: rows - 3)
        #expect(refusal(path) == nil)
        try write(tokens: rows + 1)
        let failure = try #require(refusal(path))
        #expect(failure.description.contains("\(rows + 1)"))
        #expect(failure.description.contains("\(rows) rows"))
    }

    @Test func everyOutputAndComparisonAsksIt() throws {
        let path = try variant(metadata: { $0["llama.block_count"] = .u32(7) })
        let broken = try Checkpoint.open(path)
        let sound = try Checkpoint.open(Samples.tinyModel)
        #expect(throws: CheckpointError.self) {
            try OutputPlan(source: broken, edits: [], format: .gguf)
        }
        let crew = WorkCrew(threads: 1)
        for pair in [(broken, sound), (sound, broken)] {
            #expect(throws: CheckpointError.self) {
                try CheckpointComparison(pair.0, pair.1, crew: crew)
            }
        }
        #expect(throws: CheckpointError.self) {
            try PatchWriter(crew: crew).write(
                from: FileSet(path: Samples.tinyModel), to: FileSet(path: path),
                path: folder.path("p.rtdelta"), replacing: false)
        }
        #expect(try !folder.names().contains("p.rtdelta"))
    }
}
