import Testing

@testable import Tuning

@Suite struct HolmTests {
    /// Against statsmodels 0.15.0: `multipletests(levels, 0.05, "holm")`.
    @Test func adjustedLevelsAreThoseOfStatsmodels() {
        let levels = [0.012, 0.001, 0.2, 0.034, 0.0045, 0.8, 0.012, 0.03]
        let expected = [0.072, 0.008, 0.4, 0.12, 0.0315, 0.8, 0.072, 0.12]
        let results = Holm(levels, alpha: 0.05).results
        for (result, adjusted) in zip(results, expected) {
            #expect(abs(result.adjusted - adjusted) < 1e-15)
            #expect(result.isRejected == (adjusted <= 0.05))
        }
    }

    @Test func levelsSayWhatWasLeft() {
        let results = Holm([0.6, 0.001, 0.02, 0.04], alpha: 0.06).results
        let left = [0.06 / 2, 0.06 / 4, 0.06 / 3, 0.06 / 2]
        #expect(zip(results, left).allSatisfy { abs($0.level - $1) < 1e-15 })
        #expect(results.map(\.isRejected) == [false, true, true, false])
        #expect(Holm([], alpha: 0.05).results.isEmpty)
    }
}
