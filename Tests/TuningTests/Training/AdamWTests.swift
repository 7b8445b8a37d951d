import Formats
import Testing
import Transformer

@testable import Tuning

@Suite struct AdamWTests {
    @Test func stepsEqualTorch() throws {
        for fixture in try OptimizerFixture.cases("adamw") {
            let numbers = try #require(fixture["options"]?.object)
            func option(_ key: String) throws -> Double {
                let value = numbers[key]?.number
                return try #require(value)
            }
            let start = try OptimizerFixture.numbers(fixture["start"])
            let parameters = OptimizerFixture.parameters([start])
            let optimizer = AdamW(
                parameters,
                options: AdamW.Options(
                    beta1: try option("beta1"), beta2: try option("beta2"),
                    epsilon: try option("epsilon"), weightDecay: try option("weight_decay")),
                crew: WorkCrew(threads: 1))
            let gradients = try OptimizerFixture.lists(fixture["gradients"])
            let expected = try OptimizerFixture.lists(fixture["values"])
            for (step, rate) in try OptimizerFixture.numbers(fixture["rates"]).enumerated() {
                parameters[0].gradient.replace(with: gradients[step].map { Float($0) })
                optimizer.update(learningRates: [[rate]])
                for (value, wanted) in zip(parameters[0].values.values, expected[step]) {
                    #expect(abs(Double(value) - wanted) <= 1e-6 * max(abs(wanted), 1e-3))
                }
            }
        }
    }

    /// Sizes around those of a vector and of a part.
    @Test(arguments: [1, 7, 8, 9, ParameterParts.partSize - 1, 2 * ParameterParts.partSize + 13])
    func everyValueIsUpdatedAsIfAlone(count: Int) {
        let start = (0..<count).map { Float($0 % 17) - 8 }
        let gradient = (0..<count).map { Float($0 % 5) - 2.5 }
        let parameter = TunedParameter(
            .block(0, .attentionNorm), .whole, shape: [count], values: FloatBuffer(start))
        let optimizer = AdamW(
            [parameter], options: AdamW.Options(), crew: WorkCrew(threads: 2))
        var alone: [SIMD2<Float>: Float] = [:]
        for (value, slope) in zip(start, gradient) where alone[[value, slope]] == nil {
            let single = TunedParameter(
                .block(0, .attentionNorm), .whole, shape: [1], values: FloatBuffer([value]))
            let one = AdamW([single], options: AdamW.Options(), crew: WorkCrew(threads: 1))
            for _ in 0..<2 {
                single.gradient.replace(with: [slope])
                one.update(learningRates: [[0.1]])
            }
            alone[[value, slope]] = single.values.values[0]
        }
        for _ in 0..<2 {
            parameter.gradient.replace(with: gradient)
            optimizer.update(learningRates: [[0.1]])
        }
        let wrong = zip(parameter.values.values, zip(start, gradient)).count {
            $0 != alone[[$1.0, $1.1]]
        }
        #expect(wrong == 0)
    }

    @Test func aRateOfZeroChangesNothingButTheMoments() {
        let parameters = OptimizerFixture.parameters([[1, -2, 3]])
        let optimizer = AdamW(
            parameters, options: AdamW.Options(), crew: WorkCrew(threads: 1))
        parameters[0].gradient.replace(with: [1, 1, 1])
        optimizer.update(learningRates: [[0]])
        #expect(parameters[0].values.values == [1, -2, 3])
        #expect(optimizer.moments[0].first.values.allSatisfy { $0 > 0 })
    }
}

@Suite struct GradientClippingTests {
    @Test func gradientsAreShortenedAsTorchDoes() throws {
        for fixture in try OptimizerFixture.cases("clipping") {
            let before = try OptimizerFixture.lists(fixture["before"])
            let parameters = OptimizerFixture.parameters(before)
            for (parameter, gradient) in zip(parameters, before) {
                parameter.gradient.replace(with: gradient.map { Float($0) })
            }
            let clipping = GradientClipping(parameters, limit: fixture["limit"]?.number)
            let norm = clipping.clip(parameters, crew: WorkCrew(threads: 2))
            #expect(abs(norm - (fixture["norm"]?.number ?? 0)) < 1e-5)
            let after = try OptimizerFixture.lists(fixture["after"])
            for (parameter, wanted) in zip(parameters, after) {
                for (value, wanted) in zip(parameter.gradient.values, wanted) {
                    #expect(abs(Double(value) - wanted) <= 1e-6 * abs(wanted))
                }
            }
        }
    }

    @Test func whatIsNotFiniteIsToldAndLeft() {
        let parameters = OptimizerFixture.parameters([[0, 0]])
        for bad in [Float.nan, .infinity] {
            parameters[0].gradient.replace(with: [bad, 1])
            let norm = GradientClipping(parameters, limit: 1)
                .clip(parameters, crew: WorkCrew(threads: 1))
            #expect(!norm.isFinite)
            #expect(parameters[0].gradient.values[1] == 1)
        }
    }

    @Test func theNormDoesNotDependOnThreads() {
        let count = 3 * ParameterParts.partSize + 5
        let parameters = OptimizerFixture.parameters([[Double](repeating: 0, count: count)])
        parameters[0].gradient.replace(with: (0..<count).map { 1 / Float($0 + 1) })
        let norms = [1, 2, 3].map { threads in
            GradientClipping(parameters, limit: nil)
                .clip(parameters, crew: WorkCrew(threads: threads))
        }
        #expect(Set(norms).count == 1)
    }
}

@Suite struct LearningRateScheduleTests {
    @Test func factorsEqualTransformers() throws {
        for fixture in try OptimizerFixture.cases("schedules") {
            let shape = try #require(
                fixture["shape"]?.string.flatMap(LearningRateSchedule.Shape.init(rawValue:)))
            let schedule = LearningRateSchedule(shape, warmUp: fixture["warmup"]?.integer ?? -1)
            let steps = try #require(fixture["steps"]?.integer)
            for (step, wanted) in try OptimizerFixture.numbers(fixture["factors"]).enumerated() {
                let factor = schedule.factor(step: step, of: steps)
                #expect(abs(factor - wanted) < 1e-12, "\(shape) \(step) of \(steps)")
            }
        }
    }
}
