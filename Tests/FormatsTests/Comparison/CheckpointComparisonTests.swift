import Foundation
import TestSupport
import Testing

@testable import Formats

/// Whole checkpoints against each other: formats, types and edits.
@Suite struct CheckpointComparisonTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func write(_ source: String, _ edits: [CheckpointEdit] = [], as name: String) throws
        -> Checkpoint
    {
        let path = folder.path(name)
        let plan = try OutputPlan(
            source: try Checkpoint.open(source), edits: edits,
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 2)).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    private func compare(
        _ a: Checkpoint, _ b: Checkpoint, threads: Int = 2
    ) throws -> CheckpointComparison {
        try CheckpointComparison(a, b, crew: WorkCrew(threads: threads))
    }

    private func tiny() throws -> Checkpoint { try Checkpoint.open(Samples.tinyModel) }

    // MARK: - Formats

    @Test(arguments: FamilyConversionTests.families)
    func aFolderAndTheFileMadeFromItDifferInWhatIsLostOnly(family: String) throws {
        let source = FamilyFixture(family)
        let hub = try source.open()
        let gguf = try write(source.path, as: "model.gguf")
        let lost = Self.lost[family].map { [$0] } ?? []
        let plan = try OutputPlan(source: hub, edits: [], format: .gguf)
        #expect(plan.notes.filter { $0.contains("no key") }.count == lost.count)
        for (a, b) in [(hub, gguf), (gguf, hub)] {
            let comparison = try compare(a, b)
            #expect(
                comparison.changed.isEmpty,
                "\(comparison.changed.map { "\($0.name) \($0.status)" })")
            #expect(comparison.settings.filter(\.isDifference).map(\.name) == lost)
            let rules = comparison.tokenizer.settings.filter(\.isDifference).map(\.name)
            #expect(rules == Self.otherRules[family] ?? [], "\(rules)")
            #expect(comparison.tokenizer.isDifference == !rules.isEmpty)
            #expect(comparison.isSame == (lost.isEmpty && rules.isEmpty))
        }
    }

    /// Rules of the tokenizer that the file has otherwise: by the name of Phi-3's llama.cpp lets added tokens take spaces,
    /// which those of this folder do not; its converter ends GLM-4's texts at the user's marker too.
    static let otherRules = [
        "phi3": ["rules of added tokens"], "glm4": ["ends of generation"],
    ]

    /// What llama.cpp computes otherwise, which `convert` tells and `verify` finds too.
    static let lost = [
        "mistral": "sliding window", "starcoder2": "sliding window", "phi3": "sliding window",
        "gpt_neox": "activation", "gpt_neox-sequential": "activation",
        "gpt_oss": "rotary scaling",
    ]

    @Test func aFileAndTheFolderMadeFromItAreTheSameModel() throws {
        let comparison = try compare(try tiny(), try write(Samples.tinyModel, as: "hub"))
        #expect(comparison.isSame, "\(comparison.allSettings) \(comparison.changed)")
        #expect(comparison.tensors.contains { $0.status == .identicalValues })
    }

    @Test func aCheckpointIsTheSameAsItself() throws {
        let comparison = try compare(try tiny(), try tiny())
        #expect(comparison.isSame)
        #expect(comparison.tensors.allSatisfy { $0.status == .identicalBytes })
        #expect(comparison.allSettings.isEmpty)
    }

    @Test func bareWeightsAreMatchedByTheOtherCheckpointsFamily() throws {
        let hub = try write(Samples.tinyModel, as: "hub")
        let bare = folder.path("bare")
        try FileManager.default.createDirectory(
            atPath: bare, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: hub.path + "/model.safetensors", toPath: bare + "/model.safetensors")
        let weights = try Checkpoint.open(bare + "/model.safetensors")
        for other in [hub, try tiny()] {
            let comparison = try compare(weights, other)
            #expect(comparison.isSame, "\(comparison.changed.map(\.name))")
            #expect(comparison.tensors.allSatisfy { $0.role != nil })
            #expect(!comparison.notes.isEmpty)
        }
        #expect(try compare(weights, weights).tensors.allSatisfy { $0.role != nil })
    }

    // MARK: - Changes

    @Test func theLargestChangeIsFoundInBothFilesOwnOrder() throws {
        let role = WeightRole.block(2, .attentionKey)
        var values = try #require(tiny().tensor(role)).values()
        let columns = 128
        values[37 * columns + 5] += 3
        values[2 * columns + 7] -= 1
        let form = try tiny().form(of: role).orderOnly
        let hub = try write(
            Samples.tinyModel, [.set(role, values: values, form: form, type: .f16)], as: "hub")
        let comparison = try compare(try tiny(), hub)
        let changed = try #require(comparison.changed.first)
        #expect(comparison.changed.count == 1)
        #expect(changed.role == role)
        #expect(changed.a?.placeOfLargest == [37, 5])
        #expect(changed.sums?.changed == 2)
        // The folder's own order: the element lies where the converter put the row.
        let place = try #require(changed.b?.placeOfLargest)
        let stored = try #require(hub.tensor(role)).values()
        #expect(stored[place[0] * columns + place[1]] == Float(Float16(values[37 * columns + 5])))
        #expect(place[0] != 37)
    }

    @Test func aTransposedMatrixIsComparedAsTheModelUsesIt() throws {
        let role = WeightRole.block(1, .feedForwardUp)
        let source = FamilyFixture("gpt2")
        let weight = try #require(source.open().tensor(role))
        let shape = weight.canonicalShape
        // An edit's values have a row for each output.
        let stored = try weight.values()
        var values = (0..<stored.count).map { index in
            stored[(index % shape[1]) * shape[0] + index / shape[1]]
        }
        values[3 * shape[1] + 2] += 5
        let edited = try write(
            source.path, [.set(role, values: values, form: .canonical, type: weight.type)],
            as: "edited")
        let gguf = try write(source.path, as: "model.gguf")
        let changed = try compare(gguf, edited).changed
        #expect(changed.map(\.role) == [role])
        #expect(changed.first?.a?.placeOfLargest == [3, 2])
        #expect(changed.first?.b?.placeOfLargest == [2, 3])
    }

    @Test func theResultDoesNotDependOnTheNumberOfThreads() throws {
        let role = WeightRole.block(0, .feedForwardDown)
        let values = try #require(tiny().tensor(role)).values().map { $0 * 1.01 }
        let edited = try write(
            Samples.tinyModel, [.set(role, values: values, form: .canonical, type: .q8_0)],
            as: "e.gguf")
        let results = try [1, 2, 5].map { threads in
            try compare(try tiny(), edited, threads: threads).tensors.map(\.sums)
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
    }

    @Test func aBiasOfZerosIsNoDifferenceAndOneOfValuesIs() throws {
        let zero = CheckpointEdit.set(
            .block(1, .feedForwardDown, .bias), values: [Float](repeating: 0, count: 128),
            form: .canonical, type: .f32)
        let one = CheckpointEdit.set(
            .block(2, .feedForwardDown, .bias), values: [Float](repeating: 0.5, count: 128),
            form: .canonical, type: .f32)
        let harmless = try compare(
            try tiny(), try write(Samples.tinyModel, [zero], as: "z.gguf"))
        #expect(harmless.isSame)
        #expect(harmless.tensors.count { $0.isAbsentZero } == 1)
        let changed = try compare(
            try tiny(), try write(Samples.tinyModel, [zero, one], as: "hub"))
        #expect(changed.changed.map(\.role) == [.block(2, .feedForwardDown, .bias)])
        #expect(changed.changed.first?.status == .onlyInB)
        #expect(changed.changed.first?.sums?.changed == 128)
    }

    @Test func anExpertsMatrixIsFoundInTheStackOfAll() throws {
        let source = FamilyFixture("mixtral")
        let role = WeightRole(.block(1, .expertDown), expert: 2)
        let weight = try #require(source.open().tensor(role))
        let edit = CheckpointEdit.set(
            role, values: try weight.values().map { $0 + 1 }, form: .canonical, type: weight.type)
        let edited = try write(source.path, [edit], as: "edited.gguf")
        let comparison = try compare(try source.open(), edited)
        #expect(comparison.changed.map(\.role) == [role])
        // The same between two files that both stack them.
        let gguf = try write(source.path, as: "model.gguf")
        #expect(try compare(gguf, edited).changed.map(\.role) == [role])
    }

    // MARK: - Shapes, types, names

    /// A safetensors file of f32 tensors, given by name and shape, all values the same.
    private func weights(
        _ tensors: [(name: String, shape: [Int], value: Float)], type: String = "F32",
        as name: String
    ) throws -> Checkpoint {
        var header: [String] = []
        var data: [UInt8] = []
        for tensor in tensors {
            let count = tensor.shape.reduce(1, *)
            let bytes = (0..<count).flatMap { _ in le(tensor.value.bitPattern) }
            header.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(type)\",\"shape\":\(tensor.shape),"
                    + "\"data_offsets\":[\(data.count),\(data.count + bytes.count)]}")
            data += bytes
        }
        let text = "{" + header.joined(separator: ",") + "}"
        return try Checkpoint.open(
            try folder.write(safetensorsFile(text) + data, as: name + ".safetensors"))
    }

    @Test func unknownTensorsAreMatchedByNameAndShape() throws {
        let a = try weights(
            [("x", [2, 3], 1), ("y", [4], 1), ("gone", [1], 1), ("wide", [2, 2], 1)], as: "a")
        let b = try weights(
            [("y", [4], 1), ("x", [2, 3], 2), ("new", [1], 1), ("wide", [2, 5], 1)], as: "b")
        let statuses = try compare(a, b).tensors.map { ($0.name, $0.status) }
        #expect(statuses.map(\.0) == ["x", "y", "gone", "wide", "new"])
        #expect(
            statuses.map(\.1) == [.changed, .identicalBytes, .onlyInA, .otherShape, .onlyInB])
    }

    @Test func aMatrixWithMoreRowsIsComparedWhereBothHaveThem() throws {
        let a = try weights([("embedding", [4, 8], 1)], as: "a")
        let b = try weights([("embedding", [6, 8], 1)], as: "b")
        let found = try #require(try compare(a, b).tensors.first)
        #expect(found.status == .otherShape)
        #expect(found.sums?.count == 32)
        #expect(found.sums?.changed == 0)
        #expect(found.isDifference)
    }

    @Test func typesThatCannotBeWidenedAreComparedByTheirBytes() throws {
        let a = try weights([("x", [4], 1)], type: "F32", as: "a")
        let same = try weights([("x", [4], 1)], type: "F32", as: "same")
        #expect(try compare(a, same).tensors.first?.status == .identicalBytes)
        func complex(_ value: Float, _ name: String) throws -> Checkpoint {
            let bytes = (0..<4).flatMap { _ in le(value.bitPattern) }
            let header = "{\"x\":{\"dtype\":\"C64\",\"shape\":[2],\"data_offsets\":[0,16]}}"
            return try Checkpoint.open(
                try folder.write(safetensorsFile(header) + bytes, as: name + ".safetensors"))
        }
        let (one, other) = (try complex(1, "c1"), try complex(2, "c2"))
        #expect(try compare(one, one).tensors.first?.status == .identicalBytes)
        #expect(try compare(one, other).tensors.first?.status == .unreadable)
    }

    @Test func emptyTensorsAreEqual() throws {
        let a = try weights([("none", [0, 4], 1), ("x", [1], 1)], as: "a")
        #expect(try compare(a, a).isSame)
    }
}
