import Formats

/// What a file of contrast pairs is like before a model runs on it: whether something in it would spoil the direction.
///
/// ```swift
/// let check = try PairCheck("mood.jsonl")
/// print(check.faults.isEmpty)
/// ```
package struct PairCheck: Sendable {
    /// The lengths of one side's texts.
    package struct Lengths: Sendable, Hashable {
        package let mean: Double
        package let least: Int
        package let most: Int

        init(_ lengths: [Int]) {
            mean = Double(lengths.reduce(0, +)) / Double(max(1, lengths.count))
            least = lengths.min() ?? 0
            most = lengths.max() ?? 0
        }
    }

    /// How many pairs could be read.
    package let pairCount: Int
    package let positive: Lengths
    package let negative: Lengths
    /// In the order of `PairFinding.Kind`, faults first.
    package let findings: [PairFinding]

    package var faults: [PairFinding] { findings.filter(\.isFault) }

    /// Pairs below which a direction is mostly chance, and from which on more of them change little.
    package static let (fewest, enough) = (16, 64)

    /// Checks the pairs of a file, or of standard input for `-`. Lengths are those of words, or of a model's tokens.
    ///
    /// - Parameters:
    ///   - renderer: makes the model's tokens; nil to count words
    ///   - asChat: whether plain strings are a user's turns
    ///   - context: how many tokens the model reads; nil for any number
    /// - Throws: as `JSONLines.read`; what `PromptRenderer.tokens` throws where turns cannot be rendered.
    package init(
        _ path: String, renderer: PromptRenderer? = nil, asChat: Bool = false, context: Int? = nil
    ) throws {
        var entries: [Entry] = []
        var unreadable: [(line: Int, problem: any Error)] = []
        try JSONLines.forEachLine(of: path) { line, place, object in
            do {
                let pair = try ContrastPair(object.get(), place: place)
                entries.append(Entry(pair, line: line))
            } catch {
                unreadable.append((line, error))
            }
        }
        if let renderer {
            for index in entries.indices { try entries[index].render(renderer, asChat: asChat) }
        }
        pairCount = entries.count
        positive = Lengths(entries.map(\.lengths.positive))
        negative = Lengths(entries.map(\.lengths.negative))
        let shape = PairShape(entries, unit: renderer == nil ? "words" : "tokens", context: context)
        let texts = PairTexts(entries)
        let all =
            Self.unreadable(unreadable) + shape.findings + texts.findings
            + WordBalance(entries).findings
        let order = PairFinding.Kind.allCases
        findings = all.enumerated().sorted { first, second in
            let places = [first, second].map { entry in
                (
                    entry.element.isFault ? 0 : 1, order.firstIndex(of: entry.element.kind) ?? 0,
                    entry.offset
                )
            }
            return places[0] < places[1]
        }.map(\.element)
    }

    /// How many lines that are no pairs are told each by itself.
    private static let toldLines = 20

    private static func unreadable(
        _ lines: [(line: Int, problem: any Error)]
    ) -> [PairFinding] {
        let rest = lines.dropFirst(toldLines)
        let told = lines.prefix(toldLines).map { line, problem in
            PairFinding(.unreadable, isFault: true, lines: [line], "no pair: \(problem)")
        }
        guard !rest.isEmpty else { return told }
        return told + [
            PairFinding(.unreadable, isFault: true, lines: rest.map(\.line), "no pairs either")
        ]
    }
}

extension PairCheck {
    /// A pair, and what is counted of it.
    struct Entry: Sendable {
        let pair: ContrastPair
        let line: Int
        private(set) var lengths: (positive: Int, negative: Int)
        /// Whether both sides are the same tokens; nil where no model was asked.
        private(set) var hasSameTokens: Bool?

        init(_ pair: ContrastPair, line: Int) {
            self.pair = pair
            self.line = line
            lengths = (pair.positive.words.count, pair.negative.words.count)
        }

        mutating func render(_ renderer: PromptRenderer, asChat: Bool) throws {
            let sides = try [pair.positive, pair.negative].map {
                try renderer.tokens($0, asChat: asChat, place: pair.place)
            }
            lengths = (sides[0].count, sides[1].count)
            hasSameTokens = sides[0] == sides[1]
        }
    }
}

extension Prompt {
    /// The turns that it has, for telling two prompts of other shapes apart.
    var turns: [String] {
        switch self {
        case .text: ["text"]
        case .chat(let system, let user, let assistant):
            [
                system.map { _ in "system" }, user.map { _ in "user" },
                assistant.map { _ in "assistant" },
            ]
            .compactMap { $0 }
        }
    }

    /// What a user asks; nil for raw text.
    var request: String? {
        if case .chat(_, let user?, _) = self { user } else { nil }
    }

    /// All of its text.
    private var allText: String {
        switch self {
        case .text(let text): text
        case .chat(let system, let user, let assistant):
            [system, user, assistant].compactMap { $0 }.joined(separator: "\n")
        }
    }

    /// Its words in lower case, without what stands around them.
    var words: [String] {
        allText.lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "'" && $0 != "’" }
            .map(String.init)
    }
}
