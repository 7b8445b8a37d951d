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

    /// What a route bakes is what its inverse finds, for every route that has one and every site it has in a model that takes it.
    @Test func everyRouteHasItsInverse() throws {
        let folder = try TemporaryFolder()
        let crew = WorkCrew(threads: 1)
        let models =
            try ["llama", "qwen2", "qwen3"].map { family in
                try folder.write(Checkpoint.open(Families.folder(family)), as: family + ".gguf")
            } + [
                WideFamily.write("stablelm", isGrouped: false, to: folder, as: "stablelm.gguf")
            ]
        for route in BakeRoutes.all where route.hasInverse {
            for site in route.sites {
                let taken = try models.lazy.map { model in
                    let width = try model.hyperparameters().hiddenSize
                    let vector = [Float](repeating: 0.5, count: width)
                    return (model, [Intervention(site: site, block: 0, vector: vector)])
                }.first { route.refusal(of: $1, in: $0, format: .gguf) == nil }
                let (model, wanted) = try #require(taken, "no model takes \(route.name)")
                let edited = try folder.write(
                    model, route.edits(baking: wanted, into: model, format: .gguf),
                    as: "\(route.name)-\(site.rawValue).gguf")
                let found = try Explanation(
                    CheckpointComparison(model, edited, crew: crew), crew: crew)
                let recovered = found.findings.compactMap { finding -> BakeRecovery? in
                    guard case .baked(let recovery, _) = finding else { return nil }
                    return recovery.route.name == route.name ? recovery : nil
                }
                let vector = try #require(recovered.first?.vectors.first, "\(route.name)")
                #expect(vector.site == site)
                let error = zip(vector.directions[0] ?? [], wanted[0].vector).map { abs($0 - $1) }
                #expect(error.count == wanted[0].vector.count, "\(route.name)")
                #expect((error.max() ?? 1) < 1e-4, "\(route.name): \(error.max() ?? 1)")
            }
        }
    }

    @Test func routesWithoutAnInverseFindNothing() throws {
        let without = BakeRoutes.all.filter { !$0.hasInverse }
        #expect(
            without.map(\.name) == ["fit", "ablation"]
                + KeptNorm.allCases.map { WeightAblationRoute($0).name } + ["scaling"])
        for route in without { #expect(try route.recovery(from: [], base: base) == nil) }
    }
}
