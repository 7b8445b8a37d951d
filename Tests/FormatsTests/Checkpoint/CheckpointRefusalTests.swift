import Foundation
import TestSupport
import Testing

@testable import Formats

/// Well-formed files that are no model rtedit can use.
@Suite struct CheckpointRefusalTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The tiny model's file with changed metadata or tensors.
    private func variant(
        _ name: String, metadata: (inout GGUFMetadata) -> Void = { _ in },
        tensors: ([TensorDescription]) -> [TensorDescription] = { $0 }
    ) throws -> String {
        let file = try GGUFFile.open(Samples.tinyModel)
        var changed = file.metadata
        metadata(&changed)
        let header = try GGUFHeader(
            path: name, metadata: changed, tensors: tensors(file.tensors.map(\.description)))
        var bytes = header.bytes
        bytes += [UInt8](repeating: 0, count: header.fileSize - bytes.count)
        return try folder.write(bytes, as: name)
    }

    private func refusal(_ path: String) -> (any Failure)? {
        do {
            _ = try Checkpoint.open(path).hyperparameters()
            return nil
        } catch {
            return error as? any Failure
        }
    }

    @Test func unknownArchitecturesAreNamed() throws {
        let path = try variant("other.gguf") {
            $0["general.architecture"] = .string(ByteString("quux"))
        }
        let failure = try #require(refusal(path))
        #expect(failure.kind == .unsupported)
        #expect(failure.description.contains("'quux'") && failure.description.contains("llama"))
    }

    @Test(arguments: [
        "llama.block_count", "llama.embedding_length", "llama.attention.head_count",
        "llama.context_length", "llama.feed_forward_length",
        "llama.attention.layer_norm_rms_epsilon",
    ])
    func missingKeysAreNamed(key: String) throws {
        let failure = try #require(refusal(try variant("missing.gguf") { $0[key] = nil }))
        #expect(failure.kind == .input)
        #expect(failure.description.contains("'\(key)'"))
    }

    @Test(arguments: [
        ("llama.block_count", GGUFValue.u32(0)), ("llama.block_count", .u32(3)),
        ("llama.block_count", .u32(UInt32.max)), ("llama.block_count", .u64(UInt64.max)),
        ("llama.block_count", .string(ByteString("six"))), ("llama.embedding_length", .u32(1)),
        ("llama.attention.head_count", .u32(0)), ("llama.attention.head_count_kv", .u32(3)),
        ("llama.attention.head_count_kv", .u32(0)),
        ("llama.attention.layer_norm_rms_epsilon", .f32(.nan)),
        ("llama.rope.freq_base", .f32(-1)), ("llama.rope.dimension_count", .u32(7)),
        ("llama.feed_forward_length", .i64(-4)), ("llama.context_length", .u64(1 << 40)),
    ])
    func numbersThatCannotBeAreRefused(key: String, value: GGUFValue) throws {
        let failure = try #require(refusal(try variant("wrong.gguf") { $0[key] = value }))
        #expect(failure.kind == .input)
        #expect(!failure.description.contains("\n"))
    }

    @Test func aMissingTensorIsNamed() throws {
        let path = try variant(
            "fewer.gguf", tensors: { $0.filter { $0.name != "blk.2.ffn_up.weight" } })
        #expect(
            refusal(path) as? CheckpointError
                == .missingTensor(file: path, name: "blk.2.ffn_up.weight"))
    }

    @Test func aShapeThatContradictsTheNumbersIsRefusedWithBoth() throws {
        let path = try variant(
            "shape.gguf",
            tensors: { tensors in
                tensors.map { tensor in
                    tensor.name == "blk.0.attn_norm.weight"
                        ? TensorDescription(name: tensor.name, type: tensor.type, shape: [64])
                        : tensor
                }
            })
        let failure = try #require(refusal(path))
        #expect(failure.description.contains("[64]"))
        #expect(failure.description.contains("blk.0.attn_norm.weight"))
    }

    @Test func expertsThatTheTensorsDoNotHaveAreRefused() throws {
        let path = try variant("mixture.gguf") {
            $0["llama.expert_count"] = .u32(8)
            $0["llama.expert_used_count"] = .u32(2)
        }
        #expect(
            refusal(path) as? CheckpointError
                == .missingTensor(file: path, name: "blk.0.ffn_gate_inp.weight"))
    }

    @Test(arguments: ["longrope", "su", ""])
    func unknownRopeScalingIsRefused(kind: String) throws {
        let path = try variant("rope.gguf") {
            $0["llama.rope.scaling.type"] = .string(ByteString(kind))
        }
        #expect(try #require(refusal(path)).kind == .unsupported)
    }

    @Test func otherThingsAreNoModels() throws {
        let text = try folder.write(Array("hello".utf8), as: "notes.txt")
        #expect(throws: CheckpointError.self) { try Checkpoint.open(text) }
        #expect(throws: FileError.self) { try Checkpoint.open(folder.path("nowhere")) }
        #expect(throws: CheckpointError.self) { try Checkpoint.open(folder.path) }
        let empty = try folder.write([], as: "empty.gguf")
        #expect(throws: CheckpointError.self) { try Checkpoint.open(empty) }
    }
}
