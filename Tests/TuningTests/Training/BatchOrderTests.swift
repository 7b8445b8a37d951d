import Testing

@testable import Tuning

@Suite struct BatchOrderTests {
    @Test(arguments: [1, 2, 3, 7, 8, 9])
    func everyEpochTakesEveryExampleOnce(count: Int) {
        var order = BatchOrder(
            exampleCount: count, batchSize: 3, textCount: 0, textsPerStep: 0, seed: 5)
        #expect(order.stepsPerEpoch == (count + 2) / 3)
        for epoch in 0..<3 {
            let steps = (epoch * order.stepsPerEpoch)..<((epoch + 1) * order.stepsPerEpoch)
            let taken = steps.flatMap { order.batch(at: $0).examples }
            #expect(taken.sorted() == Array(0..<count))
            #expect(steps.allSatisfy { order.epoch(of: $0) == epoch })
        }
    }

    @Test func anOrderCanBeTakenUpAnywhere() {
        func order() -> BatchOrder {
            BatchOrder(exampleCount: 10, batchSize: 4, textCount: 7, textsPerStep: 3, seed: 9)
        }
        var whole = order()
        let batches = (0..<20).map { whole.batch(at: $0) }
        for step in [19, 3, 11, 0] {
            var late = order()
            let batch = late.batch(at: step)
            #expect(batch == batches[step])
        }
    }

    @Test func seedsEpochsAndStreamsDiffer() {
        var orders: Set<[Int]> = []
        for seed in [0, 1, 2] as [UInt64] {
            for stream in [1, 2] as [UInt64] {
                var order = SeededOrder(count: 40, seed: seed, stream: stream)
                for epoch in 0..<3 {
                    orders.insert((0..<40).map { order.index(at: epoch * 40 + $0) })
                }
            }
        }
        #expect(orders.count == 18)
    }

    /// Every place takes every value about as often: 2,000 orders of 5, expected 400 with a deviation of 18.
    @Test func ordersAreUnbiased() {
        var counts = [[Int]](repeating: [Int](repeating: 0, count: 5), count: 5)
        var order = SeededOrder(count: 5, seed: 3, stream: 1)
        for place in 0..<10_000 { counts[place % 5][order.index(at: place)] += 1 }
        #expect(counts.joined().allSatisfy { (310...490).contains($0) })
    }

    @Test func textsGoOnOverSteps() {
        var order = BatchOrder(
            exampleCount: 2, batchSize: 1, textCount: 6, textsPerStep: 4, seed: 0)
        let taken = (0..<3).flatMap { order.batch(at: $0).texts }
        #expect(taken.prefix(6).sorted() == Array(0..<6))
        #expect(taken.suffix(6).sorted() == Array(0..<6))
    }
}

@Suite struct EarlyStopTests {
    @Test func patienceCountsValidationsWithoutANewBest() {
        var stop = EarlyStop(EarlyStop.Options(patience: 2, minimumSteps: 0))
        var areBest: [Bool] = []
        for (index, loss) in [1, 1, 0.5, .nan, 0.7].enumerated() {
            areBest.append(stop.add(loss, step: index + 1))
            let isDue = stop.isDue(step: index + 1)
            #expect(isDue == (index == 4))
        }
        #expect(areBest == [true, false, true, false, false])
        #expect(stop.bestStep == 3)
        #expect(stop.bestLoss == 0.5)
    }

    @Test func itDoesNotEndBeforeTheMinimum() {
        var stop = EarlyStop(EarlyStop.Options(patience: 1, minimumSteps: 80))
        for step in [20, 40, 60, 80] {
            _ = stop.add(Double(step), step: step)
            #expect(stop.isDue(step: step) == (step == 80))
        }
    }

    @Test func withoutPatienceItNeverEnds() {
        var stop = EarlyStop(EarlyStop.Options(patience: nil, minimumSteps: 0))
        for step in 1...50 { _ = stop.add(Double(step), step: step) }
        #expect(!stop.isDue(step: 50))
    }
}
