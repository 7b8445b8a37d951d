import Testing
import Transformer

@testable import Tuning

struct SteeringScheduleTests {
    private let vectors = [1, 4].map { block in
        [Intervention(site: .residPost, block: block, vector: [1, -1], strength: 2)]
    }

    private func schedule(_ probability: Double, seed: UInt64 = 3) -> SteeringSchedule {
        SteeringSchedule(vectors, probability: probability, strength: 1.5, seed: seed)
    }

    @Test func aShareOfTheStepsIsSteeredByOneVectorWithinTheStrength() {
        let drawn = (0..<4000).map { schedule(0.125).steering(at: $0) }
        let steered = drawn.filter { !$0.isEmpty }.map { $0[0] }
        let count = Double(steered.count)
        // Four standard deviations of a binomial, and of a mean of uniform numbers.
        let spread = (4000 * 0.125 * 0.875).squareRoot()
        #expect(abs(count - 500) < 4 * spread)
        #expect(drawn.allSatisfy { $0.count <= 1 })
        #expect(steered.allSatisfy { abs($0.strength) <= 3 })
        #expect(Set(steered.map(\.block)) == [1, 4])
        let sum = steered.reduce(0.0) { $0 + Double($1.strength) }
        let bound = 4 * 3 / (3 * count).squareRoot()
        #expect(abs(sum / count) < bound)
    }

    @Test func aStepIsAFunctionOfTheSeedAndItsNumber() {
        #expect(schedule(1).steering(at: 7) == schedule(1).steering(at: 7))
        #expect(schedule(1).steering(at: 7) != schedule(1).steering(at: 8))
        #expect(schedule(1).steering(at: 7) != schedule(1, seed: 4).steering(at: 7))
        #expect(schedule(0).steering(at: 7).isEmpty)
    }

    @Test func everySecondBatchOfAValidationIsSteered() {
        let isPlain = (0..<4).map { schedule(0).validation(at: $0).isEmpty }
        #expect(isPlain == [false, true, false, true])
        #expect(schedule(1).lowestDepth == 1)
    }
}
