import Testing

@testable import rtedit

struct QuantityTests {
    @Test func numbersHaveTheirDigits() {
        #expect(Quantity.fixed(0.12345, 3) == "0.123")
        #expect(Quantity.fixed(-2, 0) == "-2")
        #expect(Quantity.scientific(0.00012, 1) == "1.2e-04")
        #expect(Quantity.percent(0.4217) == "42.2 %")
        #expect(Quantity.fixed(.greatestFiniteMagnitude, 2).count == 312)
        #expect(Quantity.fixed(.nan, 2) == "nan")
        #expect(Quantity.percent(-0.0001) == "0.0 %" && Quantity.percent(-0.001) == "-0.1 %")
        #expect(Quantity.count(1, "pair") == "1 pair" && Quantity.count(0, "pair") == "0 pairs")
    }

    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_999, "1.0 MB"),
        (4_700_000, "4.7 MB"), (Int.max, "9223.4 PB"),
    ])
    func bytesAreInThousands(count: Int, text: String) {
        #expect(Quantity.bytes(count) == text)
    }

    @Test(arguments: [
        (Duration.milliseconds(420), "0.42 s"), (.milliseconds(9_996), "10.0 s"),
        (.seconds(59), "59.0 s"),
        (.seconds(60), "1:00 min"), (.seconds(125), "2:05 min"), (.seconds(3725), "1:02:05 h"),
    ])
    func durationsAreReadable(duration: Duration, text: String) {
        #expect(Quantity.duration(duration) == text)
    }

    @Test func progressShowsShareRateAndTimeLeft() {
        #expect(
            Progress.line(
                label: "baking", done: 420, total: 1000, unit: .bytes, elapsed: .seconds(2))
                == "baking: 42 %, 420 B of 1.0 kB, 210 B/s, 2.76 s left")
        #expect(
            Progress.line(
                label: "reading", done: 3, total: 3, unit: .things("blocks"), elapsed: .seconds(2))
                == "reading: 100 %, 3 of 3 blocks, 1.5 blocks/s")
        #expect(
            Progress.line(
                label: "x", done: 7, total: 5, unit: .things("y"), elapsed: .seconds(1)
            ).hasPrefix("x: 100 %, 5 of 5 y"))
        #expect(
            Progress.line(label: "x", done: 0, total: 0, unit: .things("y"), elapsed: .zero)
                == "x: 0 of 0 y, 0 y/s")
    }

    /// How far the work is and how long it takes stay, whatever the width.
    @Test func progressFitsTheTerminal() {
        func line(_ width: Int, unit: Progress.Unit = .bytes) -> String {
            Progress.line(
                label: "baking", done: 420, total: 1000, unit: unit, elapsed: .seconds(2),
                width: width)
        }
        #expect(line(55) == "baking: 42 %, 420 B of 1.0 kB, 210 B/s, 2.76 s left")
        #expect(line(50) == "baking: 42 %, 420 B of 1.0 kB, 2.76 s left")
        #expect(line(30) == "baking: 42 %, 2.76 s left")
        #expect(line(80, unit: .share) == "baking: 42 %, 2.76 s left")
    }
}
