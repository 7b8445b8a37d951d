import TestSupport
import Testing

@testable import Formats

/// What the other format's runtime would compute otherwise is refused, or told.
@Suite struct ConversionLossTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func plan(_ family: String, _ changes: [String: JSONValue?]) throws -> OutputPlan {
        try OutputPlan(
            source: FamilyFixture(family, in: folder, config: changes).open(), edits: [],
            format: .gguf)
    }

    private func refusal(_ family: String, _ changes: [String: JSONValue?]) throws -> String {
        let error = #expect(throws: CheckpointError.self) { try plan(family, changes) }
        #expect(error?.kind == .unsupported)
        return try #require(error?.description)
    }

    @Test func aGemma2WithoutCapsHasNoPlaceInGGUF() throws {
        let fact = try refusal("gemma2", ["attn_logit_softcapping": .null])
        #expect(fact.contains("cap of scores: the model has none, llama.cpp takes 50.0"))
    }

    @Test func aGemma2WithoutACapOfLogitsHasNoPlaceInGGUF() throws {
        let fact = try refusal("gemma2", ["final_logit_softcapping": .null])
        #expect(fact.contains("cap of logits: the model has none, llama.cpp takes 30.0"))
    }

    @Test func aRampOfYarnThatLlamaCppDoesNotReadIsRefused() throws {
        let fact = try refusal("llama-yarn", [:])
        #expect(fact.contains("beta_fast 6.0, beta_slow 0.5"))
        #expect(fact.contains("llama.cpp takes yarn") && fact.contains("beta_fast 32.0"))
    }

    @Test(arguments: [("truncate", JSONValue.bool(false)), ("beta_slow", .number(2))])
    func otherMembersOfYarnAreRefusedByName(member: String, value: JSONValue) throws {
        #expect(
            try refusal("llama-yarn", ["rope_scaling": yarn([.init(member, value)])])
                .contains(member))
    }

    @Test func anAttentionFactorOfYarnIsKept() throws {
        let scaling = yarn([.init("attention_factor", .number(1.3))])
        guard case .gguf(let metadata) = try plan("llama-yarn", ["rope_scaling": scaling]).container
        else { return }
        let factor = try #require(metadata["llama.rope.scaling.attn_factor"]?.number)
        #expect(abs(factor - 1.3 / Yarn.attention(4)) < 1e-6)
    }

    @Test(arguments: [("mistral", "sliding window"), ("phi3", "sliding window")])
    func aWindowThatLlamaCppDoesNotComputeIsTold(family: String, fact: String) throws {
        #expect(try plan(family, [:]).notes.contains { $0.contains(fact) })
    }

    @Test func whatAFolderComputesOtherwiseIsTold() throws {
        for (family, fact) in [("phi3", "sliding window"), ("gpt_neox", "activation")] {
            let path = folder.path(family + ".gguf")
            _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(
                OutputPlan(source: FamilyFixture(family).open(), edits: [], format: .gguf),
                to: path, replacing: false)
            let back = try OutputPlan(
                source: Checkpoint.open(path), edits: [], format: .safetensors)
            #expect(back.notes.contains { $0.contains(fact) }, "\(back.notes)")
        }
    }

    @Test func aTensorThatLlamaCppDoesNotLoadIsRefusedInGGUF() throws {
        let path = folder.path("m.gguf")
        let source = try FamilyFixture("stablelm").open()
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        let extra = TensorDescription(name: "blk.0.attn_q_norm.weight", type: .f32, shape: [2])
        let content = TensorContent(.rows(WeightRows([1, 2], shape: [2])))
        let more = OutputPlan(
            source: source, tensors: plan.tensors + [.init(extra, content)],
            container: plan.container, notes: [])
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(more, to: path, replacing: false)
        let error = #expect(throws: CheckpointError.self) {
            try Checkpoint.open(path).hyperparameters()
        }
        #expect(error?.description.contains("attn_q_norm") ?? false)
    }

    private func yarn(_ more: [JSONObject.Member]) -> JSONValue {
        .object(
            JSONObject(
                [
                    .init("rope_type", .string("yarn")), .init("factor", .number(4)),
                    .init("original_max_position_embeddings", .integer(32)),
                ] + more))
    }
}
