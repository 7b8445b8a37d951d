import TestSupport
import Testing

@testable import Formats

/// GGUF keys, read as llama.cpp (commit 0c1e570) reads them for each architecture.
@Suite struct MetadataRuleTests {
    private typealias Changes = [(String, GGUFValue?)]

    /// The numbers by the metadata of a family's fixture with changes; keys without the architecture's name.
    private func numbers(
        _ family: String, _ changes: [(String, GGUFValue?)], lacksFeedForwardNorm: Bool = false
    ) throws -> Hyperparameters {
        let source = try Checkpoint.open(Families.folder(family))
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        guard case .gguf(var metadata) = plan.container,
            let name = metadata["general.architecture"]?.text
        else { throw CheckpointError.cannotExpress(fact: "no metadata") }
        for (key, value) in changes { metadata[name + "." + key] = value }
        let architecture = try #require(Architecture.named(name, metadata: metadata))
        return try Hyperparameters(
            metadata: metadata, architecture: architecture, file: "m.gguf",
            tensors: .init(
                vocabularySize: 8, tiesEmbeddings: true,
                lacksFeedForwardNorm: lacksFeedForwardNorm))
    }

    private func text(_ text: String) -> GGUFValue { .string(ByteString(text)) }

    @Test(arguments: ["llama", "qwen2", "qwen3", "qwen3_moe", "mixtral", "starcoder2", "gemma"])
    func aWindowIsNotReadWhereLlamaCppReadsNone(_ family: String) throws {
        let plain = try numbers(family, [])
        #expect(plain.blockKinds == [])
        #expect(try numbers(family, [("attention.sliding_window", .u32(4))]) == plain)
    }

    @Test func theWindowOfPhi3IsCarriedAndNotComputed() throws {
        let read = try numbers(
            "phi4",
            [("attention.sliding_window", .u32(4)), ("rope.scaling.attn_factor", nil)])
        #expect(read.blockKinds == [] && read.unusedWindow == 4)
    }

    @Test(arguments: [
        ("llama", "attention.causal", GGUFValue.bool(false)),
        ("qwen2", "attention.causal", .bool(false)),
        ("llama", "nextn_predict_layers", .u32(1)), ("mixtral", "expert_group_count", .u32(2)),
        ("llama", "embedding_length_out", .u32(7)), ("llama", "frobnication", .u32(7)),
        ("llama", "rope.scaling.attn_factor", .f32(1.5)),
        ("gemma2", "rope.freq_base_swa", .f32(500)),
        ("gemma2", "attention.key_length_swa", .u32(4)),
        ("gemma3", "rope.dimension_count_swa", .u32(4)),
        ("gemma3", "rope.scaling.attn_factor", .f32(1.5)),
        ("olmo3", "rope.dimension_count_swa", .u32(4)), ("granite4", "expert_count", .u32(2)),
        ("granite4", "attention.head_count_kv", .array(.i32([1, 0]))),
        ("granite", "deepstack_mapping", .array(.i32([-1, 0]))),
        ("lfm2", "attention.sliding_window", .u32(4)),
        ("lfm2", "attention.head_count_kv", .array(.i32([0, 1, 0, 2]))),
    ])
    func whatLlamaCppReadsAndRteditDoesNotComputeIsRefusedByName(
        family: String, key: String, value: GGUFValue
    ) throws {
        let error = #expect(throws: CheckpointError.self) { try numbers(family, [(key, value)]) }
        #expect(error?.kind == .unsupported)
        #expect(error?.description.contains(key) ?? false)
    }

    @Test(arguments: [
        ("llama", "attention.causal", GGUFValue.bool(true)),
        ("llama", "expert_count", .u32(0)), ("llama", "pooling_type", .u32(0)),
        ("llama", "logit_scale", .f32(3)), ("llama", "attention.scale", .f32(3)),
        ("llama", "attention.clamp_kqv", .f32(3)),
        ("llama", "rope.scaling.finetuned", .bool(false)),
        ("llama", "ssm.state_size", .u32(64)), ("llama", "attn_logit_softcapping", .f32(30)),
        ("gemma3", "attn_logit_softcapping", .f32(30)),
        ("olmo2", "attention.sliding_window", .u32(0)),
        ("olmo3", "rope.freq_base_swa", .f32(500)), ("granite4", "expert_used_count", .u32(2)),
        ("stablelm", "use_parallel_residual", .bool(true)),
        ("mixtral", "expert_feed_forward_length", .u32(9)),
        ("mixtral", "expert_weights_scale", .f32(2)),
        ("granite", "expert_shared_feed_forward_length", .u32(9)),
    ])
    func keysThatLlamaCppDoesNotReadForTheFamilyChangeNothing(
        family: String, key: String, value: GGUFValue
    ) throws {
        #expect(try numbers(family, [(key, value)]) == numbers(family, []))
    }

