import Formats
import Foundation
import Testing
import Transformer

@Suite struct KernelRoutingTests {
    struct Case: Sendable {
        let tokens: Int
        let experts: Experts
        let hasChoiceBias: Bool

        init(
            _ tokens: Int, _ count: Int, _ usedCount: Int, _ normalizes: Bool,
            _ scoring: Experts.Scoring = .softmax, scale: Double = 1, hasChoiceBias: Bool = false
        ) {
            self.tokens = tokens
            var experts = Experts(
                count: count, usedCount: usedCount, feedForwardSize: 1,
                normalizesShares: normalizes)
            experts.scoring = scoring
            experts.shareScale = scale
            self.experts = experts
            self.hasChoiceBias = hasChoiceBias
        }

        var logits: [Float] { randomFloats(tokens * experts.count, seed: 1).map { $0 * 3 } }

        /// (experts): zeros where there is none.
        var choiceBias: [Float] {
            randomFloats(experts.count, seed: 7).map { hasChoiceBias ? $0 : 0 }
        }

        func routing(_ logits: [Float]) -> Routing {
            hasChoiceBias
                ? Routing(logits: logits, tokens: tokens, experts: experts, choiceBias: choiceBias)
                : Routing(logits: logits, tokens: tokens, experts: experts)
        }

        /// (tokens, experts): the share of each, 0 where it is not used.
        func shares(_ logits: [Float]) -> [Float] {
            let routing = routing(logits)
            var table = [Float](repeating: 0, count: tokens * experts.count)
            for expert in 0..<experts.count {
                for use in routing.uses(of: expert) {
                    table[use.token * experts.count + expert] = use.share
                }
            }
            return table
        }
    }

    static let cases = [
        Case(1, 1, 1, true), Case(7, 8, 2, true), Case(9, 8, 2, false), Case(31, 9, 9, true),
        Case(3, 31, 4, false), Case(0, 4, 2, true), Case(8, 128, 8, true),
        Case(5, 8, 3, true, .softmax, scale: 2.5), Case(5, 8, 3, false, .softmax, scale: 0.5),
        Case(7, 8, 3, true, .softmax, hasChoiceBias: true),
        Case(7, 8, 3, true, .sigmoid(epsilon: 0), hasChoiceBias: true),
        Case(9, 16, 4, true, .sigmoid(epsilon: 0.125), scale: 2.5, hasChoiceBias: true),
        Case(6, 9, 2, false, .sigmoid(epsilon: 0), scale: 1.5),
    ]

    @Test(arguments: cases) func sharesAgreeWithTheNaiveTwin(_ example: Case) {
        let (count, logits) = (example.experts.count, example.logits)
        let expected = (0..<example.tokens).flatMap { token -> [Double] in
            let row = logits[token * count..<(token + 1) * count].map(Double.init)
            let total = row.reduce(0) { $0 + exp($1) }
            let (scores, epsilon) =
                switch example.experts.scoring {
                case .softmax: (row.map { exp($0) / total }, 0.0)
                case .sigmoid(let epsilon): (row.map { 1 / (1 + exp(-$0)) }, Double(epsilon))
                }
            let choice = zip(scores, example.choiceBias).map { $0 + Double($1) }
            let used = (0..<count).sorted { choice[$0] > choice[$1] }
                .prefix(example.experts.usedCount)
            let divisor =
                example.experts.normalizesShares
                ? used.reduce(epsilon) { $0 + scores[$1] } : 1
            return (0..<count).map {
                used.contains($0) ? scores[$0] / divisor * example.experts.shareScale : 0
            }
        }
        #expect(largestDifference(example.shares(logits), expected) < 2e-6)
    }

    @Test func usesAreInTheOrderOfTheTokens() {
        let logits: [Float] = [3, 1, 2, 0, 2, 5, 9, 8, 1]
        let experts = Experts(count: 3, usedCount: 2, feedForwardSize: 1, normalizesShares: true)
        let routing = Routing(logits: logits, tokens: 3, experts: experts)
        func places(_ expert: Int) -> [[Int]] {
            routing.uses(of: expert).map { [$0.token, $0.slot] }
        }
        #expect(places(0) == [[0, 0], [2, 0]])
        #expect(places(1) == [[1, 1], [2, 1]])
        #expect(places(2) == [[0, 1], [1, 0]])
    }

    @Test func ofEqualLogitsTheLowerIndexIsUsed() {
        let experts = Experts(count: 5, usedCount: 2, feedForwardSize: 1, normalizesShares: true)
        let routing = Routing(logits: [1, 2, 1, 2, 2], tokens: 1, experts: experts)
        #expect((0..<5).map { routing.uses(of: $0).count } == [0, 1, 0, 1, 0])
        #expect(routing.uses(of: 1)[0].share == 0.5 && routing.uses(of: 1)[0].slot == 0)
    }

    @Test func logitsThatAreNoNumbersDoNotTrap() {
        let experts = Experts(count: 3, usedCount: 2, feedForwardSize: 1, normalizesShares: true)
        for logits: [Float] in [
            [.nan, .nan, .nan], [1, .nan, 2], [-.infinity, -.infinity, -.infinity],
            [.infinity, .infinity, 1],
        ] {
            let routing = Routing(logits: logits, tokens: 1, experts: experts)
            #expect((0..<3).reduce(0) { $0 + routing.uses(of: $1).count } == 2)
        }
    }

    /// Step 2⁻⁷; no step changes which experts are used.
    @Test(arguments: cases.filter { $0.tokens > 0 })
    func gradientAgreesWithCentralDifferences(_ example: Case) {
        let (count, usedCount) = (example.experts.count, example.experts.usedCount)
        // Logits that are at least 1/16 apart.
        let logits = (0..<example.tokens * count).map { index in
            let (token, expert) = (index / count, index % count)
            let rank = (expert * 37 + token * 5) % 131
            return Float(rank) / 16 - 4
        }
        let change = randomFloats(example.tokens * count, seed: 2)
        let routing = example.routing(logits)
        var shareGradient = [Float](repeating: .nan, count: example.tokens * usedCount)
        for expert in 0..<count {
            for use in routing.uses(of: expert) {
                shareGradient[use.token * usedCount + use.slot] =
                    change[use.token * count + expert]
            }
        }
        var gradient = [Float](repeating: .nan, count: logits.count)
        routing.backward(&gradient, shareGradient: shareGradient)
        let differences = centralDifferences(of: logits, step: 0x1p-7) {
            weightedSum(example.shares($0), change)
        }
        #expect(largestDifference(gradient, differences) < 5e-5)
    }
}
