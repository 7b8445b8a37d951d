import TestSupport
import Testing

@testable import Formats

/// In which types an output stores its tensors.
@Suite struct TypePolicyTests {
    private func types(
        _ policy: TypePolicy, _ format: FileFormat, and edits: [CheckpointEdit] = []
    ) throws -> [String: ElementType] {
        let plan = try OutputPlan(
            source: Checkpoint.open(Samples.tinyModel), edits: [.types(policy)] + edits,
            format: format)
        return Dictionary(
            uniqueKeysWithValues: plan.tensors.map { ($0.description.name, $0.description.type) })
    }

    @Test(arguments: [TypePolicy.Standard.keep, .plain(.bf16)])
    func theLastPatternThatMatchesWins(standard: TypePolicy.Standard) throws {
        let policy = TypePolicy(
            standard,
            overrides: [
                .init("blk.*.ffn_down.weight", .q8_0), .init("blk.1.*down*", .q4_1),
                .init("*", .f32), .init("blk.*.ffn_*.weight", .q5_1),
                .init("blk.2.ffn_up.weight", .f16),
                .init("*_norm.weight", .f32),
            ])
        for (name, type) in try types(policy, .gguf) {
            let expected: ElementType =
                switch name {
                case "blk.2.ffn_up.weight": .f16
                case _ where name.hasSuffix("_norm.weight"): .f32
                case _ where name.hasPrefix("blk.") && name.contains(".ffn_"): .q5_1
                default: .f32
                }
            #expect(type == expected, "\(name)")
        }
    }

    /// The whole name must follow it, not a part.
    @Test(arguments: ["no'ne*", "blk.2.ffn_up", "model.layers.2.mlp.up_proj"])
    func aPatternThatNoTensorFollowsIsRefused(pattern: String) throws {
        let policy = TypePolicy(.keep, overrides: [.init("*", .f32), .init(pattern, .q8_0)])
        for format in [FileFormat.gguf, .safetensors] {
            #expect(
                throws: CheckpointError.cannotExpress(
                    fact: "no tensor of the output is called \(pattern.quoted)")
            ) {
                try types(policy, format)
            }
        }
    }

    @Test func anEditsOwnTypeComesFirst() throws {
        let role = WeightRole.block(3, .feedForwardDown)
        let edit = CheckpointEdit.set(
            role, values: [Float](repeating: 1, count: 128 * 384), form: .canonical, type: .q4_0)
        let policy = TypePolicy(.plain(.f16), overrides: [.init("*down*", .q8_0)])
        let found = try types(policy, .gguf, and: [edit])
        #expect(found["blk.3.ffn_down.weight"] == .q4_0)
        #expect(found["blk.2.ffn_down.weight"] == .q8_0)
        #expect(found["blk.2.ffn_up.weight"] == .f16)
    }

    @Test func folderNamesAreMatchedInAFolder() throws {
        let policy = TypePolicy(.plain(.bf16), overrides: [.init("*.down_proj.weight", .f32)])
        for (name, type) in try types(policy, .safetensors) {
            #expect(type == (name.hasSuffix("down_proj.weight") ? .f32 : .bf16), "\(name)")
        }
    }

    @Test func whatATypeCannotHoldIsRefused() throws {
        for (pattern, type) in [
            ("*_norm.weight", ElementType.q8_0), ("*down*", .q4K), ("*up*", .iq4NL),
        ] {
            #expect(throws: CheckpointError.self) {
                try types(TypePolicy(.keep, overrides: [.init(pattern, type)]), .gguf)
            }
        }
        for name in ["q4_k", "q4_k_m"] {
            #expect(
                throws: CheckpointError.cannotExpress(
                    fact: "writing \(name) is not supported; supported types: keep, f32, f16, bf16")
            ) {
                let policy = try #require(try TypePolicy(named: name))
                _ = try types(policy, .gguf)
            }
        }
        #expect(try TypePolicy(named: "q9") == nil)
    }
}
