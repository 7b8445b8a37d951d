import Foundation
import TestSupport
import Testing

@testable import Formats

/// Which matrix makes the logits: whether a file has one decides, whatever its flag says, and what llama.cpp loads
/// decides what a GGUF file gets.
@Suite struct OutputHeadTests {
    enum Head: String, CaseIterable {
        case tied, own, ownUnderTiedFlag, copyUnderTiedFlag, copy
    }

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A folder of the family with this head.
    private func model(_ family: String, _ head: Head) throws -> Checkpoint {
        let isTied = head != .own && head != .copy
        let fixture = try FamilyFixture(
            family, in: folder, config: ["tie_word_embeddings": .bool(isTied)])
        let architecture = try fixture.open().requireArchitecture()
        func name(_ slot: WeightRole.Slot) -> String? {
            architecture.name(of: WeightRole(slot), in: .safetensors)
        }
        let output = try #require(name(.output))
        let embedding = try #require(name(.tokenEmbedding))
        try fixture.rewriteWeights { tensors in
            tensors.removeAll { $0.description.name == output }
            guard head != .tied else { return }
            let stored = try #require(
                tensors.first {
                    $0.description.name == embedding
                })
            var bytes = stored.bytes
            // Another finite value at every sixteenth element.
            let size = stored.description.type.byteCount(elements: 1) ?? 1
            if head == .own || head == .ownUnderTiedFlag {
                for start in stride(from: 0, to: bytes.count, by: 16 * size) { bytes[start] ^= 1 }
            }
            tensors.append(
                (
                    TensorDescription(
                        name: output, type: stored.description.type, shape: stored.description.shape
                    ),
                    bytes
                ))
        }
        return try fixture.open()
    }

    private func convert(_ source: Checkpoint, _ name: String) throws -> Checkpoint {
        let plan = try OutputPlan(
            source: source, edits: [],
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        let path = folder.path(name)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    /// The rows of the matrix that the decoder multiplies with.
    private func headValues(_ model: Checkpoint) throws -> [Float] {
        let role = model.hasOwnHead ? WeightRole(.output) : WeightRole(.tokenEmbedding)
        return try #require(model.tensor(role)).values()
    }

    @Test(
        arguments: FamilyConversionTests.families.filter { $0 != "phi4" && !$0.contains("-") },
        Head.allCases)
    func aConvertedFileHasTheFoldersHeadOrIsRefused(_ family: String, _ head: Head) throws {
        let source = try model(family, head)
        let isOwn = head == .own || head == .ownUnderTiedFlag
        #expect(source.head == (head == .tied ? .embedding : isOwn ? .own : .copyOfEmbedding))
        #expect(try source.hyperparameters().tiesEmbeddings == (head == .tied))
        #expect(source.warnings.count == (head == .ownUnderTiedFlag ? 1 : 0))
        let neverInGGUF = ["gemma", "gemma2", "cohere2"].contains(family)
        let alwaysInGGUF = [
            "gpt_neox", "gpt_oss", "olmo2", "olmo3", "qwen2_moe", "stablelm", "stablelm-parallel",
        ]
        .contains(family)
        guard !(neverInGGUF && isOwn) else {
            let failure = #expect(throws: CheckpointError.self) {
                try OutputPlan(source: source, edits: [], format: .gguf)
            }
            #expect(failure?.kind == .unsupported)
            #expect(failure?.description.contains("lm_head.weight") ?? false)
            return
        }
        let gguf = try convert(source, "model.gguf")
        let hasHead = gguf.tensors.contains { $0.name == "output.weight" }
        #expect(hasHead == (alwaysInGGUF || isOwn || (head == .copy && !neverInGGUF)))
        let values = try headValues(source)
        let kept = try headValues(gguf)
        // Gemma 3's embedding has no rows beyond the tokenizer.
        #expect(kept == Array(values.prefix(kept.count)))
        let back = try convert(gguf, "back")
        #expect(try headValues(back) == kept)
        if head == .tied { #expect(!back.hasOwnHead) }
        for (a, b) in [(source, gguf), (gguf, source), (gguf, back), (source, back)] {
            let comparison = try CheckpointComparison(a, b, crew: WorkCrew(threads: 1))
            #expect(comparison.changed.isEmpty, "\(comparison.changed.map(\.name))")
            #expect(
                comparison.settings.allSatisfy { $0.name != "tied embeddings" || !$0.isDifference })
        }
    }

    @Test(arguments: ["gpt_neox", "olmo2", "stablelm"])
    func aFileWithoutTheHeadThatLlamaCppDemandsIsRefused(_ family: String) throws {
        let source = try model(family, .tied)
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        let bare = OutputPlan(
            source: source, tensors: plan.tensors.filter { $0.description.name != "output.weight" },
            container: plan.container, notes: [])
        let path = folder.path("bare.gguf")
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(bare, to: path, replacing: true)
        #expect(throws: CheckpointError.missingTensor(file: path, name: "output.weight")) {
            try Checkpoint.open(path).hyperparameters()
        }
    }

    @Test func anOwnHeadIsAnotherModelThanTheTiedOne() throws {
        let own = try convert(try model("llama", .ownUnderTiedFlag), "own.gguf")
        try FileManager.default.removeItem(atPath: folder.path("llama"))
        let tied = try model("llama", .tied)
        for (a, b) in [(own, tied), (tied, own)] {
            let comparison = try CheckpointComparison(a, b, crew: WorkCrew(threads: 1))
            #expect(comparison.changed.map(\.role) == [WeightRole(.output)])
            #expect(comparison.changed.first?.isTiedHead ?? false)
        }
    }

    @Test func tablesThatEveryRuntimeComputesAnewTakeNoPart() throws {
        let plain = try FamilyFixture("llama").open()
        let fixture = try FamilyFixture("llama", in: folder, config: [:])
        let name = "model.layers.1.self_attn.rotary_emb.inv_freq"
        try fixture.rewriteWeights { tensors in
            let table = TensorDescription(name: name, type: .f32, shape: [4])
            tensors.append((table, [UInt8](repeating: 1, count: 16)))
        }
        let tables = try fixture.open()
        for (a, b) in [(plain, tables), (tables, plain)] {
            let comparison = try CheckpointComparison(a, b, crew: WorkCrew(threads: 1))
            #expect(comparison.isSame)
            #expect(comparison.leftOut.count == 1)
            #expect(comparison.leftOut.first?.contains(name) ?? false)
        }
    }
}
