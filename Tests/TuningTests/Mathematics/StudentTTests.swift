import Testing

@testable import Tuning

/// Against numbers of scipy 1.17.1: `2 * t.sf(value, df)` and `t.isf(tail / 2, df)`.
@Suite struct StudentTTests {
    private static let tails: [(Double, Double, Double)] = [
        (0.5, 1.0, 0.704_832_764_699_133_5), (2, 1, 0.295_167_235_300_866_5),
        (12.7, 2, 0.006_142_941_599_595_777), (2.5, 2.5, 0.104_569_963_078_155_4),
        (4, 7, 0.005_189_913_349_296_813), (2.2, 12, 0.048_136_813_445_022_52),
        (6, 12.6, 5.068_962_465_418_045e-05), (1.96, 1000, 0.050_273_184_955_748_736),
        (0.01, 3, 0.992_649_111_412_852), (40, 5, 1.841_196_217_177_295_4e-07),
        (0.3, 0.7, 0.829_235_186_371_335),
    ]

    private static let quantiles: [(Double, Double, Double)] = [
        (0.05, 1.0, 12.706_204_736_174_705), (0.05, 2, 4.302_652_729_749_464),
        (0.05, 7, 2.364_624_251_592_784_4), (0.05, 12, 2.178_812_829_667_228_3),
        (0.05 / 12, 7, 4.174_314_971_143_909), (0.05 / 12, 2, 15.443_479_007_054_6),
        (0.001, 12.6, 4.257_357_709_141_061), (0.5, 3, 0.764_892_328_404_344_4),
        (0.05, 1e6, 1.959_966_356_814_107_2), (1e-12, 4, 1565.083_515_167_86),
        (0.9, 5, 0.132_175_175_231_687_3), (0.05, 0.7, 36.611_415_031_588_706),
    ]

    @Test(arguments: tails)
    func tailsAreThoseOfTheTables(_ value: Double, _ degreesOfFreedom: Double, _ tail: Double) {
        let own = StudentT.tail(beyond: value, degreesOfFreedom: degreesOfFreedom)
        #expect(abs(own - tail) <= 1e-11 * tail)
    }

    @Test(arguments: quantiles)
    func quantilesAreThoseOfTheTables(
        _ tail: Double, _ degreesOfFreedom: Double, _ quantile: Double
    ) {
        let own = StudentT.quantile(tail: tail, degreesOfFreedom: degreesOfFreedom)
        #expect(abs(own - quantile) <= 1e-9 * quantile)
    }

    @Test func endsAreWhereTheyBelong() {
        #expect(StudentT.tail(beyond: 0, degreesOfFreedom: 3) == 1)
        #expect(StudentT.quantile(tail: 1, degreesOfFreedom: 3) == 0)
        #expect(StudentT.quantile(tail: 0, degreesOfFreedom: 3) == .infinity)
        #expect(StudentT.quantile(tail: 1e-30, degreesOfFreedom: 0.02) == .infinity)
        #expect(StudentT.quantile(tail: 1e-30, degreesOfFreedom: 2000).isFinite)
    }
}
