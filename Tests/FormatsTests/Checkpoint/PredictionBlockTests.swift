import TestSupport
import Testing

@testable import Formats

/// Blocks that predict further tokens go with a model in files of its format, and are no part of it.
@Suite struct PredictionBlockTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The fixture's last block as one that predicts: so a file with such a block looks.
    private func file() throws -> Checkpoint {
        let source = try FamilyFixture("qwen3_5").open()
        return try folder.write(
            source, [.setMetadata(key: "qwen35.nextn_predict_layers", .u32(1))], as: "model.gguf")
    }

    @Test func aFileSaysHowManyOfItsBlocksPredict() throws {
        let numbers = try file().hyperparameters()
        #expect(numbers.blockCount == 3 && numbers.predictionBlocks == 1)
        #expect(numbers.mixers == [.deltaNet])
        let predictors = try file().predictors
        #expect(predictors.count == 11)
        #expect(predictors.allSatisfy { $0.name.hasPrefix("blk.3.") && $0.role == nil })
    }

    @Test func aFileThatIsWrittenHasThemAsTheyAre() throws {
        let source = try file()
        let copy = try folder.write(source, as: "copy.gguf")
        #expect(copy.tensors.map(\.name) == source.tensors.map(\.name))
        for tensor in source.predictors {
            let other = try #require(copy.predictors.first { $0.name == tensor.name })
            #expect(other.hasBytes(of: tensor), "\(tensor.name)")
        }
        #expect(try copy.hyperparameters() == source.hyperparameters())
    }

    @Test func aFolderDoesNotGetThem() throws {
        let source = try file()
        let plan = try OutputPlan(source: source, edits: [], format: .safetensors)
        #expect(plan.notes.contains { $0.contains("11 tensors of blocks that predict") })
        let back = try folder.write(source, as: "back")
        #expect(try back.hyperparameters().blockCount == 3)
        #expect(back.predictors.isEmpty && back.tensors.allSatisfy { $0.role != nil })
    }

    /// As published folders name them: transformers and llama.cpp's `--no-mtp` pass over them.
    @Test func aFoldersOwnAreCarriedAndNoPartOfTheFileMadeOfIt() throws {
        let source = try FamilyFixture("qwen3_5-wrapped").open()
        #expect(source.predictors.count == 15)
        let copy = try folder.write(source, as: "copy")
        for tensor in source.predictors {
            let other = try #require(copy.predictors.first { $0.name == tensor.name })
            #expect(other.hasBytes(of: tensor))
        }
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        #expect(plan.notes.contains { $0.contains("15 tensors of blocks that predict") })
        #expect(try folder.write(source, as: "model.gguf").hyperparameters().predictionBlocks == 0)
    }

    @Test func moreThanThereAreBlocksIsRefused() throws {
        let source = try FamilyFixture("qwen3_5").open()
        let error = #expect(throws: CheckpointError.self) {
            try folder.write(
                source, [.setMetadata(key: "qwen35.nextn_predict_layers", .u32(4))],
                as: "model.gguf"
            ).hyperparameters()
        }
        #expect(error?.description.contains("nextn_predict_layers is 4") ?? false)
    }
}
