import Foundation
import TestSupport
import Testing

@testable import Formats

/// Folders whose experts lie in one tensor of each block are the models of the folders that have them one by one.
@Suite struct FusedExpertsTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The fixture's experts in one tensor, as `save_pretrained(save_original_format=False)` writes them.
    private func fused(_ family: String) throws -> FamilyFixture {
        let architecture = try FamilyFixture(family).open().requireArchitecture()
        return try FamilyFixture(family, in: folder) { tensors in
            var others: [FamilyFixture.Stored] = []
            var experts: [String: [(place: [Int], tensor: FamilyFixture.Stored)]] = [:]
            for tensor in tensors {
                let description = tensor.description
                let role = architecture.role(of: description.name, in: .safetensors)
                guard let block = role?.block, let expert = role?.expert,
                    case .block(_, let slot)? = role?.slot
                else {
                    let name = description.name.replacingOccurrences(
                        of: "block_sparse_moe", with: "mlp")
                    others.append(
                        (
                            TensorDescription(
                                name: name, type: description.type, shape: description.shape),
                            tensor.bytes
                        ))
                    continue
                }
                let parameter = slot == .expertDown ? "down_proj" : "gate_up_proj"
                let module = family == "lfm2_moe" ? "feed_forward" : "mlp"
                experts["model.layers.\(block).\(module).experts.\(parameter)", default: []].append(
                    ([expert, slot == .expertUp ? 1 : 0], tensor))
            }
            return others
                + experts.map { name, parts in
                    let sorted = parts.sorted { $0.place.lexicographicallyPrecedes($1.place) }
                    let shape = sorted[0].tensor.description.shape
                    let count = (sorted.last?.place[0] ?? 0) + 1
                    return (
                        TensorDescription(
                            name: name, type: .f32,
                            shape: [count, parts.count / count * shape[0], shape[1]]),
                        sorted.flatMap(\.tensor.bytes)
                    )
                }
        }
    }

    private func bytes(_ tensor: WeightTensor?) -> [UInt8]? {
        tensor?.bytes.withUnsafeBytes { Array($0) }
    }

    @Test(arguments: ["mixtral", "qwen3_moe", "qwen3_5_moe", "lfm2_moe"])
    func theModelIsTheSame(family: String) throws {
        let (original, other) = try (FamilyFixture(family).open(), fused(family).open())
        #expect(other.hasFusedExperts && !original.hasFusedExperts)
        #expect(try other.hyperparameters() == original.hyperparameters())
        #expect(other.tensors.map(\.name).sorted() == original.tensors.map(\.name).sorted())
        for tensor in original.tensors {
            let role = try #require(tensor.role)
            #expect(bytes(other.tensor(role)) == bytes(tensor), "\(tensor.name)")
        }
        let comparison = try CheckpointComparison(original, other, crew: WorkCrew(threads: 2))
        #expect(comparison.isSame)
    }

    @Test(arguments: ["mixtral", "qwen3_moe", "qwen3_5_moe", "lfm2_moe"])
    func outputsAreTheSame(family: String) throws {
        let (original, other) = try (FamilyFixture(family).open(), fused(family).open())
        let first = try folder.write(original, as: "first.gguf")
        let second = try folder.write(other, as: "second.gguf")
        for tensor in first.tensors {
            let role = try #require(tensor.role)
            #expect(bytes(second.tensor(role)) == bytes(tensor), "\(tensor.name)")
        }
        let plan = try OutputPlan(source: other, edits: [], format: .safetensors)
        #expect(plan.notes.contains { $0.contains("one by one") })
        let copy = try folder.write(other, as: "copy")
        for tensor in original.tensors {
            let role = try #require(tensor.role)
            let copied = try #require(copy.tensor(role))
            #expect(copied.name == tensor.name && bytes(copied) == bytes(tensor))
        }
        #expect(!copy.hasFusedExperts)
    }

    @Test func aSingleExpertCanBeEdited() throws {
        let source = try fused("mixtral").open()
        let role = WeightRole(.block(1, .expertUp), expert: 2)
        let written = try folder.write(source, [.multiply(role, by: 2)], as: "edited")
        let values = try #require(source.tensor(role)).values()
        #expect(try #require(written.tensor(role)).values() == values.map { 2 * $0 })
        let other = WeightRole(.block(1, .expertGate), expert: 2)
        #expect(bytes(written.tensor(other)) == bytes(source.tensor(other)))
    }

    @Test(arguments: [[4, 3, 2], [0, 2, 1], [1 << 40, 0, 1]])
    func aTensorThatHoldsNoWholeMatricesIsNoExperts(shape: [Int]) throws {
        let count = shape.reduce(1, *)
        let fixture = try FamilyFixture("mixtral", in: folder) { tensors in
            tensors.filter { !$0.description.name.contains(".experts.") } + [
                (
                    TensorDescription(
                        name: "model.layers.0.mlp.experts.gate_up_proj", type: .f32, shape: shape),
                    [UInt8](repeating: 0, count: 4 * count)
                )
            ]
        }
        let error = #expect(throws: (any Error).self) { try fixture.open().hyperparameters() }
        #expect(
            "\(String(describing: error))".contains("experts"), "\(String(describing: error))")
    }
}
