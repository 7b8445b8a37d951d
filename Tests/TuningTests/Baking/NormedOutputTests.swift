import Testing

@testable import Transformer
@testable import Tuning

/// The nearest output that a norm allows.
@Suite struct NormedOutputTests {
    private func numbers(_ count: Int, _ random: inout Xoshiro256) -> [Double] {
        (0..<count).map { _ in random.nextUnit() * 2 - 1 }
    }

    private func distance(_ norm: NormedOutput, _ u: [Double], _ target: [Double]) -> Double {
        u.indices.reduce(0.0) { sum, index in
            let rest = norm.weight[index] * u[index] - target[index]
            return sum + rest * rest
        }
    }

    private func onSphere(_ u: [Double]) -> [Double] {
        let scale = (u.reduce(0) { $0 + $1 * $1 } / Double(u.count)).squareRoot()
        return u.map { $0 / scale }
    }

    @Test(arguments: [0.2, 1, 5], [1.0, 30])
    func noPointOfTheSphereIsNearer(_ size: Double, _ spread: Double) {
        var random = Xoshiro256(seed: 5)
        for _ in 0..<20 {
            let weight = numbers(12, &random).map { $0 * spread }
            let norm = NormedOutput(weight: weight, epsilon: 0)
            let target = numbers(12, &random).map { $0 * size * spread }
            let found = norm.nearest(to: target)
            let square = found.reduce(0) { $0 + $1 * $1 } / 12
            #expect(abs(square - 1) < 1e-9)
            let least = distance(norm, found, target)
            for step in [1, 1e-1, 1e-2, 1e-3] {
                for _ in 0..<50 {
                    let moved = zip(found, numbers(12, &random)).map { $0 + step * $1 }
                    #expect(
                        distance(norm, onSphere(moved), target) >= least * (1 - 1e-9) - 1e-12)
                }
            }
        }
    }

    @Test func whatANormGivesIsItsOwnNearestPoint() {
        var random = Xoshiro256(seed: 9)
        let norm = NormedOutput(weight: [3, -0.5, 2, 1, -7], epsilon: 0)
        let y = numbers(5, &random)
        let rms = norm.rootMeanSquare(y)
        let target = zip(norm.weight, y).map { $0 * $1 / rms }
        let found = norm.nearest(to: target)
        for (left, right) in zip(found, y) { #expect(abs(left - right / rms) < 1e-6) }
    }

    @Test func weightsAndTargetsOfZeroAreLeftAlone() {
        let norm = NormedOutput(weight: [0, 2, 1], epsilon: 1e-6)
        let found = norm.nearest(to: [5, 1, 0])
        #expect(found[0] == 0 && found[2] == 0 && abs(found[1] - 3.0.squareRoot()) < 1e-9)
        #expect(norm.nearest(to: [0, 0, 0]) == [0, 0, 0])
    }
}
