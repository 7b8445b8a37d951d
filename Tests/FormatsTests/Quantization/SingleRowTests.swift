import TestSupport
import Testing

@testable import Formats

/// A matrix of one row, the gate of a shared expert, is a vector in the files of `llama-quantize`.
@Suite struct SingleRowTests {
    private let folder: TemporaryFolder
    private let gate = WeightRole.block(0, .sharedExpertRouter)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func gguf(_ checkpoint: Checkpoint) throws -> GGUFFile {
        guard case .gguf(let file) = checkpoint.source else { throw CancellationError() }
        return file
    }

    @Test(arguments: ["qwen2_moe", "qwen3_5_moe"])
    func quantisedFilesHaveAVectorThatIsReadAsARow(_ family: String) throws {
        let original = try FamilyFixture(family).open()
        let mix = try #require(TypePolicy(named: "q4_k_m"))
        let name = "blk.0.ffn_gate_inp_shexp.weight"
        let plain = try folder.write(original, as: "plain.gguf")
        let mixed = try folder.write(original, [.types(mix)], as: "mixed.gguf")
        let width = try original.hyperparameters().hiddenSize
        for (file, shape) in [(plain, [1, width]), (mixed, [width])] {
            let stored = try #require(try gguf(file).tensors.first { $0.name == name })
            #expect(stored.shape == shape && stored.type == .f32)
            let read = try #require(file.tensor(gate))
            #expect(read.shape == [1, width])
            #expect(try read.values() == original.tensor(gate)?.values())
            #expect(try file.hyperparameters() == plain.hyperparameters())
        }
    }
}
