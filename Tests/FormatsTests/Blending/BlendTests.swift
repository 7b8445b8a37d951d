import TestSupport
import Testing

@testable import Formats

/// What blends keep, what chance does in them, and what is refused.
@Suite struct BlendTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func recipe(_ method: BlendMethod, densities: [Double] = [1]) -> BlendRecipe {
        var recipe = BlendRecipe(method)
        recipe.densities = densities
        recipe.position.add([0.5])
        return recipe
    }

    // MARK: - What is kept

    @Test(arguments: BlendMethod.allCases)
    func modelsThatAreAlikeKeepTheirBytes(method: BlendMethod) throws {
        let base = try BlendFixture.model("base")
        let blend = try Blend(
            [base, base], base: method.needsBase ? base : nil, recipe(method))
        #expect(blend.weightCount == 0 && blend.sharedCount == base.tensors.count)
    }

    @Test func aSumThatIsNotDividedScalesWhatIsAlike() throws {
        let base = try BlendFixture.model("base")
        var sum = recipe(.linear)
        sum.normalizes = false
        let written = try BlendFixture.write(sum, into: folder, models: [base, base])
        let (own, twice) = (try BlendFixture.values(base), try BlendFixture.values(written))
        #expect(own.allSatisfy { name, values in twice[name] == values.map { 2 * $0 } })
    }

    @Test func everyTensorKeepsItsTypeUnlessAskedFor() throws {
        let types = CheckpointEdit.types(try #require(TypePolicy(named: "f16")))
        let plan = try OutputPlan(
            source: BlendFixture.model("a"), edits: [types], format: .gguf)
        let path = folder.path("a.gguf")
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(plan, to: path, replacing: false)
        let half = try Checkpoint.open(path)
        let blended = try BlendFixture.write(
            recipe(.linear), into: folder, as: "out.gguf", models: [half, BlendFixture.model("b")])
        #expect(
            blended.tensors.map { "\($0.name) \($0.type)" }
                == half.tensors.map { "\($0.name) \($0.type)" })
    }

    // MARK: - Chance

    @Test func theSameSeedKeepsTheSameShare() throws {
        var dare = recipe(.dareLinear, densities: [0.5])
        let first = try BlendFixture.values(BlendFixture.write(dare, into: folder))
        let again = try BlendFixture.values(BlendFixture.write(dare, into: folder))
        #expect(first == again)
        dare.seed = 1
        #expect(try BlendFixture.values(BlendFixture.write(dare, into: folder)) != first)
    }

    @Test func sharesAreAsLargeAsTheyAreToBeAndOfNoOtherModel() {
        let count = 100_000
        for density in [0.01, 0.3, 0.9] {
            let shares = (0..<2).map {
                RandomShare(density, seed: 7, model: $0, name: "model.norm.weight")
            }
            let kept = shares.map { share in (0..<count).count { share.holds($0) } }
            let both = (0..<count).count { shares[0].holds($0) && shares[1].holds($0) }
            // Four standard deviations of a binomial share.
            func slack(_ share: Double) -> Double {
                4 * (share * (1 - share) * Double(count)).squareRoot()
            }
            for number in kept {
                #expect(abs(Double(number) - density * Double(count)) <= slack(density))
            }
            let product = density * density
            #expect(abs(Double(both) - product * Double(count)) <= slack(product))
        }
    }

    @Test func whatIsDroppedIsMadeUpForInExpectation() throws {
        // Over many seeds, the mean of the differences is the difference itself.
        let base = try BlendFixture.model("base")
        let tuned = try BlendFixture.model("a")
        let role = WeightRole.block(0, .feedForwardUp)
        func values(_ checkpoint: Checkpoint) throws -> [Float] {
            try #require(checkpoint.tensor(role)).values()
        }
        let (own, other) = (try values(base), try values(tuned))
        for rescaling in [BlendRecipe.Rescaling.density, .l1] {
            var sums = [Double](repeating: 0, count: own.count)
            let seeds = 60
            for seed in 0..<seeds {
                var dare = recipe(.dareLinear, densities: [0.5])
                dare.rescaling = rescaling
                dare.seed = UInt64(seed)
                let written = try BlendFixture.write(dare, into: folder, models: [tuned])
                for (index, value) in try values(written).enumerated() {
                    sums[index] += Double(value - own[index])
                }
            }
            var (error, size) = (0.0, 0.0)
            for index in own.indices {
                let difference = Double(other[index] - own[index])
                let gap = sums[index] / Double(seeds) - difference
                error += gap * gap
                size += difference * difference
            }
            // A dropped half has a variance of d², so that the mean of 60 is 1/√60 = 0.13 of the norm away.
            #expect((error / size).squareRoot() < 0.17, "\(rescaling)")
        }
    }

    // MARK: - Largest magnitudes

    @Test func theLargestAreKeptAndOfEqualOnesTheFirst() {
        let values: [Float] = [0.5, -2, 0, 2, -0.5, 0.5, 1e-30, -0.5, 3]
        for count in 1...values.count {
            let cut = MagnitudeCut.largest(count) { body in
                body(values[..<4])
                body(values[4...])
            }
            let order = values.indices.sorted {
                (values[$0].magnitude, -$0) > (values[$1].magnitude, -$1)
            }
            let kept = values.indices.filter { cut.keeps(values[$0], at: $0) }
            #expect(kept == order.prefix(count).sorted())
        }
    }

    // MARK: - Refusals

    @Test func numbersThatDoNotGoWithTheModelsAreRefused() throws {
        let models = try [BlendFixture.model("a"), BlendFixture.model("b")]
        let base = try BlendFixture.model("base")
        #expect(throws: BlendError.modelCount(.slerp, found: 1)) {
            try Blend([base], recipe(.slerp))
        }
        #expect(throws: BlendError.base(.ties, isGiven: false)) {
            try Blend(models, recipe(.ties))
        }
        var linear = recipe(.linear)
        linear.weights = [1, 2, 3]
        #expect(throws: BlendError.valueCount(name: "weights", found: 3, models: 2)) {
            try Blend(models, linear)
        }
        linear.weights = [1, -1]
        #expect(throws: BlendError.weightSum(0)) { try Blend(models, linear) }
        var slerp = recipe(.slerp)
        slerp.position.add([0], filter: "attn_q")
        #expect(throws: BlendError.unusedFilter("attn_q")) { try Blend(models, slerp) }
    }

    @Test func otherModelsAreRefusedByName() throws {
        let a = try BlendFixture.model("a")
        let other = try Checkpoint.open(Families.folder("qwen2"))
        #expect(throws: BlendError.self) { try Blend([a, other], recipe(.linear)) }
        do {
            _ = try Blend([a, Checkpoint.open(Samples.tinyModel)], recipe(.linear))
            Issue.record("a model of other sizes is blended")
        } catch let error as BlendError {
            #expect("\(error)".contains("vocabulary"), "\(error)")
        }
    }
}
