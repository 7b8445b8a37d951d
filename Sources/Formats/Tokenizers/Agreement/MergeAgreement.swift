/// Whether two models merge the same neighbours in the same order, one of them by ranks, the other perhaps by scores.
struct MergeAgreement {
    /// The names of its differences.
    static let (merges, scores) = ("merges", "scores")

    /// Nil where they agree.
    private(set) var difference: SettingDifference?

    init(_ a: TokenizerDefinition, _ b: TokenizerDefinition) {
        switch (a.model, b.model) {
        case (.unigram(let first), .unigram(let second)):
            compare(scores: first.scores, second.scores)
        case (.scoredPairs(let first), .scoredPairs(let second)):
            // Scores matter by their order alone.
            if !zip(first, second).allSatisfy(==) || first.count != second.count {
                compare(MergeSequence(a, first), MergeSequence(b, second))
            }
        case (.scoredPairs(let scores), .scalarPairs(let merges, _)):
            compare(MergeSequence(a, scores), MergeSequence(merges))
        case (.scalarPairs(let merges, _), .scoredPairs(let scores)):
            compare(MergeSequence(merges), MergeSequence(b, scores))
        case (.byteLevelPairs(let first, _), .byteLevelPairs(let second, _)),
            (.scalarPairs(let first, _), .scalarPairs(let second, _)):
            compare(MergeSequence(first), MergeSequence(second))
        default: break  // the kinds of model differ
        }
    }

    private mutating func compare(scores a: [Double?], _ b: [Double?]) {
        let changed = zip(a, b).count { $0 != $1 }
        guard changed > 0 else { return }
        let text = "\(changed) scores are others"
        difference = SettingDifference(.tokenizer, Self.scores, text, text)
    }

    private mutating func compare(_ a: MergeSequence, _ b: MergeSequence) {
        guard a.problem == nil, b.problem == nil else {
            difference = SettingDifference(
                .tokenizer, Self.merges, a.problem ?? "\(a.merges.count)",
                b.problem ?? "\(b.merges.count)")
            return
        }
        guard a.merges != b.merges else { return }
        let (first, second) = (Set(a.merges), Set(b.merges))
        if first != second {
            difference = SettingDifference(
                .tokenizer, Self.merges,
                "\(first.count), \(first.subtracting(second).count) of them not in B",
                "\(second.count), \(second.subtracting(first).count) of them not in A")
        } else if !a.isOrdered(as: b), !b.isOrdered(as: a) {
            let place = zip(a.merges, b.merges).enumerated().first { $0.element.0 != $0.element.1 }
            let text = "another order from merge \(place?.offset ?? 0) on"
            difference = SettingDifference(.tokenizer, Self.merges, text, text)
        }
    }
}

/// Merges in the order of their preference.
struct MergeSequence {
    let merges: [TokenMerge]
    /// Why scores cannot be read as merges.
    let problem: String?
    private let scores: [Float]?

    init(_ merges: [TokenMerge]) {
        self.merges = merges
        problem = nil
        scores = nil
    }

    /// The merges of a model with scores.
    init(_ definition: TokenizerDefinition, _ scores: [Float]) {
        self.scores = scores
        do throws(TokenizerError) {
            let order = MergeOrder(definition, scores: scores, file: "")
            merges = try order.merges()
            let hidden = order.hiddenTokens
            problem =
                hidden == 0
                ? nil : "\(hidden) tokens are put together from what is no token of a text"
        } catch {
            merges = []
            problem = "scores that give no order of merges"
        }
    }

    /// Whether these merges, which have ranks, come in the order of the other's scores: better ones first, and of the
    /// ways to put one token together none before one that would stand left of it and share its middle.
    func isOrdered(as other: MergeSequence) -> Bool {
        guard scores == nil, let scores = other.scores else { return false }
        var start = 0
        while start < merges.count {
            let result = merges[start].result
            var end = start + 1
            while end < merges.count, merges[end].result == result { end += 1 }
            for place in (start + 1)..<max(end, start + 1)
            where merges[start..<place].contains(where: { $0.left == merges[place].right }) {
                return false
            }
            if end < merges.count, scores[Int(merges[end].result)] >= scores[Int(result)] {
                return false
            }
            start = end
        }
        return true
    }
}
