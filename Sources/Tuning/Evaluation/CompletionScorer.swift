import Formats
import Transformer

/// How likely a model finds completions.
struct CompletionScorer {
    let decoder: Decoder
    var interventions: [Intervention] = []
    /// Outputs of the lowest blocks, where they are known; the rest of the model runs above them.
    var prefixes: PrefixCache?
    /// What runs the passes in place of the decoder; nil where the decoder does.
    var runner: (any PassRunner)?

    /// What the keys and values of prompts that have several completions may take in a pass, in bytes.
    private static let cacheBytes = 1 << 28

    /// The log probability of every sequence's completion after its prompt, in nats, summed over its tokens.
    ///
    /// Sequences run packed together, sequences side by side with the same prompt share it, and logits are computed
    /// only where a token of a completion is predicted. The first token of a sequence is predicted by nothing and
    /// counts 0.
    ///
    /// - Parameters:
    ///   - sequences: made as they are needed, where the collection is lazy.
    ///   - progress: called with the sequences done and in all.
    /// - Throws: what the decoder throws.
    func logProbabilities(
        of sequences: some RandomAccessCollection<TokenSequence>,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [Double] {
        let groups = Self.groups(sequences)
        let lengths = groups.map { group in group.longest }
        let isShared = groups.count < sequences.count
        let limit = isShared ? min(PassPlan.tokensPerPass, cachedTokens) : PassPlan.tokensPerPass
        var scores: [Double] = []
        for pass in PassPlan.passes(lengths, limit: limit) {
            let parts = groups[pass].map { group in
                let begin = sequences.index(
                    sequences.startIndex, offsetBy: group.members.lowerBound)
                let end = sequences.index(begin, offsetBy: group.members.count)
                return Array(sequences[begin..<end])
            }
            try check(parts.joined(), before: scores.count)
            let caches = parts.map { $0.count > 1 ? SequenceCache(decoder.configuration) : nil }
            var sums = parts.map { [Double](repeating: 0, count: $0.count) }
            for round in 0..<(parts.map(\.count).max() ?? 0) {
                try run(round, of: parts, caches: caches) { sums[$0][round] += $1 }
            }
            scores += sums.joined()
            progress(scores.count, sequences.count)
        }
        return scores
    }

    /// Runs one member of each group: the tokens that the group's cache does not hold, but for the last, since what
    /// that predicts is not asked for.
    private func run(
        _ member: Int, of groups: [[TokenSequence]], caches: [SequenceCache?],
        add: @escaping (_ group: Int, _ logProbability: Double) -> Void
    ) throws {
        var (slices, starts, firsts, owners): ([DecoderSlice], [Int], [Int], [Int]) = (
            [], [], [], []
        )
        for (owner, group) in groups.enumerated() where member < group.count {
            let sequence = group[member]
            let lastOfPrompt = max(sequence.promptCount - 1, 0)
            guard sequence.tokens.count > lastOfPrompt + 1 else { continue }
            let start = caches[owner]?.truncate(to: isStretched(group) ? 0 : lastOfPrompt) ?? 0
            slices.append(
                try slice(sequence.tokens, start..<sequence.tokens.count - 1, caches[owner]))
            starts.append(start)
            firsts.append(lastOfPrompt - start)
            owners.append(owner)
        }
        guard !slices.isEmpty else { return }
        let vocabulary = decoder.configuration.sizes.vocabularySize
        let logits = LogitsReceiver(scope: .from(firsts)) { slice, tokens, rows in
            let targets = groups[owners[slice]][member].tokens
            for (row, token) in tokens.enumerated() {
                let logits = rows.extracting(row * vocabulary..<(row + 1) * vocabulary)
                let target = Double(logits[targets[starts[slice] + token + 1]])
                add(owners[slice], target - logSumExpForward(logits))
            }
        }
        if let runner {
            return try runner.run(slices, interventions: interventions, logits: logits)
        }
        let firstBlock = prefixes?.blocks ?? 0
        try decoder.forward(
            slices, interventions: interventions,
            blocks: firstBlock..<decoder.configuration.sizes.blockCount, logits: logits)
    }

    /// Whether rotations depend on how long the members are, so that they cannot share what was computed of their prompt.
    private func isStretched(_ group: [TokenSequence]) -> Bool {
        guard let limit = decoder.configuration.sizes.rope.scaling.stretchesAbove else {
            return false
        }
        return group.contains { $0.tokens.count - 1 > limit }
    }

    /// A part of a sequence, as the first block that is run takes it.
    private func slice(
        _ tokens: [Int], _ part: Range<Int>, _ cache: SequenceCache?
    ) throws -> DecoderSlice {
        var slice = DecoderSlice(Array(tokens[part]), cache: cache)
        if let whole = try prefixes?.sequences([tokens])[0].entry, !whole.isEmpty {
            let width = whole.count / tokens.count
            slice.entry = Array(whole[part.lowerBound * width..<part.upperBound * width])
        }
        return slice
    }

    /// The decoder checks the tokens that run; the last one of a sequence does not.
    private func check(
        _ sequences: some Sequence<TokenSequence>, before done: Int
    ) throws(ForwardError) {
        let vocabulary = decoder.configuration.sizes.vocabularySize
        for (index, sequence) in sequences.enumerated() {
            guard let last = sequence.tokens.last, !(0..<vocabulary).contains(last) else {
                continue
            }
            throw .tokenOutOfRange(
                slice: done + index, index: sequence.tokens.count - 1, token: last,
                vocabularySize: vocabulary)
        }
    }

    /// Sequences side by side that have the same prompt.
    private struct Group {
        var members: Range<Int>
        /// Tokens of the longest.
        var longest: Int
    }

    private static func groups(_ sequences: some Sequence<TokenSequence>) -> [Group] {
        var groups: [Group] = []
        var shared: ArraySlice<Int> = []
        for (index, sequence) in sequences.enumerated() {
            let prompt = sequence.tokens.prefix(sequence.promptCount)
            if let group = groups.last, !prompt.isEmpty, prompt == shared {
                groups[groups.count - 1] = Group(
                    members: group.members.lowerBound..<index + 1,
                    longest: max(group.longest, sequence.tokens.count))
            } else {
                groups.append(Group(members: index..<index + 1, longest: sequence.tokens.count))
                shared = prompt
            }
        }
        return groups
    }

    /// Tokens whose keys and values fit the bound.
    private var cachedTokens: Int {
        let cache = SequenceCache(decoder.configuration)
        return max(1, Self.cacheBytes / max(1, cache.bytesPerPosition))
    }
}
