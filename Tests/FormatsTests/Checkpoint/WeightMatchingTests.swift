import TestSupport
import Testing

@testable import Formats

/// Which weights of two checkpoints belong together, whatever their files call them and however they lay them out.
@Suite struct WeightMatchingTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test func expertsAreMatchedOneByOneWhereverTheyLie() throws {
        let hub = try FamilyFixture("mixtral").open()
        let gguf = try folder.write(hub, as: "mixtral.gguf")
        for (a, b) in [(hub, gguf), (gguf, hub), (gguf, gguf)] {
            let matching = WeightMatching(a, b)
            #expect(matching.matches.allSatisfy { $0.a != nil && $0.b != nil && $0.role != nil })
            #expect(matching.matches.allSatisfy { $0.a?.role == $0.b?.role })
            #expect(matching.matches.count { $0.role?.expert == 3 } == 2 * 3)
        }
        // The role of all experts, which only one of the formats has a tensor for.
        for checkpoint in [hub, gguf] {
            let weights = WeightList(checkpoint).weights(for: .block(1, .expertUp))
            #expect(weights.map(\.role?.expert) == [0, 1, 2, 3])
        }
    }

    @Test func eachSideIsBroughtIntoTheOthersLayout() throws {
        let hub = try FamilyFixture("llama").open()
        let matching = WeightMatching(try folder.write(hub, as: "llama.gguf"), hub)
        let query = try #require(
            matching.matches.first { $0.role == WeightRole.block(0, .attentionQuery) })
        let (a, b) = (try #require(query.a), try #require(query.b))
        let change = a.form.change(to: try matching.a.form(of: a, in: .safetensors))
        let values = change.rows.reordered(try a.values(), columns: a.shape[1])
        #expect(change.rows != .same)
        #expect(values == (try b.values()))
    }

    @Test func anEmbeddingStandsForTheHeadThatIsTiedToIt() throws {
        let tied = try FamilyFixture("qwen2").open()
        let values = try #require(tied.tensor(WeightRole(.tokenEmbedding))).values()
        let untied = try folder.write(
            tied,
            [.set(WeightRole(.output), values: values, form: .canonical, type: .f32)],
            as: "untied.gguf")
        let head = try #require(
            WeightMatching(untied, tied).matches.first { $0.role == WeightRole(.output) })
        #expect(head.isTiedHead && head.a?.role == head.role)
        #expect(head.b?.role == WeightRole(.tokenEmbedding))
        #expect(
            WeightList(tied).weights(for: WeightRole(.output)).map(\.role)
                == [WeightRole(.tokenEmbedding)])
    }

    @Test func whatNoFamilyExplainsIsMatchedByName() throws {
        let known = try FamilyFixture("llama").open()
        let unknown = try FamilyFixture(
            "llama", in: folder, config: ["model_type": .string("unheard_of")]
        ).open()
        let matches = WeightMatching(known, unknown).matches
        #expect(matches.count == known.tensors.count)
        #expect(matches.allSatisfy { $0.role == nil && $0.a?.name == $0.b?.name })
    }
}
