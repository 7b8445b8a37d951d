import Testing
import Transformer

@testable import Tuning

/// The order of trials, on figures that are made up: what a block gives and costs is known.
@Suite struct SearchStrategyTests {
    private let count = 24

    private var vectors: [SearchVector] {
        let interventions = (0..<count).map { Intervention(block: $0, vector: [1]) }
        return [
            SearchVector(
                file: "v.gguf", site: .residPost, blocks: Array(0..<count),
                interventions: interventions)
        ]
    }

    /// Effects add up; divergences do as those of independent pushes: the best run is that of all good blocks.
    private func trial(
        _ point: SearchPoint, _ part: SearchPart, good: ClosedRange<Int>, limits: SearchLimits,
        saturation: Double = 0
    ) -> SearchTrial {
        let strength = Double(point.strength.value)
        let places = point.candidate.places
        let gain = places.reduce(0.0) { $0 + (good.contains($1) ? 1 : 0.1) } * strength
        let divergence = 0.001 * strength * strength * Double(places.count)
        var options = SearchOptions()
        options.limits = limits
        return SearchTrial(
            point, part,
            SearchFigures(
                margins: [gain - saturation * gain * abs(gain)], divergence: divergence, loss: nil),
            plain: SearchFigures(margins: [0], divergence: 0, loss: nil), options: options)
    }

    private func run(
        good: ClosedRange<Int>, limit: Double = 0.1, budget: Int = 160, signs: [Bool] = [false],
        saturation: Double = 0
    ) throws -> [SearchTrial] {
        let limits = SearchLimits(divergence: limit)
        var strategy = SearchStrategy(vectors: vectors, signs: signs, budget: budget) {
            trial($0, $1, good: good, limits: limits, saturation: saturation)
        }
        try strategy.run()
        return strategy.trials
    }

    @Test(arguments: [3...3, 10...13, 0...5, 22...23, 0...23])
    func thePlantedRunIsFoundWithTheStrengthAtTheLimit(good: ClosedRange<Int>) throws {
        let best = try #require(
            try run(good: good).filter { $0.part == .choice }.best)
        #expect(best.point.candidate.places == good)
        #expect(best.used > 0.95 && best.used <= 1)
    }

    @Test(arguments: [1e-6, 0.01, 1, 100])
    func limitsHoldWhateverTheyAre(limit: Double) throws {
        let choices = try run(good: 10...13, limit: limit).filter { $0.part == .choice }
        let best = try #require(choices.best)
        #expect(best.figures.divergence ?? 1 <= limit)
        #expect(best.used > 0.95)
        #expect(best.point.candidate.places == 10...13)
    }

    /// Pushing on makes things worse before any limit is reached.
    @Test func aStrengthBelowTheLimitsIsFound() throws {
        let choices = try run(good: 10...13, limit: 0.5, saturation: 0.05)
            .filter { $0.part == .choice }
        let best = try #require(choices.best)
        // The most that any strength gives is 5.
        #expect(best.effect > 4.5)
        #expect(best.used < 0.9)
    }

    @Test func theSignThatMovesIsTaken() throws {
        let trials = try run(good: 10...13, signs: [false, true])
        #expect(trials.contains { $0.point.candidate.isNegative && $0.effect < 0 })
        #expect(trials.filter { $0.part == .choice }.best?.point.candidate.isNegative == false)
    }

    @Test(arguments: [8, 9, 20, 50, 1000])
    func noMoreTrialsAreMadeThanAllowedAndNoneTwice(budget: Int) throws {
        let trials = try run(good: 10...13, budget: budget)
        #expect(trials.count <= budget)
        #expect(trials.contains { $0.part == .choice })
        #expect(Set(trials).count == trials.count)
        #expect(try run(good: 10...13, budget: budget) == trials)
    }

    @Test func nothingWithinAnImpossibleLimitIsTheBest() throws {
        let choices = try run(good: 10...13, limit: 0).filter { $0.part == .choice }
        #expect(choices.best == nil)
        #expect(choices.nearest != nil)
    }

    @Test func aVectorThatDoesNothingEnds() throws {
        let plain = SearchFigures(margins: [1, 2], divergence: 0, loss: 1)
        var strategy = SearchStrategy(vectors: vectors, signs: [false], budget: 60) {
            SearchTrial($0, $1, plain, plain: plain, options: SearchOptions())
        }
        try strategy.run()
        #expect(strategy.trials.count <= 60)
        #expect(strategy.trials.best == nil)
        #expect(strategy.trials.front.isEmpty)
    }

    @Test func whatIsNotFiniteIsNeverTheBest() throws {
        let plain = SearchFigures(margins: [0], divergence: 0, loss: nil)
        var strategy = SearchStrategy(vectors: vectors, signs: [false], budget: 60) { point, part in
            let figures =
                point.strength.value > 0.5
                ? SearchFigures(margins: [.nan], divergence: .nan, loss: nil)
                : trial(point, part, good: 4...5, limits: SearchLimits()).figures
            return SearchTrial(point, part, figures, plain: plain, options: SearchOptions())
        }
        try strategy.run()
        let best = try #require(strategy.trials.filter { $0.part == .choice }.best)
        #expect(best.effect.isFinite && best.point.strength.value <= 0.5)
    }

    @Test func theFrontHasWhatNothingIsBetterThan() {
        func trial(_ effect: Double, _ divergence: Double, _ strength: Double) -> SearchTrial {
            SearchTrial(
                SearchPoint(
                    SearchCandidate(vector: 0, places: 0...0, isNegative: false), strength),
                .choice, SearchFigures(margins: [effect], divergence: divergence, loss: nil),
                plain: SearchFigures(margins: [0], divergence: 0, loss: nil),
                options: SearchOptions())
        }
        let trials = [
            trial(3, 0.3, 1), trial(1, 0.1, 2), trial(2, 0.4, 3), trial(-1, 0.01, 4),
            trial(1, 0.1, 5), trial(0, 0, 6),
        ]
        #expect(trials.front == [trials[1], trials[0]])
        #expect(trials.best == trials[1])
        #expect(trials.nearest == trials[1])
    }

    @Test(arguments: [
        (0.8512345, "0.851"), (-12, "-12"), (1234.5, "1230"), (0, "1e-06"), (1e9, "1000000"),
        (0.00012345, "0.000123"),
    ])
    func aStrengthIsTheNumberThatItsTextSays(value: Double, text: String) throws {
        let strength = SearchStrength(value)
        #expect(strength.description == text)
        #expect(strength.value == Float(text))
        #expect(try VectorSpecification("v.gguf:\(text)@3").scale == strength.value)
    }

    @Test func halvesOfProbesAreDrawnByLotAndShareNothing() throws {
        for count in [4, 5, 48] {
            let split = try ProbeSplit(of: count, file: "p", seed: 3)
            #expect((split.choice + split.heldOut).sorted() == Array(0..<count))
            #expect(split.choice.count == (count + 1) / 2)
            #expect(Set(split.coarse).isSubset(of: split.choice))
            #expect(try ProbeSplit(of: count, file: "p", seed: 3) == split)
        }
        let splits = try (0..<9).map { try ProbeSplit(of: 48, file: "p", seed: $0) }
        #expect(Set(splits).count == 9)
        #expect(throws: SearchError.fewProbes(file: "p", count: 3, needed: 4)) {
            try ProbeSplit(of: 3, file: "p", seed: 0)
        }
    }
}
