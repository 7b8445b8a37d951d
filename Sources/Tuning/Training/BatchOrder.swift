import Transformer

/// A seeded order of things that are gone through again and again, each time in a new order.
///
/// It is a function of the seed and the place alone, so a run can be taken up anywhere: only the present epoch's
/// order is kept, to be fast.
package struct SeededOrder: Sendable {
    package let count: Int
    private let seed: UInt64
    private var epoch = 0
    private var order: [Int]

    /// - Parameters:
    ///   - count: how many things there are; at least one.
    ///   - stream: tells orders with the same seed apart.
    package init(count: Int, seed: UInt64, stream: UInt64) {
        self.count = max(count, 1)
        var seeder = SplitMix64(seed: seed ^ (stream &* 0xD6E8_FEB8_6659_FD93))
        self.seed = seeder.next()
        order = Self.shuffled(self.count, seed: self.seed, epoch: 0)
    }

    /// The index of the thing at a place, counted from the first epoch's start.
    package mutating func index(at place: Int) -> Int {
        let (epoch, offset) = place.quotientAndRemainder(dividingBy: count)
        if epoch != self.epoch {
            order = Self.shuffled(count, seed: seed, epoch: epoch)
            self.epoch = epoch
        }
        return order[offset]
    }

    /// Fisher–Yates from the top (Durstenfeld 1964). The standard library promises no order between its versions.
    private static func shuffled(_ count: Int, seed: UInt64, epoch: Int) -> [Int] {
        var generator = Xoshiro256(seed: seed &+ UInt64(epoch))
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(last, Int(generator.next(below: UInt64(last + 1))))
        }
        return order
    }
}

extension Xoshiro256 {
    /// A number below the bound, every one as likely as another: numbers of the last, incomplete round are
    /// thrown away.
    fileprivate mutating func next(below bound: UInt64) -> UInt64 {
        let excess = (UInt64.max % bound + 1) % bound
        while true {
            let word = next()
            if word <= UInt64.max - excess { return word % bound }
        }
    }
}

/// Which examples and which windows of text each step takes.
package struct BatchOrder: Sendable {
    package let stepsPerEpoch: Int
    private let batchSize: Int
    private let textsPerStep: Int
    private var examples: SeededOrder
    private var texts: SeededOrder

    /// The streams of a run's random numbers.
    enum Stream {
        static let examples: UInt64 = 1
        static let texts: UInt64 = 2
        static let validation: UInt64 = 3
        static let steering: UInt64 = 4
    }

    /// - Parameters:
    ///   - exampleCount: at least one.
    ///   - textCount: windows of text; where there are none, `textsPerStep` must be 0.
    package init(exampleCount: Int, batchSize: Int, textCount: Int, textsPerStep: Int, seed: UInt64)
    {
        examples = SeededOrder(count: exampleCount, seed: seed, stream: Stream.examples)
        texts = SeededOrder(count: textCount, seed: seed, stream: Stream.texts)
        self.batchSize = max(batchSize, 1)
        self.textsPerStep = textCount == 0 ? 0 : textsPerStep
        stepsPerEpoch = (examples.count + self.batchSize - 1) / self.batchSize
    }

    /// The epoch a step belongs to.
    package func epoch(of step: Int) -> Int { step / stepsPerEpoch }

    /// The indices a step takes; an epoch's last batch may be smaller, as no example is taken twice in an epoch.
    package mutating func batch(at step: Int) -> (examples: [Int], texts: [Int]) {
        let (epoch, place) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
        let first = place * batchSize
        let last = min(first + batchSize, examples.count)
        return (
            (first..<last).map { examples.index(at: epoch * examples.count + $0) },
            (0..<textsPerStep).map { texts.index(at: step * textsPerStep + $0) }
        )
    }
}
