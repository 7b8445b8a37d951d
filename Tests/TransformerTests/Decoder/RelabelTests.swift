import Formats
import Foundation
import TestSupport
import Testing

@testable import Transformer

/// An edit that makes a model one of another family: names, order of rows and keys are the other family's, and it
/// computes the same.
@Suite struct RelabelTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func logits(_ checkpoint: Checkpoint) throws -> [Float] {
        let decoder = try Decoder(checkpoint: checkpoint, crew: WorkCrew(threads: 2))
        let tokens = try FamilyReference("qwen2").tokens(1)
        return try #require(try Trace(of: tokens, in: decoder)["logits"]).values
    }

    private func llama(_ source: Checkpoint) throws -> CheckpointEdit {
        .model(.llama, try source.hyperparameters())
    }

    @Test(arguments: ["folder", "model.gguf"], ["out", "out.gguf"])
    func aQwenBecomesALlamaThatComputesTheSame(from: String, to: String) throws {
        let original = try Checkpoint.open(Families.folder("qwen2"))
        let source =
            from == "folder" ? original : try folder.write(original, [], as: from)
        let edited = try folder.write(source, [try llama(source)], as: to)
        #expect(edited.architecture?.huggingFaceModelType == "llama")
        #expect(edited.architectureName == "llama")
        let numbers = try edited.hyperparameters()
        #expect(try numbers == source.hyperparameters())
        // Biases are there, in the order of the rows.
        let bias = WeightRole.block(1, .attentionQuery, .bias)
        #expect(edited.tensor(bias) != nil)
        if to == "out.gguf" {
            let own = try #require(original.tensor(bias)).values()
            let order = RowOrder.interleavingHeads(headSize: numbers.headSize)
            let expected = own.indices.map { own[order.source(of: $0)] }
            #expect(try #require(edited.tensor(bias)).values() == expected)
        }
        let difference = relativeDifference(try logits(edited), try logits(original))
        #expect(difference <= 1e-6, "\(difference)")
        if case .gguf(let gguf) = edited.source {
            #expect(!gguf.metadata.entries.contains { $0.key.hasPrefix("qwen2.") })
        }
        // The way back gives the source's tensors; a folder's flag made biases that a Qwen does not have.
        guard to == "out.gguf" else {
            #expect(throws: CheckpointError.self) {
                try folder.write(edited, [.model(.qwen2, numbers)], as: "back")
            }
            return
        }
        let back = try folder.write(
            edited, [.model(.qwen2, numbers)], as: from == "folder" ? "back" : "back.gguf")
        for tensor in source.tensors {
            let found = try #require(back.tensors.first { $0.name == tensor.name })
            #expect(try found.values() == tensor.values(), "\(tensor.name)")
        }
    }

    /// A Llama of wider rows, made a Qwen with biases and a Llama again, in quantised blocks.
    @Test(arguments: [ElementType.q4_1, .q8_0])
    func quantisedRowsMoveWithTheirBlocks(type: ElementType) throws {
        let types = TypePolicy.keeping(except: "attn_[qk].weight$", as: type)
        let llama = try folder.write(
            Checkpoint.open(Samples.tinyModel), [.types(types)], as: "llama.gguf")
        let numbers = try llama.hyperparameters()
        var random = SeededGenerator(state: 7)
        let biases = (0..<numbers.blockCount).flatMap { block in
            [BlockSlot.attentionQuery, .attentionKey, .attentionValue].map { slot in
                let heads =
                    slot == .attentionQuery ? numbers.headCount : numbers.keyValueHeadCount
                return CheckpointEdit.set(
                    .block(block, slot, .bias),
                    values: (0..<heads * numbers.headSize).map { _ in
                        Float.random(in: -1...1, using: &random)
                    }, form: .canonical, type: .f32)
            }
        }
        let biased = try folder.write(llama, biases, as: "biased.gguf")
        let qwen = try folder.write(llama, biases + [.model(.qwen2, numbers)], as: "qwen.gguf")
        #expect(qwen.architectureName == "qwen2")
        let back = try folder.write(qwen, [.model(.llama, numbers)], as: "back.gguf")
        let order = RowOrder.splittingHeads(headSize: numbers.headSize)
        for slot in [BlockSlot.attentionQuery, .attentionKey] {
            let role = WeightRole.block(1, slot)
            let own = try #require(biased.tensor(role))
            let moved = try #require(qwen.tensor(role))
            #expect(own.type == type)
            #expect(moved.type == type)
            let (old, new) = (
                own.bytes.withUnsafeBytes { Array($0) }, moved.bytes.withUnsafeBytes { Array($0) }
            )
            let size = old.count / own.shape[0]
            for row in 0..<own.shape[0] {
                let from = order.source(of: row) * size
                #expect(
                    Array(new[(row * size)..<(row * size + size)])
                        == Array(old[from..<(from + size)]))
            }
        }
        for tensor in biased.tensors {
            let found = try #require(back.tensors.first { $0.name == tensor.name })
            #expect(found.hasBytes(of: tensor), "\(tensor.name)")
        }
        func logits(_ model: Checkpoint) throws -> [Float] {
            let decoder = try Decoder(checkpoint: model, crew: WorkCrew(threads: 2))
            return try #require(try Trace(of: [1, 5, 9, 2], in: decoder)["logits"]).values
        }
        let (expected, found) = (try logits(biased), try logits(qwen))
        #expect(relativeDifference(found, expected) <= 1e-6)
    }
}
