/// What numbers, lengths and turns of pairs tell.
struct PairShape {
    private let entries: [PairCheck.Entry]
    private let unit: String
    private let context: Int?

    init(_ entries: [PairCheck.Entry], unit: String, context: Int?) {
        self.entries = entries
        self.unit = unit
        self.context = context
    }

    var findings: [PairFinding] {
        [
            number, identical, otherTurns, otherRequests, lengths, uneven, tooLong, sharedRequests,
            unlabelled("category", \.category), unlabelled("couple", \.couple),
        ].compactMap { $0 }
    }

    private var number: PairFinding? {
        guard entries.count < PairCheck.enough else { return nil }
        let isFault = entries.count < PairCheck.fewest
        return PairFinding(
            .few, isFault: isFault,
            isFault
                ? "\(entries.count) \(entries.count == 1 ? "pair" : "pairs"), of which a direction is mostly chance: at least "
                    + "\(PairCheck.fewest) are needed, \(PairCheck.enough) are better"
                : "\(entries.count) pairs; \(PairCheck.enough) make a steadier direction")
    }

    private var identical: PairFinding? {
        let same = entries.filter {
            $0.pair.positive == $0.pair.negative || $0.hasSameTokens == true
        }
        guard !same.isEmpty else { return nil }
        let inTokens = same.contains { $0.pair.positive != $0.pair.negative }
        return PairFinding(
            .identical, isFault: true, lines: same.map(\.line),
            inTokens
                ? "both sides are the same tokens: the chat template leaves out what they differ in"
                : "both sides are the same text")
    }

    private var otherTurns: PairFinding? {
        let others = entries.filter { $0.pair.positive.turns != $0.pair.negative.turns }
        guard let first = others.first else { return nil }
        return PairFinding(
            .otherTurns, isFault: true, lines: others.map(\.line),
            "the sides have other turns (first: \(first.pair.positive.turns.joined(separator: " + ")) "
                + "and \(first.pair.negative.turns.joined(separator: " + "))), which a direction is "
                + "found for instead")
    }

    private var otherRequests: PairFinding? {
        let framed = entries.filter { entry in
            guard case .chat(let first?, _, _) = entry.pair.positive,
                case .chat(let second?, _, _) = entry.pair.negative
            else { return false }
            return first != second && entry.pair.positive.request != entry.pair.negative.request
        }
        guard !framed.isEmpty else { return nil }
        return PairFinding(
            .otherRequests, isFault: framed.count * 2 > entries.count, lines: framed.map(\.line),
            "system text and request both differ: with one request for both sides the trait alone does"
        )
    }

    /// Shares from which on length alone tells the sides apart: of the mean, and of the pairs in which it goes one way.
    private static let (largestGap, largestShare) = (0.15, 0.8)

    private var lengths: PairFinding? {
        let gaps = entries.map { $0.lengths.positive - $0.lengths.negative }
        let total = entries.reduce(0) { $0 + $1.lengths.positive + $1.lengths.negative }
        let gap = 2 * Double(gaps.reduce(0, +)) / Double(max(1, total))
        let longer = gaps.count { gap > 0 ? $0 > 0 : $0 < 0 }
        guard abs(gap) > Self.largestGap,
            Double(longer) >= Self.largestShare * Double(entries.count)
        else { return nil }
        return PairFinding(
            .lengths, isFault: true,
            "the \(gap > 0 ? "positive" : "negative") side is longer in \(longer) of \(entries.count) "
                + "pairs, by \(Int((100 * abs(gap)).rounded())) % on average: a direction would be of "
                + "length too")
    }

    private var uneven: PairFinding? {
        let uneven = entries.filter { entry in
            let (least, most) = (
                min(entry.lengths.positive, entry.lengths.negative),
                max(entry.lengths.positive, entry.lengths.negative)
            )
            return most > 2 * least && most - least > 4
        }
        guard !uneven.isEmpty else { return nil }
        return PairFinding(
            .uneven, isFault: false, lines: uneven.map(\.line),
            "one side has more than twice the \(unit) of the other")
    }

    private var tooLong: PairFinding? {
        guard let context else { return nil }
        let long = entries.filter { max($0.lengths.positive, $0.lengths.negative) > context }
        guard !long.isEmpty else { return nil }
        return PairFinding(
            .tooLong, isFault: true, lines: long.map(\.line),
            "longer than the \(context) tokens that the model reads")
    }

    private var sharedRequests: PairFinding? {
        var lines: [String: [Int]] = [:]
        for entry in entries {
            guard let request = entry.pair.positive.request else { continue }
            lines[request, default: []].append(entry.line)
        }
        let shared = lines.values.filter { $0.count > 1 }
        guard !shared.isEmpty else { return nil }
        let all = shared.flatMap(\.self).sorted()
        return PairFinding(
            .sharedRequests, isFault: false, lines: all,
            "requests that other pairs have too: pairs that are held out for the table "
                + "are less new than they seem")
    }

    /// What has no label cannot be drawn evenly over the labels.
    private func unlabelled(
        _ key: String, _ label: (ContrastPair) -> String?
    ) -> PairFinding? {
        let unlabelled = entries.filter { label($0.pair) == nil }
        guard !unlabelled.isEmpty, unlabelled.count < entries.count else { return nil }
        return PairFinding(
            .unlabelled, isFault: false, lines: unlabelled.map(\.line),
            "no member '\(key)', where \(entries.count - unlabelled.count) other pairs have one: a part "
                + "of the file cannot be drawn evenly over it")
    }
}
