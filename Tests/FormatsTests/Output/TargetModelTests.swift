import Foundation
import TestSupport
import Testing

@testable import Formats

/// Edits of what stands beside the tensors: the model's numbers, keys and members.
@Suite struct TargetModelTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// All feed-forward parts wider by as many neurons of zeros.
    private func widened(_ source: Checkpoint, by count: Int) throws -> [CheckpointEdit] {
        var numbers = try source.hyperparameters()
        numbers.feedForwardSize += count
        let zeros = RowSource.values(
            [Float](repeating: 0, count: count * numbers.hiddenSize), .canonical)
        let weights = (0..<numbers.blockCount).flatMap { block -> [CheckpointEdit] in
            [
                .set(.block(block, .feedForwardGate), .above(.present, zeros), type: nil),
                .set(.block(block, .feedForwardUp), .above(.present, zeros), type: nil),
                .set(.block(block, .feedForwardDown), .beside(.present, zeros), type: nil),
            ]
        }
        return weights + [.model(try source.requireArchitecture(), numbers)]
    }

    @Test(arguments: ["folder", "model.gguf"], ["out", "out.gguf"])
    func aWiderModelHasItsNumbersInBothFormats(from: String, to: String) throws {
        let source = try folder.write(Checkpoint.open(Samples.tinyModel), as: from)
        let edited = try folder.write(source, try widened(source, by: 32), as: to)
        #expect(try edited.hyperparameters().feedForwardSize == 384 + 32)
        #expect(edited.tensor(.block(0, .feedForwardDown))?.shape == [128, 416])
        #expect(edited.tensor(.block(0, .feedForwardUp))?.shape == [416, 128])
    }

    @Test func aTensorThatDoesNotFollowTheNumbersIsRefused() throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        let untouched = WeightRole.block(2, .feedForwardUp)
        let edits = try widened(source, by: 32).filter { edit in
            guard case .set(let role, _, type: _) = edit else { return true }
            return role != untouched
        }
        #expect(
            throws: CheckpointError.wrongShape(
                file: source.path, tensor: "blk.2.ffn_up.weight", found: [384, 128],
                expected: [416, 128])
        ) { try folder.write(source, edits, as: "out.gguf") }
    }

    @Test func membersOfAConfigurationAreSetAndRemoved() throws {
        let source = try folder.write(Checkpoint.open(Samples.tinyModel), as: "source")
        let edits: [CheckpointEdit] = [
            .setMember(key: "note", .string("edited")), .setMember(key: "pad_token_id", nil),
        ]
        for (model, name) in [(source, "one"), (try Checkpoint.open(Samples.tinyModel), "two")] {
            let edited = try folder.write(model, edits, as: name)
            guard case .huggingFace(let files) = edited.source else {
                Issue.record("\(name) is no folder")
                continue
            }
            #expect(files.config?["note"] == .string("edited"))
            #expect(files.config?["pad_token_id"] == nil)
        }
    }

    @Test func aMemberOfBareWeightsIsRefused() throws {
        let source = try folder.write(Checkpoint.open(Samples.tinyModel), as: "source")
        let bare = folder.path("bare.safetensors")
        try FileManager.default.copyItem(
            atPath: source.path + "/model.safetensors", toPath: bare)
        #expect(
            throws: CheckpointError.cannotExpress(
                fact: "'note' of config.json is edited, but bare weights have none")
        ) {
            try folder.write(
                Checkpoint.open(bare), [.setMember(key: "note", .bool(true))], as: "out")
        }
    }

    @Test func whatAnOutputDoesNotHaveIsRefused() throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        #expect(
            throws: CheckpointError.cannotExpress(
                fact: "metadata 'general.name' is edited, but only a GGUF file has metadata")
        ) { try folder.write(source, [.setMetadata(key: "general.name", nil)], as: "out") }
        #expect(
            throws: CheckpointError.cannotExpress(
                fact: "'note' of config.json is edited, which a GGUF file has not")
        ) { try folder.write(source, [.setMember(key: "note", nil)], as: "out.gguf") }
    }
}
