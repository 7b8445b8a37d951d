import TestSupport
import Testing

@testable import Formats

@Suite struct Gemma4Tests {
    /// The numbers of a fixture's configuration with other members.
    private func numbers(
        _ family: String, _ members: [String: JSONValue?] = [:]
    ) throws -> Hyperparameters {
        var config = try FamilyFixture(family).open().config ?? JSONObject()
        for (key, value) in members { config[key] = value }
        return try Hyperparameters(config: config, architecture: .gemma4, file: "config.json")
    }

    /// The numbers of the metadata that is made of a fixture, with other entries.
    private func metadataNumbers(
        _ entries: [String: GGUFValue] = [:], withoutValues: Set<Int> = []
    ) throws -> Hyperparameters {
        let source = try Checkpoint.open(Families.folder("gemma4"))
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        guard case .gguf(var metadata) = plan.container else {
            throw CheckpointError.cannotExpress(fact: "no metadata")
        }
        for (key, value) in entries { metadata["gemma4." + key] = value }
        var facts = Hyperparameters.TensorFacts(vocabularySize: 304, tiesEmbeddings: true)
        facts.divisors.frequencies = [1, 1e30, 1e30, 1e30]
        facts.blocksWithoutValues = withoutValues
        return try Hyperparameters(
            metadata: metadata, architecture: .gemma4, file: "m.gguf", tensors: facts)
    }

    private func overrides(_ members: [(String, JSONObject)]) -> JSONValue {
        .object(JSONObject(members.map { .init($0.0, .object($0.1)) }))
    }

    private func sizes(_ width: Int, heads: Int? = nil) -> JSONObject {
        JSONObject(
            [.init("head_dim", .integer(width))]
                + (heads.map { [.init("num_key_value_heads", .integer($0))] } ?? []))
    }

    @Test func bothSpellingsGiveTheSameBlocks() throws {
        let listed = try numbers("gemma4")
        let plain = try numbers(
            "gemma4", ["per_layer_config": nil, "global_head_dim": .integer(8)])
        #expect(listed == plain)
        #expect(listed.sizes(ofBlock: 0).headSize == 6 && listed.sizes(ofBlock: 1).headSize == 8)
        #expect(listed.sizes(ofBlock: 3).feedForwardSize == 14)
        #expect(listed.sizes(ofBlock: 4).feedForwardSize == 28)
        #expect(listed.blockKinds.map(\.keySource) == [nil, nil, nil, nil, 2, 3])
        #expect(listed.rope.scaling == .divisors([1, 1e30, 1e30, 1e30]))
    }

    @Test func theLastBlockSeesAllPositionsWhateverTheFileSays() throws {
        let windowed = JSONValue.array(
            [JSONValue](repeating: .string("sliding_attention"), count: 6))
        let read = try numbers(
            "gemma4",
            [
                "layer_types": windowed, "num_kv_shared_layers": .integer(0),
                "per_layer_config": nil, "global_head_dim": .integer(8),
            ])
        #expect(read.windowed == [true, true, true, true, true, false])
    }

