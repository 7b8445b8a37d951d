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

    private func write(
        _ source: Checkpoint, _ edits: [CheckpointEdit] = [], as name: String
    ) throws -> Checkpoint {
        let path = folder.path(name)
        let plan = try OutputPlan(
            source: source, edits: edits, format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 2)).write(
            plan, to: path, replacing: true)
        return try Checkpoint.open(path)
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
        let source = try write(Checkpoint.open(Samples.tinyModel), as: from)
        let edited = try write(source, try widened(source, by: 32), as: to)
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
        ) { try write(source, edits, as: "out.gguf") }
    }

    @Test func membersOfAConfigurationAreSetAndRemoved() throws {
        let source = try write(Checkpoint.open(Samples.tinyModel), as: "source")
        let edits: [CheckpointEdit] = [
            .setMember(key: "note", .string("edited")), .setMember(key: "pad_token_id", nil),
        ]
        for (model, name) in [(source, "one"), (try Checkpoint.open(Samples.tinyModel), "two")] {
            let edited = try write(model, edits, as: name)
            guard case .huggingFace(let files) = edited.source else { return }
            #expect(files.config?["note"] == .string("edited"))
            #expect(files.config?["pad_token_id"] == nil)
        }
    }

    @Test func whatAnOutputDoesNotHaveIsRefused() throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        #expect(
            throws: CheckpointError.cannotExpress(
                fact: "metadata 'general.name' is edited, but only a GGUF file has metadata")
        ) { try write(source, [.setMetadata(key: "general.name", nil)], as: "out") }
        #expect(
            throws: CheckpointError.cannotExpress(
                fact: "'note' of config.json is edited, which a GGUF file has not")
        ) { try write(source, [.setMember(key: "note", nil)], as: "out.gguf") }
    }
}
