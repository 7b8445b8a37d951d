import Glibc

/// On which side of the pairs words stand, and which pairs have them on the other one.
struct WordBalance {
    private let entries: [PairCheck.Entry]
    /// Of each pair, the words of one side that the other one has not.
    private let own: [(positive: Set<String>, negative: Set<String>)]
    private let counts: [String: (positive: Int, negative: Int)]

    init(_ entries: [PairCheck.Entry]) {
        self.entries = entries
        own = entries.map { entry in
            let sides = [entry.pair.positive, entry.pair.negative].map { Set($0.words) }
            return (sides[0].subtracting(sides[1]), sides[1].subtracting(sides[0]))
        }
        var counts: [String: (positive: Int, negative: Int)] = [:]
        for words in own {
            for word in words.positive { counts[word, default: (0, 0)].positive += 1 }
            for word in words.negative { counts[word, default: (0, 0)].negative += 1 }
        }
        self.counts = counts
    }

    /// Fewer pairs tell nothing about words.
    private static let fewest = 12

    var findings: [PairFinding] {
        guard entries.count >= Self.fewest else { return [] }
        return [swapped, telling].compactMap { $0 }
    }

    /// How far a pair's words are on the side where they stand in the other pairs: the sum over words of the log of their
    /// odds there.
    private func score(_ index: Int) -> Double {
        func odds(_ word: String, _ isPositive: Bool) -> Double {
            let count = counts[word] ?? (0, 0)
            let (positive, negative) = (
                count.positive - (isPositive ? 1 : 0), count.negative - (isPositive ? 0 : 1)
            )
            return log((Double(positive) + 0.5) / (Double(negative) + 0.5))
        }
        return own[index].positive.sorted().reduce(0) { $0 + odds($1, true) }
            - own[index].negative.sorted().reduce(0) { $0 + odds($1, false) }
    }

    /// The odds, as their log, from which on a pair stands the other way round.
    private static let suspicion = 4.0

    private var swapped: PairFinding? {
        let scores = entries.indices.map(score)
        let middle = scores.sorted()[scores.count / 2]
        guard middle > Self.suspicion else { return nil }
        let lines = entries.indices.filter { scores[$0] < -Self.suspicion }.map { entries[$0].line }
        guard !lines.isEmpty else { return nil }
        return PairFinding(
            .swapped, isFault: false, lines: lines,
            "words of each side stand on the other one elsewhere: the sides may be swapped")
    }

    /// The share of the pairs in which a word may stand on one side alone.
    private static let largestShare = 0.9

    private var telling: PairFinding? {
        let limit = Self.largestShare * Double(entries.count)
        let words = counts.filter { Double(abs($1.positive - $1.negative)) >= limit }
        guard !words.isEmpty else { return nil }
        let list = words.keys.sorted().prefix(3).map { word in
            let isPositive = (words[word]?.positive ?? 0) > (words[word]?.negative ?? 0)
            return "'\(word)' on the \(isPositive ? "positive" : "negative") one"
        }
        return PairFinding(
            .word, isFault: false,
            "a word tells the sides apart in nine of ten pairs (\(list.joined(separator: ", "))): the "
                + "direction may be of the word; take several wordings of the trait")
    }
}
