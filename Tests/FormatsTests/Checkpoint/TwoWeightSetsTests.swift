import Foundation
import TestSupport
import Testing

@testable import Formats

/// A folder with a shard index beside `model.safetensors`: the single file is the model, as in transformers.
@Suite struct TwoWeightSetsTests {
    private let folder: TemporaryFolder
    private let path: String

    /// The single file's weights, and an index with the same ones negated in one shard.
    init() throws {
        folder = try TemporaryFolder()
        let fixture = try FamilyFixture("llama", in: folder, config: [:])
        path = fixture.path
        let shard = "model-00001-of-00001.safetensors"
        let tensors = try SafetensorsFile(path: path + "/model.safetensors").tensors.map {
            tensor -> StoredBytes in
            (tensor.description, tensor.bytes.withUnsafeBytes { $0.map { $0 ^ 1 } })
        }
        try FamilyFixture.writeWeights(tensors, to: path + "/" + shard)
        let map = JSONObject(tensors.map { JSONObject.Member($0.description.name, .string(shard)) })
        let index = JSONObject([.init("weight_map", .object(map))])
        try Data(JSONWriter().bytes(.object(index))).write(
            to: URL(fileURLWithPath: path + "/model.safetensors.index.json"))
    }

    @Test func theSingleFileIsTakenAndBothAreNamed() throws {
        let model = try Checkpoint.open(path)
        let single = try Checkpoint.open(path + "/model.safetensors")
        let role = WeightRole(.tokenEmbedding)
        #expect(try model.tensor(role)?.values() == single.tensor(role)?.values())
        #expect(model.warnings.count == 1)
        for name in ["model.safetensors", "model.safetensors.index.json"] {
            #expect(model.warnings.first?.contains(name) ?? false)
        }
        #expect(single.warnings.isEmpty)
    }

    @Test func aFileThatIsNamedIsTaken() throws {
        let index = try Checkpoint.open(path + "/model.safetensors.index.json")
        let single = try Checkpoint.open(path)
        let role = WeightRole(.tokenEmbedding)
        #expect(try index.tensor(role)?.values() != single.tensor(role)?.values())
        #expect(index.warnings.isEmpty)
    }

    @Test func anOutputHasOneSetAndReplacesBoth() throws {
        let out = folder.path("out")
        try FileManager.default.copyItem(atPath: path, toPath: out)
        let plan = try OutputPlan(
            source: try Checkpoint.open(path), edits: [], format: .safetensors)
        #expect(plan.notes.contains { $0.contains("model-00001-of-00001.safetensors") })
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(plan, to: out, replacing: true)
        let names = try FileManager.default.contentsOfDirectory(atPath: out)
        #expect(names.contains("model.safetensors"))
        #expect(!names.contains("model.safetensors.index.json"))
        #expect(!names.contains("model-00001-of-00001.safetensors"))
    }
}
