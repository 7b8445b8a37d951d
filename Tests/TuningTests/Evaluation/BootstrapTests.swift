import Testing
import Transformer

@testable import Tuning

@Suite struct BootstrapTests {
    /// Every resample of two numbers, by hand: the mean is 0, 5 or 10 with chances 1/4, 1/2, 1/4.
    @Test func theIntervalOfTwoNumbersIsTheirRange() throws {
        let interval = try #require(Bootstrap().interval(ofMean: [0, 10]))
        #expect(interval.lower == 0)
        #expect(interval.upper == 10)
        #expect(abs(interval.standardError - 12.5.squareRoot()) < 0.1)
    }

    /// The same resamples, drawn and sorted the plain way.
    @Test func theIntervalEqualsTheNaiveOne() throws {
        let values: [Double] = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
        let bootstrap = Bootstrap(resamples: 401, seed: 7)
        var numbers = Xoshiro256(seed: 7)
        var means: [Double] = []
        for _ in 0..<401 {
            var sum = 0.0
            for _ in values {
                let share = Double(numbers.next()) / 0x1p64
                sum += values[Int(share * Double(values.count))]
            }
            means.append(sum / Double(values.count))
        }
        means.sort()
        let interval = try #require(bootstrap.interval(ofMean: values))
        // 2.5 % of 400 steps is 10.
        #expect(abs(interval.lower - means[10]) < 1e-12)
        #expect(abs(interval.upper - means[390]) < 1e-12)
        #expect(bootstrap.interval(ofMean: values) == interval)
        #expect(Bootstrap(resamples: 401, seed: 8).interval(ofMean: values) != interval)
    }

    /// For a mean of many numbers the bootstrap's error is the textbook's.
    @Test func theStandardErrorIsThatOfAMean() throws {
        var numbers = Xoshiro256(seed: 1)
        let values = (0..<400).map { _ in numbers.nextUnit() }
        let mean = values.reduce(0, +) / 400
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 399
        let interval = try #require(Bootstrap().interval(ofMean: values))
        let expected = (variance / 400).squareRoot()
        #expect(abs(interval.standardError / expected - 1) < 0.03)
        #expect(abs(interval.upper - mean - 1.96 * expected) < 0.1 * expected)
    }

    @Test func nothingToResampleGivesNoInterval() {
        #expect(Bootstrap().interval(ofMean: []) == nil)
        #expect(Bootstrap().interval(ofMean: [1]) == nil)
        #expect(Bootstrap().interval(ofMean: [1, .infinity]) == nil)
        #expect(Bootstrap(resamples: 0).interval(ofMean: [1, 2]) == nil)
    }

    @Test func quantilesLieBetweenNeighbours() {
        #expect(Quantile.of(sorted: [1, 2, 4], 0.5) == 2)
        #expect(Quantile.of(sorted: [1, 2], 0.25) == 1.25)
        #expect(Quantile.of(sorted: [1, 2], 1) == 2)
        #expect(Quantile.of(sorted: [1, .infinity], 0) == 1)
        #expect(Quantile.of(sorted: [], 0.5) == 0)
    }
}
