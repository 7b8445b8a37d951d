import Glibc
import Testing

@testable import Tuning

@Suite struct StrengthMatchTests {
    private let match = StrengthMatch(target: 0.0953, tolerance: 0.001, greatest: 4)

    @Test(arguments: [0.05, 0.6, 1, 4])
    func findsTheStrengthOfACostFromAnyGuess(guess: Double) {
        for (factor, power) in [(0.2, 2.0), (0.05, 1.5), (3, 2.5), (1, 1.0)] {
            var count = 0
            let found = match.find(from: guess) { strength in
                count += 1
                return factor * pow(strength, power)
            }
            #expect(found.isReached && abs(found.cost - 0.0953) <= 0.001)
            #expect(abs(factor * pow(found.strength, power) - found.cost) < 1e-12)
            #expect(count <= 10)
        }
    }

    @Test func aCostThatIsNotReachedEndsAtTheGreatestStrength() {
        let found = match.find(from: 1) { 0.001 * $0 }
        #expect(found == .init(strength: 4, cost: 0.004, isReached: false))
        // A model that reads prose better for a while.
        let dip = match.find(from: 0.5) { 0.3 * ($0 * $0 - $0) }
        #expect(dip.isReached && dip.strength > 1)
    }

    @Test func whatIsNotFiniteIsTooMuch() {
        let found = match.find(from: 4) { $0 > 1 ? .nan : 0.2 * $0 * $0 }
        #expect(found.isReached)
    }
}
