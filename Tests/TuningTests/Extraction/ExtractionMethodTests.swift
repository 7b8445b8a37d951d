import Testing
import Transformer

@testable import Tuning

/// Directions in made-up activations whose right answer is known.
@Suite struct ExtractionMethodTests {
    private let width = 24
    private let pairs = 40
    private let positive: SampleMatrix
    private let negative: SampleMatrix
    private let differences: SampleMatrix
    /// The direction the sides differ along.
    private let truth: [Float]

    /// Sides that differ by 3 along `truth`, with noise in each coordinate and a strong nuisance along the last.
    init() {
        var numbers = Xoshiro256(seed: 5)
        func noise() -> Float { Float(numbers.nextUnit() - 0.5) }
        var truth = (0..<width).map { _ in noise() }
        truth[width - 1] = 0
        let norm = Float(truth.norm)
        truth = truth.map { $0 / norm }
        var positive = SampleMatrix(width: width, rows: pairs)
        var negative = positive
        var differences = positive
        for pair in 0..<pairs {
            let shared = (0..<width).map { _ in 2 * noise() }
            var difference = truth.map { 3 * $0 + 0.2 * noise() }
            difference[width - 1] += 20 * (pair % 2 == 0 ? 1 : -1)
            positive[pair] = zip(shared, difference).map { $0 + $1 / 2 }[...]
            negative[pair] = zip(shared, difference).map { $0 - $1 / 2 }[...]
            differences[pair] = difference[...]
        }
        self.positive = positive
        self.negative = negative
        self.differences = differences
        self.truth = truth
    }

    private func cosine(_ method: ExtractionMethod, with other: [Float]) -> Double {
        let found = method.direction(
            positive: positive, negative: negative, differences: differences,
            chosen: Array(0..<pairs))
        return found.dot(other)
            / found.norm / other.norm
    }

    @Test func meanFindsWhatTheSidesShare() {
        #expect(cosine(.mean, with: truth) > 0.99)
    }

    @Test func centredComponentFindsHowTheyVary() {
        var nuisance = [Float](repeating: 0, count: width)
        nuisance[width - 1] = 1
        #expect(abs(cosine(.pcaCentered, with: nuisance)) > 0.999)
    }

    @Test func componentEqualsTheNaiveOne() {
        // Without the nuisance, the direction nearest to all differences is the shared one.
        var plain = differences
        for pair in 0..<pairs {
            var row = Array(plain[pair])
            row[width - 1] = 0
            plain[pair] = row[...]
        }
        let found = PrincipalComponent.first(of: plain, rows: Array(0..<pairs), centre: nil)
        #expect(abs(found.dot(truth)) > 0.999)
        #expect(abs(found.norm - 1) < 1e-6)
        let again = PrincipalComponent.first(of: plain, rows: Array(0..<pairs), centre: nil)
        #expect(found == again)
    }

    @Test func regressionSeparatesTheSides() {
        #expect(cosine(.logistic, with: truth) > 0.5)
        let normal = LogisticRegression.normal(
            positive: positive, negative: negative, rows: Array(0..<pairs))
        let up = positive.projections(on: normal)
        let down = negative.projections(on: normal)
        #expect(Separation(positive: up, negative: down).areaUnderCurve > 0.9)
    }

    @Test func separationCountsTiesHalf() {
        let tied = Separation(positive: [1, 1], negative: [1, 1])
        #expect(tied.areaUnderCurve == 0.5)
        #expect(tied.pairAccuracy == 0.5)
        let clean = Separation(positive: [3, 4], negative: [1, 2])
        #expect(clean.areaUnderCurve == 1)
        #expect(clean.pairAccuracy == 1)
        let mixed = Separation(positive: [1, 4], negative: [2, 3])
        #expect(mixed.areaUnderCurve == 0.5)
    }
}
