import Foundation
import TestSupport
import Testing

@testable import Formats

/// Edits hold the values a model computes with, whatever a file stores in their place: a transpose, what is added to
/// 1, rows in another order, one expert of a stack.
@Suite struct FamilyEditTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A fixture with edits, in its own layout.
    private func folder(_ source: Checkpoint, _ edits: [CheckpointEdit]) throws -> Checkpoint {
        let path = folder.path("edited")
        let plan = try OutputPlan(source: source, edits: edits, format: .safetensors)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 2)).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    /// What a GGUF output holds of a role: the planned content as f32, without a file.
    private func gguf(
        _ source: Checkpoint, _ edits: [CheckpointEdit], _ role: WeightRole
    ) throws -> [Float] {
        let numbers = try source.hyperparameters()
        let planner = TensorPlanner(
            source: source, changes: try EditList(edits + [.types(.plain(.f32))]),
            format: .gguf)
        let tensor =
            if let experts = numbers.experts, role.slot.isOfExperts {
                try planner.stack(
                    named: "stack",
                    from: (0..<experts.count).map {
                        try #require(source.tensor(WeightRole(role.slot, expert: $0)))
                    })
            } else {
                try planner.tensor(
                    named: "tensor", from: try #require(source.tensor(role)))
            }
        let count = try #require(tensor.description.elementCount)
        // In two parts that begin inside a matrix.
        let rows = count * 4 / tensor.rowBytes
        let middle = max(0, rows / 2 - 1)
        let bytes =
            try tensor.bytes(rows: 0..<middle).bytes + tensor.bytes(rows: middle..<rows).bytes
        return bytes.withUnsafeBytes { bytes in
            (0..<count).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    private func numbered(_ count: Int) -> [Float] { (0..<count).map { Float($0) / 4 } }

    private func transpose(_ values: [Float], rows: Int, columns: Int) -> [Float] {
        (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
    }

    /// Values that no tensor of the output would hold, or two: neither is lost in silence.
    @Test(arguments: [FileFormat.gguf, .safetensors])
    func valuesOfAllExpertsAtOnceAreRefusedWhereTheyStandOneByOne(format: FileFormat) throws {
        let source = try FamilyFixture("mixtral").open()
        let slot = WeightRole.Slot.block(0, .expertDown)
        let experts = try #require(try source.hyperparameters().experts).count
        let matrix = try #require(source.tensor(WeightRole(slot, expert: 0))).canonicalShape
        let values = numbered(experts * matrix[0] * matrix[1])
        #expect(throws: CheckpointError.self) {
            try OutputPlan(
                source: source,
                edits: [.set(WeightRole(slot), values: values, form: .canonical, type: .f32)],
                format: format)
        }
    }

    @Test func anEditOfWhatTheOtherFormatHasNotIsRefused() throws {
        let path = folder.path("longrope.gguf")
        let plan = try OutputPlan(
            source: try FamilyFixture("phi3").open(), edits: [], format: .gguf)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 2)).write(plan, to: path, replacing: true)
        let source = try Checkpoint.open(path)
        let role = WeightRole(.ropeFactorsLong)
        let count = try #require(source.tensor(role)).shape[0]
        let edit = CheckpointEdit.set(
            role, values: numbered(count), form: .canonical, type: .f32)
        let refusal = CheckpointError.cannotExpress(
            fact: "\(role) is edited, but the output has no tensor for it")
        #expect(throws: refusal) {
            try OutputPlan(source: source, edits: [edit], format: .safetensors)
        }
        _ = try OutputPlan(source: source, edits: [edit], format: .gguf)
    }

    @Test func aMatrixOfGPT2IsSetByItsOutputsRows() throws {
        let role = WeightRole.block(0, .feedForwardUp)
        let source = try FamilyFixture("gpt2").open()
        let tensor = try #require(source.tensor(role))
        #expect(tensor.form.isTransposed)
        let shape = tensor.canonicalShape
        let values = numbered(shape[0] * shape[1])
        let edits = [CheckpointEdit.set(role, values: values, form: .canonical, type: .f32)]
        let written = try #require(try folder(source, edits).tensor(role))
        #expect(written.shape == tensor.shape)
        #expect(
            try written.values() == transpose(values, rows: shape[0], columns: shape[1]))
        #expect(try gguf(source, edits, role) == values)
    }

    @Test func anUpdateOfGPT2IsTheSameInBothFormats() throws {
        let role = WeightRole.block(1, .attentionQueryKeyValue)
        let source = try FamilyFixture("gpt2").open()
        let shape = try #require(source.tensor(role)).canonicalShape
        let update = LowRankUpdate(
            role: role, rank: 2, a: numbered(2 * shape[1]), b: numbered(2 * shape[0]), rows: .same,
            scale: 0.5)
        let edits = [CheckpointEdit.add(update, type: nil)]
        let hub = try #require(try folder(source, edits).tensor(role)).values()
        let file = try gguf(source, edits, role)
        #expect(transpose(file, rows: shape[0], columns: shape[1]) == hub)
        #expect(try gguf(source, [], role) != file)
    }

    @Test func aNormOfGemmaIsSetAsItActs() throws {
        let role = WeightRole.block(0, .feedForwardNorm)
        let source = try FamilyFixture("gemma2").open()
        let tensor = try #require(source.tensor(role))
        #expect(tensor.form.shift == 1)
        let values = numbered(tensor.shape[0])
        let edits = [CheckpointEdit.set(role, values: values, form: .canonical, type: .f32)]
        let written = try #require(try folder(source, edits).tensor(role))
        #expect(try written.values() == values)
        let stored = try written.storedValues()
        #expect(stored == values.map { $0 - 1 })
        #expect(try gguf(source, edits, role) == values)
        #expect(try gguf(source, [], role) == tensor.values())
    }

    @Test func rowsOfAnInterleavedMatrixAreSortedByPart() throws {
        let role = WeightRole.block(0, .attentionQueryKeyValue)
        let source = try FamilyFixture("gpt_neox").open()
        let numbers = try source.hyperparameters()
        let (heads, size, width) = (numbers.headCount, numbers.headSize, numbers.hiddenSize)
        let found = try gguf(source, [], role)
        let stored = try #require(source.tensor(role)).values()
        for part in 0..<3 {
            for head in 0..<heads {
                for place in 0..<size {
                    let own = ((part * heads + head) * size + place) * width
                    let hub = ((head * 3 + part) * size + place) * width
                    #expect(found[own..<(own + width)] == stored[hub..<(hub + width)])
                }
            }
        }
    }

    @Test(arguments: ["mixtral", "qwen3_moe"])
    func oneExpertIsEditedInTheStack(family: String) throws {
        let source = try FamilyFixture(family).open()
        let role = WeightRole(.block(1, .expertDown), expert: 2)
        let tensor = try #require(source.tensor(role))
        #expect(source.tensor(.block(1, .expertDown)) == nil)
        let count = tensor.shape[0] * tensor.shape[1]
        let plain = try gguf(source, [], .block(1, .expertDown))
        let edit = CheckpointEdit.set(role, values: numbered(count), form: .canonical, type: .f32)
        let edited = try gguf(source, [edit], .block(1, .expertDown))
        #expect(Array(edited[(2 * count)..<(3 * count)]) == numbered(count))
        #expect(edited.prefix(2 * count) == plain.prefix(2 * count))
        #expect(edited.dropFirst(3 * count) == plain.dropFirst(3 * count))
        #expect(try Array(plain[(2 * count)..<(3 * count)]) == tensor.values())
    }
}
