/// Texts that stand in a file of pairs more than once.
struct PairTexts {
    private(set) var findings: [PairFinding] = []

    init(_ entries: [PairCheck.Entry]) {
        var first: [Sides: Int] = [:]
        var positives: Set<Prompt> = []
        var repeated: [Int] = []
        var reversed: [Int] = []
        for entry in entries {
            let sides = Sides(first: entry.pair.positive, second: entry.pair.negative)
            if first[sides] != nil { repeated.append(entry.line) }
            if sides.first != sides.second, first[sides.reversed] != nil {
                reversed.append(entry.line)
            }
            if first[sides] == nil { first[sides] = entry.line }
            positives.insert(sides.first)
        }
        let both = entries.filter {
            $0.pair.positive != $0.pair.negative && positives.contains($0.pair.negative)
                && !reversed.contains($0.line)
                && first[
                    Sides(first: $0.pair.negative, second: $0.pair.positive)] == nil
        }.map(\.line)
        add(.repeated, repeated, "there already in an earlier line, so that they count twice")
        add(.reversed, reversed, "there already the other way round, so that both cancel out")
        add(
            .bothSides, both,
            "the negative text is the positive one of another line, so that it pulls both ways")
    }

    private struct Sides: Hashable {
        let first: Prompt
        let second: Prompt

        var reversed: Sides { Sides(first: second, second: first) }
    }

    private mutating func add(_ kind: PairFinding.Kind, _ lines: [Int], _ text: String) {
        guard !lines.isEmpty else { return }
        findings.append(PairFinding(kind, isFault: true, lines: lines, text))
    }
}
