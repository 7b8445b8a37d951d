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

    /// The fixture's last block is not like one that predicts.
    @Test func aFolderDoesNotGetBlocksThatLackAWeight() throws {
        let source = try file()
        let plan = try OutputPlan(source: source, edits: [], format: .safetensors)
        #expect(
            plan.notes.contains {
                $0.contains("11 tensors of blocks that predict")
                    && $0.contains("there is no 'blk.3.nextn.enorm.weight'")
            })
        let back = try folder.write(source, as: "back")
        #expect(try back.hyperparameters().blockCount == 3)
        #expect(try back.hyperparameters().predictionBlocks == 0)
        #expect(back.predictors.isEmpty && back.tensors.allSatisfy { $0.role != nil })
    }

    /// Names and places as llama.cpp's converter gives them; the fixture of conversions has the bytes.
    @Test func aFileMadeOfAFolderHasThemAfterTheModelsBlocks() throws {
        let source = try FamilyFixture("qwen3_5-wrapped").open()
        #expect(source.predictors.count == 15)
        #expect(try source.hyperparameters().predictionBlocks == 1)
        let file = try folder.write(source, as: "model.gguf")
        #expect(try file.hyperparameters().predictionBlocks == 1)
        #expect(try file.hyperparameters().blockCount == source.hyperparameters().blockCount)
        #expect(file.predictors.count == 15)
        #expect(file.predictors.allSatisfy { $0.name.hasPrefix("blk.3.") && $0.role == nil })
        let tensors = file.predictors.filter { $0.name.contains(".nextn.") }
        #expect(
            Set(tensors.map(\.name)) == [
                "blk.3.nextn.eh_proj.weight", "blk.3.nextn.enorm.weight",
                "blk.3.nextn.hnorm.weight", "blk.3.nextn.shared_head_norm.weight",
            ])
        try file.validate()
    }

    @Test func aFolderMadeOfAFileHasThemUnderTheirNames() throws {
        let source = try FamilyFixture("qwen3_5-wrapped").open()
        let back = try folder.write(try folder.write(source, as: "model.gguf"), as: "back")
        #expect(back.config?["mtp_num_hidden_layers"] == .integer(1))
        #expect(try back.hyperparameters() == source.hyperparameters())
        #expect(Set(back.predictors.map(\.name)) == Set(source.predictors.map(\.name)))
        for tensor in source.predictors {
            let other = try #require(back.predictors.first { $0.name == tensor.name })
            guard tensor.name.hasSuffix("norm.weight") || tensor.name.contains("norm_") else {
                #expect(other.hasBytes(of: tensor), "\(tensor.name)")
                continue
            }
            // A file has norms with 1 added.
            for (own, value) in zip(try tensor.storedValues(), try other.storedValues()) {
                #expect((own + 1) - 1 == value, "\(tensor.name)")
            }
        }
    }

    @Test func aComparisonHoldsThemAgainstEachOther() throws {
        let source = try FamilyFixture("qwen3_5-wrapped").open()
        let file = try folder.write(source, as: "model.gguf")
        let pairing = try TensorPairing(source, file)
        let pairs = pairing.matches.filter { $0.weight.a?.name.hasPrefix("mtp.") ?? false }
        #expect(pairs.count == 15)
        #expect(pairs.allSatisfy { $0.weight.b?.name.hasPrefix("blk.3.") ?? false })
        #expect(pairs.allSatisfy { $0.values.pair != nil })
    }

    @Test(arguments: [
        ("mtp.norm.weight", "mtp.other.weight", "no place for 'mtp.other.weight'"),
        ("mtp.fc.weight", nil, "there is no 'mtp.fc.weight'"),
        ("mtp.layers.0.mlp.up_proj.weight", nil, "no 'mtp.layers.0.mlp.up_proj.weight'"),
        (
            "mtp.layers.0.mlp.up_proj.weight", "mtp.layers.1.mlp.up_proj.weight",
            "'mtp.layers.1.mlp.up_proj.weight' is of another"
        ),
        (
            "mtp.layers.0.mlp.up_proj.weight", "mtp.layers.0.mlp.down_proj.bias",
            "no place for 'mtp.layers.0.mlp.down_proj.bias'"
        ),
        (
            "mtp.layers.0.mlp.up_proj.weight", "mtp.layers.99999999999999999999.mlp.up_proj.weight",
            "no place for 'mtp.layers.99999999999999999999.mlp.up_proj.weight'"
        ),
    ])
    func whatLlamaCppDoesNotLoadIsLeftOutAndTold(
        _ name: String, _ other: String?, _ reason: String
    ) throws {
        let source = try FamilyFixture("qwen3_5-wrapped", in: folder, config: [:]) { tensors in
            tensors.compactMap { tensor in
                let own = tensor.description
                guard own.name == name else { return (own, tensor.bytes) }
                return other.map {
                    (TensorDescription(name: $0, type: own.type, shape: own.shape), tensor.bytes)
                }
            }
        }.open()
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        #expect(
            plan.notes.contains { $0.contains("left out are") && $0.contains(reason) },
            "\(plan.notes)")
        let file = try folder.write(source, as: "model.gguf")
        #expect(try file.hyperparameters().predictionBlocks == 0)
        #expect(try source.hyperparameters().predictionBlocks == 0)
        #expect(file.predictors.isEmpty)
        try file.validate()
    }

    @Test func aShapeThatIsNotTheModelsIsLeftOutAndTold() throws {
        let source = try FamilyFixture("qwen3_5-wrapped", in: folder, config: [:]) { tensors in
            tensors.map { tensor in
                let own = tensor.description
                guard own.name == "mtp.fc.weight" else { return (own, tensor.bytes) }
                let turned = TensorDescription(name: own.name, type: own.type, shape: [48, 24])
                return (turned, tensor.bytes)
            }
        }.open()
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        #expect(plan.notes.contains { $0.contains("'mtp.fc.weight' has the shape [48, 24]") })
    }

    @Test func aFolderThatNamesBlocksItHasNotMakesAFileWithoutThem() throws {
        let source = try FamilyFixture("qwen3_5-wrapped", in: folder, config: [:]) { tensors in
            tensors.filter { !$0.description.name.hasPrefix("mtp.") }
                .map { ($0.description, $0.bytes) }
        }.open()
        #expect(try source.hyperparameters().predictionBlocks == 0)
        #expect(try folder.write(source, as: "model.gguf").hyperparameters().predictionBlocks == 0)
    }

    @Test func aFoldersOwnAreCarriedAsTheyAre() throws {
        let source = try FamilyFixture("qwen3_5-wrapped").open()
        let copy = try folder.write(source, as: "copy")
        for tensor in source.predictors {
            let other = try #require(copy.predictors.first { $0.name == tensor.name })
            #expect(other.hasBytes(of: tensor))
        }
    }

    /// As transformers 5 holds the experts of the model's own blocks; published folders have them of such blocks as well.
    @Test(arguments: [FolderNames.own, FolderNames.optional("model.")])
    func expertsInOneTensorAreTakenApart(_ names: FolderNames) throws {
        let family = Architecture(
            name: "mixture", huggingFaceModelType: "mixture", huggingFaceClass: "Mixture",
            weights: ModelNames().model(
                blocks: BlockNames().experts(
                    "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj")),
            folderNames: names, prediction: .qwen(NormRule()))
        let path = try folder.write([UInt8](repeating: 0, count: 192), as: "bytes")
        let tensor = StoredTensor(
            description: TensorDescription(
                name: "mtp.layers.0.mlp.experts.gate_up_proj", type: .f32, shape: [2, 6, 4]),
            bytes: try MappedFile(path: path).bytes)
        let parts = family.separated(.plain(tensor)).map { WeightTensor($0) }
        #expect(
            parts.map(\.name)
                == [0, 1].flatMap { expert in
                    ["gate", "up"].map { "mtp.layers.0.mlp.experts.\(expert).\($0)_proj.weight" }
                })
        #expect(parts.allSatisfy { $0.shape == [3, 4] })
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