    @Test func numbersOfEveryBlockMayBeListsOfTheSame() throws {
        let plain = try numbers("llama", [])
        let (blocks, heads) = (plain.blockCount, UInt32(plain.headCount))
        let lists: Changes = [
            ("attention.head_count", .array(.u32([UInt32](repeating: heads, count: blocks)))),
            (
                "attention.head_count_kv",
                .array(.i32([Int32](repeating: Int32(plain.keyValueHeadCount), count: blocks)))
            ),
            (
                "feed_forward_length",
                .array(.u32([UInt32](repeating: UInt32(plain.feedForwardSize), count: blocks)))
            ),
        ]
        #expect(try numbers("llama", lists) == plain)
        let differing = GGUFValue.array(.u32([heads] + [UInt32](repeating: 1, count: blocks - 1)))
        let error = #expect(throws: CheckpointError.self) {
            try numbers("llama", [("attention.head_count", differing)])
        }
        #expect(error?.kind == .unsupported)
        #expect(error?.description.contains("is \(heads) in block 0 and 1 in block 1") ?? false)
        let short = #expect(throws: CheckpointError.self) {
            try numbers("llama", [("attention.head_count", .array(.u32([heads])))])
        }
        #expect(short?.kind == .input)
    }

    @Test func aGraniteMayDoWithoutRotation() throws {
        let numbers = try numbers("granite4", [("rope.scaling.finetuned", .bool(false))])
        #expect(numbers.unrotatedText == "all")
    }

    @Test func anAttentionFactorOfAnOLMo3IsOfItsFullBlocks() throws {
        let numbers = try numbers("olmo3", [("rope.scaling.attn_factor", .f32(1.5))])
        guard case .yarn(let yarn) = numbers.rope.scaling else {
            throw CheckpointError.cannotExpress(fact: "\(numbers.rope.scaling)")
        }
        #expect(abs(yarn.attention - 1.5 * Yarn.attention(4)) < 1e-6)
        #expect(numbers.ownRopeText == "10000.0")
    }

    @Test func missingCapsAreWhatLlamaCppTakes() throws {
        let bare = try numbers(
            "gemma2", [("attn_logit_softcapping", nil), ("final_logit_softcapping", nil)])
        #expect(bare.scoreCap == 50 && bare.logitCap == 30)
        #expect(try numbers("gemma3", [("final_logit_softcapping", nil)]).logitCap == nil)
        #expect(try numbers("gemma3", [("final_logit_softcapping", .f32(0))]).logitCap == nil)
        #expect(try numbers("gemma3", [("final_logit_softcapping", .f32(9))]).logitCap == 9)
    }

    @Test func keysThatLlamaCppDemandsAreDemanded() {
        for (family, key) in [("granite", "logit_scale"), ("gpt_neox", "use_parallel_residual")] {
            let error = #expect(throws: CheckpointError.self) { try numbers(family, [(key, nil)]) }
            #expect(error?.description.contains("\(key)' is missing") ?? false)
        }
    }

    @Test func aStableLMIsParallelWhereItsSecondNormIsMissing() throws {
        #expect(try !numbers("stablelm", []).isParallel)
        #expect(try numbers("stablelm", [], lacksFeedForwardNorm: true).isParallel)
    }

    @Test func theRampOfYarnIsAlwaysTheStandardOne() throws {
        let read = try numbers(
            "llama",
            [
                ("rope.scaling.type", text("yarn")), ("rope.scaling.factor", .f32(4)),
                ("rope.scaling.original_context_length", .u32(0)),
                ("rope.scaling.yarn_beta_fast", .f32(16)),
                ("rope.scaling.yarn_beta_slow", .f32(2)),
            ])
        #expect(
            read.rope.scaling
                == .yarn(Yarn(factor: 4, originalContext: read.contextLength)))
    }

    @Test func unreadKeysAreNamed() throws {
        let metadata = GGUFMetadata([
            .init("llama.attention.sliding_window", .u32(4)),
            .init("llama.logit_scale", .f32(0)), .init("llama.context_length", .u32(9)),
            .init("general.name", text("x")),
        ])
        let keys = GGUFKeys(metadata: metadata, prefix: "llama", file: "m.gguf")
        #expect(
            MetadataRules(keys: keys, architecture: .llama).unread
                == ["llama.attention.sliding_window"])
    }
}