    @Test func blocksThatFindNoKeysAreRefused() {
        // The one block that sees all positions is among those that read others' keys.
        let types = ["sliding_attention", "sliding_attention", "full_attention"]
        #expect(throws: CheckpointError.self) {
            try numbers(
                "gemma4-large",
                [
                    "layer_types": .array((types[..<2] + types[..<2]).map { .string($0) }),
                    "num_kv_shared_layers": .integer(1),
                ])
        }
        for count in [-1, 6, 7, Int.max] {
            #expect(throws: CheckpointError.self) {
                try numbers("gemma4", ["num_kv_shared_layers": .integer(count)])
            }
        }
    }

    @Test func sizesThatDoNotFitAreRefused() {
        let unlike = overrides([("1", sizes(8)), ("3", sizes(16)), ("5", sizes(8))])
        let others = [
            overrides([("1", sizes(0)), ("3", sizes(0)), ("5", sizes(0))]), unlike,
            overrides([("6", sizes(8))]), overrides([("x", sizes(8))]),
            overrides([("1", JSONObject([.init("intermediate_size", .integer(9))]))]),
            overrides(["1", "3", "5"].map { ($0, sizes(8, heads: 2)) }),
        ]
        for value in others {
            #expect(throws: CheckpointError.self) {
                try numbers("gemma4", ["per_layer_config": value])
            }
        }
        for (key, value) in [
            ("vocab_size_per_layer_input", JSONValue.integer(9)),
            ("hidden_size_per_layer_input", .integer(1 << 25)),
            ("intermediate_size", .integer(1 << 24)),
            ("enable_moe_block", .bool(true)), ("use_bidirectional_attention", .string("all")),
        ] {
            #expect(throws: CheckpointError.self) { try numbers("gemma4", [key: value]) }
        }
    }

    @Test func expertsStandBesideDensePartsOfOneWidth() throws {
        let experts = try #require(try numbers("gemma4-moe").experts)
        #expect(experts.isBesideDense && experts.normalizesShares)
        #expect((experts.count, experts.usedCount, experts.feedForwardSize) == (5, 2, 10))
        #expect(try numbers("gemma4-moe", ["enable_moe_block": nil]).experts == nil)
        for members: [String: JSONValue?] in [
            ["num_experts": .null], ["num_experts": .integer(0)], ["num_experts": .integer(1)],
            ["top_k_experts": nil], ["top_k_experts": .integer(6)],
            ["moe_intermediate_size": .integer(0)], ["enable_moe_block": .integer(1)],
            ["use_double_wide_mlp": .bool(true), "num_kv_shared_layers": .integer(1)],
        ] {
            #expect(throws: CheckpointError.self, "\(members)") {
                try numbers("gemma4-moe", members)
            }
        }
    }

    @Test func aFileReadsKeysWhereLlamaCppDoes() throws {
        #expect(try metadataNumbers() == numbers("gemma4"))
        #expect(try metadataNumbers(withoutValues: [1]).blockKinds[1].valuesAreKeys)
        // Blocks 4 and 5 are to read those of 0 and 1; block 2 has the window and would read those of block 0, not of 1.
        let shared = try metadataNumbers(["attention.shared_kv_layers": .u32(4)])
        #expect(shared.blockKinds.map(\.keySource) == [nil, nil, 0, 1, 0, 1])
        #expect(throws: CheckpointError.self) {
            try metadataNumbers(["attention.shared_kv_layers": .u32(3)])
        }
        #expect(throws: CheckpointError.self) {
            try metadataNumbers(["attention.shared_kv_layers": .u32(6)])
        }
        for (key, value) in [
            ("attention.head_count_kv", GGUFValue.array(.i32([1, 1, 1, 1, 1]))),
            ("attention.head_count_kv", .array(.i32([1, 1, 1, 1, 3, 1]))),
            ("feed_forward_length", .array(.i32([14, 14, 14, 14, 28, -28]))),
            ("attention.value_length_swa", .u32(5)), ("attention.key_length_swa", .u32(0)),
            ("attention.sliding_window_pattern", .array(.bool([true]))),
            ("expert_count", .u32(4)),
        ] {
            #expect(throws: CheckpointError.self) { try metadataNumbers([key: value]) }
        }
    }

    @Test func aFolderWithoutACapIsNoFile() throws {
        let source = try FamilyFixture("gemma4-large").open()
        var numbers = try source.hyperparameters()
        numbers.logitCap = nil
        let metadata = GGUFMetadata(try numbers.metadata(architecture: .gemma4))
        let read = try numbers.readBack(
            metadata, .gemma4, file: "m.gguf", lacksFeedForwardNorm: false)
        #expect(read.logitCap == 30)
    }
}
