import Foundation
import TestSupport
import Testing

@testable import Formats

@Suite struct ConversionTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
    }

    @discardableResult
    private func write(
        _ source: String, _ edits: [CheckpointEdit] = [], as name: String, threads: Int = 2,
        shardLimit: Int? = nil
    ) throws -> String {
        let path = folder.path(name)
        let plan = try OutputPlan(
            source: try Checkpoint.open(source), edits: edits,
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: WorkCrew(threads: threads)).write(
            plan, to: path, shardLimit: shardLimit, replacing: true)
        return path
    }

    private func tensors(_ path: String) throws -> [String: [UInt8]] {
        Dictionary(
            uniqueKeysWithValues: try Checkpoint.open(path).tensors.map { tensor in
                (tensor.name, tensor.bytes.withUnsafeBytes { Array($0) })
            })
    }

    @Test func aCopyOfAGGUFIsTheSameFile() throws {
        let copy = try write(Samples.tinyModel, as: "copy.gguf")
        #expect(try bytes(ofFile: copy) == bytes(ofFile: Samples.tinyModel))
    }

    @Test func aBiasIsAddedAndNothingElseChanges() throws {
        let numbers = try Checkpoint.open(Samples.tinyModel).hyperparameters()
        let values = (0..<numbers.hiddenSize).map { Float($0) / 7 }
        let edited = try write(
            Samples.tinyModel,
            [
                .set(
                    .block(1, .feedForwardDown, .bias), values: values, form: .canonical, type: .f32
                )
            ],
            as: "edited.gguf")
        var found = try tensors(edited)
        let bias = found.removeValue(forKey: "blk.1.ffn_down.bias")
        let written = values.withUnsafeBytes { Array($0) }
        #expect(bias == written)
        #expect(try found == tensors(Samples.tinyModel))
        let before = try GGUFFile.open(Samples.tinyModel).metadata
        #expect(try GGUFFile.open(edited).metadata == before)
    }

    @Test func metadataIsSetAndRemoved() throws {
        let edited = try write(
            Samples.tinyModel,
            [
                .setMetadata(key: "general.name", .string(ByteString("other"))),
                .setMetadata(key: "general.license", nil),
            ], as: "edited.gguf")
        var expected = try GGUFFile.open(Samples.tinyModel).metadata
        expected["general.name"] = .string(ByteString("other"))
        expected["general.license"] = nil
        #expect(try GGUFFile.open(edited).metadata == expected)
        #expect(try tensors(edited) == tensors(Samples.tinyModel))
    }

    @Test func thereAndBackKeepsEveryTensor() throws {
        let hub = try write(Samples.tinyModel, as: "hub")
        let back = try write(hub, as: "back.gguf")
        #expect(try tensors(back) == tensors(Samples.tinyModel))
        let again = try write(back, as: "again")
        #expect(try tensors(again) == tensors(hub))
        let (left, right) = (try Checkpoint.open(hub), try Checkpoint.open(Samples.tinyModel))
        #expect(try left.hyperparameters() == right.hyperparameters())
        #expect(try left.tokenizer().tokens == right.tokenizer().tokens)
        #expect(try left.tokenizer().chatTemplate == right.tokenizer().chatTemplate)
    }

    @Test func aFlagBringsZerosForEveryProjectionItStandsFor() throws {
        let numbers = try Checkpoint.open(Samples.tinyModel).hyperparameters()
        let values = [Float](repeating: 0.5, count: numbers.hiddenSize)
        let hub = try write(
            Samples.tinyModel,
            [
                .set(
                    .block(0, .feedForwardDown, .bias), values: values, form: .canonical, type: .f32
                )
            ],
            as: "biased")
        let checkpoint = try Checkpoint.open(hub)
        for block in 0..<numbers.blockCount {
            for slot in [BlockSlot.feedForwardGate, .feedForwardUp, .feedForwardDown] {
                let bias = try #require(checkpoint.tensor(.block(block, slot, .bias)))
                let expected: Float = block == 0 && slot == .feedForwardDown ? 0.5 : 0
                #expect(try bias.values().allSatisfy { $0 == expected })
            }
            #expect(checkpoint.tensor(.block(block, .attentionOutput, .bias)) == nil)
        }
        guard case .huggingFace(let files) = checkpoint.source else { throw UnexpectedFormat() }
        #expect(files.config?["mlp_bias"] == .bool(true))
        #expect(files.config?["attention_bias"] == .bool(false))
    }

    @Test func biasesThatTheFlagsDoNotAnnounceAreRefused() throws {
        let numbers = try Checkpoint.open(Samples.tinyModel).hyperparameters()
        let values = [Float](repeating: 0.5, count: numbers.hiddenSize)
        let hub = try write(
            Samples.tinyModel,
            [
                .set(
                    .block(0, .feedForwardDown, .bias), values: values, form: .canonical, type: .f32
                )
            ],
            as: "biased")
        let plain = try write(Samples.tinyModel, as: "plain")
        // Each with the other's flags.
        let (first, second) = (hub + "/config.json", plain + "/config.json")
        let texts = (try bytes(ofFile: first), try bytes(ofFile: second))
        try Data(texts.1).write(to: URL(fileURLWithPath: first))
        try Data(texts.0).write(to: URL(fileURLWithPath: second))
        for path in [hub, plain] {
            #expect(throws: CheckpointError.self) { try Checkpoint.open(path).hyperparameters() }
        }
    }

    @Test func shardsHoldTheSameTensorsAndStayWhenEdited() throws {
        let whole = try write(Samples.tinyModel, as: "whole")
        let sharded = try write(whole, as: "sharded", shardLimit: 500_000)
        let names = try FileManager.default.contentsOfDirectory(atPath: sharded)
        #expect(names.contains("model.safetensors.index.json"))
        #expect(try tensors(sharded) == tensors(whole))
        let edited = try write(sharded, as: "edited")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: edited).sorted() == names.sorted())
        #expect(try tensors(edited) == tensors(whole))
    }

    @Test func aFolderIsEditedInPlaceAndOldShardsGo() throws {
        let whole = try write(Samples.tinyModel, as: "model")
        let before = try tensors(whole)
        try write(whole, as: "model", shardLimit: 500_000)
        let names = try FileManager.default.contentsOfDirectory(atPath: whole)
        #expect(!names.contains("model.safetensors"))
        #expect(try tensors(whole) == before)
    }

    @Test func outputDoesNotDependOnThreads() throws {
        let one = try write(Samples.tinyModel, [.types(.plain(.bf16))], as: "one", threads: 1)
        let two = try write(Samples.tinyModel, [.types(.plain(.bf16))], as: "two", threads: 2)
        #expect(
            try bytes(ofFile: one + "/model.safetensors")
                == bytes(ofFile: two + "/model.safetensors"))
    }

    @Test func aSingleSafetensorsFileCannotHoldFlags() throws {
        let numbers = try Checkpoint.open(Samples.tinyModel).hyperparameters()
        let edit = CheckpointEdit.set(
            .block(0, .feedForwardDown, .bias),
            values: [Float](repeating: 1, count: numbers.hiddenSize),
            form: .canonical, type: .f32)
        #expect(throws: CheckpointError.self) {
            try write(Samples.tinyModel, [edit], as: "alone.safetensors")
        }
        #expect(try folder.names() == [])
    }

    @Test func ropeScalingIsCarriedBothWays() throws {
        let hub = try write(Samples.tinyModel, as: "hub")
        let path = hub + "/config.json"
        guard var config = try JSONReader.parse(try bytes(ofFile: path), source: path).object else {
            throw UnexpectedFormat()
        }
        for (name, scaling) in Self.scalings {
            config["rope_scaling"] = scaling
            try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: path))
            let gguf = try write(hub, as: "\(name).gguf")
            let back = try write(gguf, as: "\(name)-back")
            let expected = try Checkpoint.open(hub).hyperparameters().rope
            #expect(try Checkpoint.open(back).hyperparameters().rope == expected, "\(name)")
        }
    }

    private static let scalings: [(String, JSONValue)] = [
        (
            "linear",
            .object(
                JSONObject([.init("rope_type", .string("linear")), .init("factor", .number(2))]))
        ),
        (
            "yarn",
            .object(
                JSONObject([
                    .init("rope_type", .string("yarn")), .init("factor", .number(4)),
                    .init("original_max_position_embeddings", .integer(256)),
                ]))
        ),
        (
            "llama3",
            .object(
                JSONObject([
                    .init("rope_type", .string("llama3")), .init("factor", .number(8)),
                    .init("low_freq_factor", .number(1)), .init("high_freq_factor", .number(4)),
                    .init("original_max_position_embeddings", .integer(256)),
                ]))
        ),
    ]
}

private struct UnexpectedFormat: Error {}
