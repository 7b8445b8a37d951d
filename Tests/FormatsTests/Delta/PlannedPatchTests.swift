import Formats
import TestSupport
import Testing

/// A plan written as a patch, which applied gives what the plan written as files does.
@Suite struct PlannedPatchTests {
    private let fixture: PatchFixture

    init() throws {
        fixture = try PatchFixture()
    }

    /// The size of the patch, after the comparison with the files.
    private func size(
        of edits: [CheckpointEdit], on source: String, as name: String
    ) throws -> Int {
        let model = try Checkpoint.open(source)
        let plan = try OutputPlan(source: model, edits: edits, format: model.format)
        let patch = fixture.folder.path("planned.rtdelta")
        let summary = try PatchWriter(crew: fixture.crew).write(plan, path: patch, replacing: true)
        let expected = try fixture.write(source, edits, as: name)
        let result = try fixture.apply(patch, to: source, as: "from-" + name)
        #expect(try PatchFixture.isEqual(result, expected))
        #expect(try bytes(ofFile: patch).count == summary.byteCount)
        return summary.byteCount
    }

    private func bias(_ source: String) throws -> CheckpointEdit {
        let width = try Checkpoint.open(source).hyperparameters().hiddenSize
        var numbers = Numbers(seed: 9)
        return .set(
            .block(0, .feedForwardDown, .bias),
            values: (0..<width).map { _ in numbers.normal(1) }, form: .canonical, type: .f32)
    }

    private func update(_ source: String) throws -> CheckpointEdit {
        let shape = try #require(
            try Checkpoint.open(source).tensor(.block(1, .feedForwardDown))?.canonicalShape)
        var numbers = Numbers(seed: 10)
        return .add(
            LowRankUpdate(
                role: .block(1, .feedForwardDown), rank: 1,
                a: (0..<shape[1]).map { _ in numbers.normal(0.1) },
                b: (0..<shape[0]).map { _ in numbers.normal(0.1) }, rows: .same, scale: 0.01),
            type: nil)
    }

    @Test func ofAGGUFFile() throws {
        let model = Samples.tinyModel
        #expect(try size(of: [], on: model, as: "same.gguf") < 2000)
        #expect(try size(of: [bias(model)], on: model, as: "bias.gguf") < 4000)
        _ = try size(of: [update(model)], on: model, as: "update.gguf")
        #expect(try size(of: [.types(.plain(.bf16))], on: model, as: "bf16.gguf") < 4000)
    }

    @Test func ofAFolder() throws {
        let folder = try fixture.write(Samples.tinyModel, as: "model", shardLimit: 200_000)
        #expect(try size(of: [], on: folder, as: "same") < 3000)
        #expect(try size(of: [bias(folder)], on: folder, as: "bias") < 5000)
        _ = try size(of: [update(folder)], on: folder, as: "update")
    }
}
