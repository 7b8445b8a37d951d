import Formats
import TestSupport
import Testing
import Transformer
import Tuning

/// The list of routes that `bake`, `inspect` and `diff` read.
struct BakeRouteTests {
    private let base: Checkpoint
    private let width: Int

    init() throws {
        base = try Checkpoint.open(Families.folder("llama"))
        width = try base.hyperparameters().hiddenSize
    }

    private func intervention(
        _ site: Site, block: Int = 0, _ operation: Intervention.Operation = .add
    ) -> Intervention {
        Intervention(
            site: site, block: block, operation: operation,
            vector: [Float](repeating: 0.5, count: width))
    }

    @Test func everyRouteHasANameOfItsOwn() {
        let names = BakeRoutes.all.map(\.name)
        #expect(Set(names).count == names.count && !names.contains("auto"))
        #expect(BakeRoutes.all.allSatisfy { !$0.sites.isEmpty && $0.summary.hasSuffix(".") })
    }

    @Test func theFirstThatDoesNotRefuseIsTaken() throws {
        let route = try BakeRoutes.route(
            named: nil, for: [intervention(.residPost)], in: base, format: .gguf)
        #expect(route.name == "bias")
    }

    @Test func whereAllRefuseTheFirstOfThatKindSaysWhy() {
        #expect(throws: AblationRoute.Refusal.self) {
            try BakeRoutes.route(
                named: nil, for: [intervention(.residPost, .ablate)], in: base, format: .gguf)
        }
        #expect(throws: BiasRoute.Refusal.notAnAddition(operation: .scale)) {
            try BakeRoutes.route(
                named: nil, for: [intervention(.residPost, .scale)], in: base, format: .gguf)
        }
    }

    @Test func biasesThatAreNewCostTheirBytesAndAdditions() throws {
        let two = [
            intervention(.residPost), intervention(.residPost), intervention(.residMid, block: 1),
        ]
        let cost = try BiasRoute().cost(of: two, in: base, format: .gguf)
        #expect(cost.bytes == 2 * width * 4 && cost.operations == 2 * width)
        #expect(cost.runtimes == ["llama.cpp"])
    }

    @Test func aBiasThatIsThereCostsNoMoreThanItsType() throws {
        let gpt2 = try Checkpoint.open(Families.folder("gpt2"))
        let width = try gpt2.hyperparameters().hiddenSize
        let bias = try #require(gpt2.tensor(.block(0, .feedForwardDown, .bias)))
        let cost = try BiasRoute().cost(
            of: [intervention(.residPost)], in: gpt2, format: .safetensors)
        #expect(cost.operations == 0 && cost.bytes == width * 4 - bias.bytes.count)
        #expect(cost.runtimes == ["transformers"])
    }

    /// What a route bakes is what its inverse finds, for every route and every site it has in a model that takes it.
    @Test func everyRouteHasItsInverse() throws {
        let folder = try TemporaryFolder()
        for route in BakeRoutes.all {
            for site in route.sites {
                let wanted = [intervention(site)]
                guard route.refusal(of: wanted, in: base, format: .gguf) == nil else { continue }
                let plan = try OutputPlan(
                    source: base,
                    edits: route.edits(baking: wanted, into: base, format: .gguf), format: .gguf)
                let path = folder.path("\(route.name)-\(site.rawValue).gguf")
                let crew = WorkCrew(threads: 1)
                _ = try CheckpointWriter(crew: crew).write(plan, to: path, replacing: false)
                let comparison = try CheckpointComparison(
                    base, Checkpoint.open(path), crew: crew)
                let found = try #require(
                    try Explanation(comparison, crew: crew).vectors.first, "\(route.name)")
                #expect(found.site == site)
                #expect(found.directions[0] == wanted[0].vector, "\(route.name)")
            }
        }
    }
}
