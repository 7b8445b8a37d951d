import TestSupport
import Testing

@testable import Formats

/// Every method against mergekit: see `Fixtures/Blending/make_blends.py`.
@Suite struct BlendReferenceTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The recipes of the script.
    private static let recipes: [String: BlendRecipe] = {
        func recipe(
            _ method: BlendMethod, weights: [Double] = [1], densities: [Double] = [1],
            change: (inout BlendRecipe) -> Void = { _ in }
        ) -> BlendRecipe {
            var recipe = BlendRecipe(method)
            recipe.weights = weights
            recipe.densities = densities
            change(&recipe)
            return recipe
        }
        let linear = [0.3, 0.9]
        let ties = [0.6, 0.8]
        return [
            "linear": recipe(.linear, weights: linear),
            "linear-sum": recipe(.linear, weights: linear) { $0.normalizes = false },
            "slerp": recipe(.slerp) { $0.position.add([0.4]) },
            "slerp-gradients": recipe(.slerp) {
                $0.position.add([0.25])
                $0.position.add([0, 0.5, 1], filter: "self_attn")
                $0.position.add([0.8, 0.1], filter: "mlp")
            },
            "task": recipe(.taskArithmetic, weights: [0.7, -0.4]),
            "task-normalized": recipe(.taskArithmetic, weights: [0.7, 0.5]) {
                $0.normalizes = true
                $0.strength = 1.5
            },
            "ties": recipe(.ties, weights: ties, densities: [0.5, 0.3]),
            "ties-sum": recipe(.ties, weights: [0.6, -0.8], densities: [0.55, 0.31]) {
                $0.normalizes = false
                $0.rescaling = .l1
                $0.strength = 0.9
            },
            "dare-linear": recipe(.dareLinear, weights: ties),
            "dare-ties": recipe(.dareTies, weights: ties),
        ]
    }()

    /// Both compute in f32 what is at most about 2 in magnitude, in a handful of steps: a few units in the last place, of
    /// 2.4e-7 each. A difference that one keeps and the other drops would be a thousand times that.
    private static let bound: Float = 2e-6

    @Test(arguments: recipes.keys.sorted())
    func weightsAreThoseOfMergekit(name: String) throws {
        let recipe = try #require(Self.recipes[name])
        let blended = try BlendFixture.write(recipe, into: folder)
        #expect(try BlendFixture.difference(blended, from: name) <= Self.bound)
    }

    @Test func theFormatOfTheModelsChangesNothing() throws {
        let names = ["base", "a", "b"]
        var models: [Checkpoint] = []
        for name in names {
            let plan = try OutputPlan(
                source: BlendFixture.model(name), edits: [], format: .gguf)
            let path = folder.path(name + ".gguf")
            _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(
                plan, to: path, replacing: false)
            models.append(try Checkpoint.open(path))
        }
        for (name, recipe) in Self.recipes {
            // One of each format, written as a folder: queries and keys have other orders of rows in the two.
            let mixed = try BlendFixture.write(
                recipe, into: folder, as: "mixed",
                models: [models[1], BlendFixture.model("b")], base: BlendFixture.model("base"))
            #expect(try BlendFixture.difference(mixed, from: name) <= Self.bound, "\(name)")
            let gguf = try BlendFixture.write(
                recipe, into: folder, as: "out.gguf", models: Array(models.dropFirst()),
                base: models[0])
            let folderOfSame = try BlendFixture.write(recipe, into: folder)
            let comparison = try CheckpointComparison(
                gguf, folderOfSame, crew: WorkCrew(threads: 1))
            #expect(comparison.changed.isEmpty, "\(name)")
        }
    }

    @Test func theNumberOfThreadsChangesNothing() throws {
        for method in BlendMethod.allCases {
            var recipe = BlendRecipe(method)
            recipe.densities = [0.4]
            recipe.position.add([0.3])
            let single = try BlendFixture.write(recipe, into: folder, as: "1.gguf")
            let several = try BlendFixture.write(recipe, into: folder, as: "3.gguf", threads: 3)
            #expect(try bytes(ofFile: single.path) == bytes(ofFile: several.path), "\(method)")
        }
    }
}
