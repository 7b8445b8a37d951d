import TestSupport
import Testing

@testable import Formats

/// Weights that lie under other names than their family's: the refusal says the cause, not what is missing.
@Suite struct MisnamedWeightTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The refusal of a family's model whose tensors have other names.
    private func refusal(
        _ family: String, config: [String: JSONValue?] = [:], _ rename: (String) -> String
    ) throws -> any Failure {
        let fixture = try FamilyFixture(family, in: folder, config: config) { tensors in
            tensors.map { tensor in
                let old = tensor.description
                return (
                    TensorDescription(name: rename(old.name), type: old.type, shape: old.shape),
                    tensor.bytes
                )
            }
        }
        let failure = #expect(throws: (any Error).self) {
            try fixture.open().hyperparameters()
        }
        return try #require(failure as? any Failure)
    }

    @Test(arguments: [
        "_orig_mod.", "module.", "module._orig_mod.", "language_model.", "_fsdp_wrapped_module.",
        "text_model.",
    ])
    func aPrefixIsNamed(prefix: String) throws {
        for family in ["llama", "gpt_neox", "mixtral"] {
            let folder = try TemporaryFolder()
            let failure = try MisnamedWeightTests(folder).refusal(family) { prefix + $0 }
            #expect(failure.kind == .unsupported, "\(failure)")
            #expect(failure.description.contains("under the prefix '\(prefix)'"), "\(failure)")
        }
    }

    private init(_ folder: TemporaryFolder) { self.folder = folder }

    @Test func aMissingPrefixIsNamed() throws {
        let failure = try refusal("llama") { String($0.dropFirst($0.hasPrefix("model.") ? 6 : 0)) }
        #expect(failure.kind == .unsupported)
        #expect(failure.description.contains("without the prefix 'model.'"), "\(failure)")
    }

    @Test(arguments: [
        ("model.", "model.language_model.", "'model.language_model.' in place of 'model.'"),
        ("model.", "model._orig_mod.", "'model._orig_mod.' in place of 'model.'"),
        (
            "model.layers.0.", "model.layers.0._checkpoint_wrapped_module.",
            "_checkpoint_wrapped_module."
        ),
    ])
    func anotherPrefixIsNamed(own: String, other: String, words: String) throws {
        let failure = try refusal("llama") {
            $0.hasPrefix(own) ? other + $0.dropFirst(own.count) : $0
        }
        #expect(failure.kind == .unsupported)
        #expect(failure.description.contains(words), "\(failure)")
    }

    @Test func aTensorThatIsNowhereIsMissing() throws {
        let failure = try refusal("llama") {
            $0 == "model.norm.weight" ? "model.other.weight" : $0
        }
        #expect(failure.kind == .input)
        #expect(failure.description.hasSuffix("tensor 'model.norm.weight' is missing"))
    }

    @Test func aWrapperIsNamedWithItsTextModelAndPrefix() throws {
        let text = JSONValue.object(JSONObject([.init("model_type", .string("vicuna"))]))
        let failure = try refusal(
            "llama", config: ["model_type": .string("llava"), "text_config": text]
        ) { "language_model." + $0 }
        #expect(failure.kind == .unsupported)
        for words in ["'llava'", "'vicuna' in 'text_config'", "'language_model.model.'"] {
            #expect(failure.description.contains(words), "\(failure)")
        }
    }

    @Test(arguments: ["mixtral", "qwen3_moe"])
    func expertsInOneTensorAreNamed(family: String) throws {
        let fixture = try FamilyFixture(family, in: folder) { tensors in
            tensors.filter { !$0.description.name.contains(".experts.") } + [
                (
                    TensorDescription(
                        name: "model.layers.0.mlp.switch_mlp.gate_proj.weight", type: .f32,
                        shape: [4, 2, 1]), [UInt8](repeating: 0, count: 32)
                )
            ]
        }
        let failure = #expect(throws: (any Error).self) {
            try fixture.open().hyperparameters()
        }
        guard case .unsupportedFeature(_, let fact)? = failure as? CheckpointError else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(
            fact.contains("'model.layers.0.mlp.switch_mlp.gate_proj.weight' of shape [4, 2, 1]"))
    }
}
