import Formats
import Testing

@testable import Transformer

/// The parts of a tokenizer by themselves: tables, normalizers, added tokens, encoders.
@Suite struct TokenizerPartsTests {
    @Test func runsOfNewlinesArePieces() {
        let pieces = PieceSplitter(rule: .newlineRuns)
            .pieces(of: Array("a b\n\nc\n".utf8), isFirst: true)
        #expect(pieces.map { String(decoding: $0, as: UTF8.self) } == ["a b", "\n\n", "c", "\n"])
    }

    @Test func prefixesEqualThoseOfALinearSearch() {
        var generator = SeededGenerator(state: 3)
        func text(_ lengths: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: lengths, using: &generator)).map { _ in
                [0x61, 0x62, 0xC3].randomElement(using: &generator) ?? 0x61
            }
        }
        for _ in 0..<200 {
            var entries: [[UInt8]] = []
            for _ in 0..<30 {
                let entry = text(1...12)
                if !entries.contains(entry) { entries.append(entry) }
            }
            let table = PrefixTable(entries.enumerated().map { ($1[...], $0) })
            let searched = text(1...20)
            for start in searched.indices {
                var found: [Int] = []
                table.forEachPrefix(of: searched, from: start) { length, id in
                    #expect(entries[id].count == length)
                    found.append(id)
                }
                let expected = entries.indices.filter {
                    searched[start...].starts(with: entries[$0])
                }
                .sorted { entries[$0].count < entries[$1].count }
                #expect(found == expected)
            }
        }
    }

    @Test(arguments: [
        (TextNormalizer.lowercase, "ÀİΣ", "ài\u{307}σ"),
        (.stripAccents, "e\u{301}a\u{20DD}", "ea"),
        (.strip(start: true, end: false), " \u{3000}a b ", "a b "),
        (.strip(start: false, end: true), " a\t\n", " a"),
        (.strip(start: true, end: true), " \n ", ""),
        (.prepend("▁"), "", ""), (.prepend("▁"), " a", "▁ a"),
        (.replace("aa", with: "b"), "aaaaa", "bba"),
        (.replaceSpaceRuns(with: "▁"), " a  b   ", " a▁b▁"),
        (.collapseSpaces, "  a   b ", "a b"), (.collapseSpaces, "   ", ""),
        (.collapseSpaces, "\ta", "\ta"),
        (.unicode(.nfd), "é", "e\u{301}"), (.unicode(.nfkc), "ﬁ²", "fi2"),
    ])
    func normalizersDoTheirStep(normalizer: TextNormalizer, text: String, expected: String) {
        let result = String(decoding: normalizer.applied(to: Array(text.utf8)), as: UTF8.self)
        #expect(result.utf8.elementsEqual(expected.utf8), "\(result.debugDescription)")
    }

    @Test func addedTokensFollowTheirRules() throws {
        var rules = [Int: TokenizerDefinition.AddedTokenRules]()
        for id in 1...3 { rules[id] = .init() }
        rules[1]?.isWholeWord = true
        rules[2]?.takesSpaceBefore = true
        rules[3]?.takesSpaceAfter = true
        let texts = ["<a>", "fox", "<b>", "<c>"].map { Array($0.utf8) }
        let added = try AddedTokens(texts.enumerated().map { ($1[...], $0) }, rules: rules)
        func parts(_ text: String) -> [AddedTokens.Part] { added.parts(of: Array(text.utf8)) }
        #expect(parts("x<a>") == [.text(0..<1), .token(0)])
        #expect(parts("fox,fox") == [.token(1), .text(3..<4), .token(1)])
        #expect(parts("foxes éfox fox_ fox\u{301}") == [.text(0..<22)])
        #expect(parts("x \n<b> y") == [.text(0..<1), .token(2), .text(6..<8)])
        #expect(parts("x <c>\u{3000} <b>") == [.text(0..<2), .token(3), .token(2)])
        #expect(parts("") == [])
    }

    @Test func unusedTokensAreTakenApartAgain() throws {
        let definition = TokenizerDefinition(
            model: .scoredPairs(scores: [-3, -4, -5, -1, -2]), preTokenizer: .none,
            decoder: .spaceMarks(joinsBytes: true, start: .keep),
            tokens: ByteStringList(["a", "b", "c", "ab", "abc"]),
            kinds: [.normal, .normal, .normal, .unused, .normal])
        let tokenizer = try Tokenizer(definition)
        #expect(tokenizer.encode("abc") == [4])
        #expect(tokenizer.encode("abab") == [0, 1, 0, 1])
    }

    @Test func unknownScalarsInARowAreOneToken() throws {
        var definition = TokenizerDefinition(
            model: .scoredPairs(scores: [0, -1]), preTokenizer: .none,
            decoder: .spaceMarks(joinsBytes: true, start: .keep),
            tokens: ByteStringList(["<unk>", "a"]), kinds: [.unknown, .normal], unknown: 0)
        #expect(try Tokenizer(definition).encode("axyaz") == [1, 0, 1, 0])
        definition.unknown = nil
        #expect(try Tokenizer(definition).encode("axya") == [1, 1])
    }

    @Test func overlongTokensOfAUnigramModelAreRefused() {
        let text = String(repeating: "a", count: 1025)
        let definition = TokenizerDefinition(
            model: .unigram(
                .init(scores: [-1], unknown: nil, fallsBackToBytes: false, unknownScore: -11)),
            preTokenizer: .none, decoder: .spaceMarks(joinsBytes: false, start: .keep),
            tokens: ByteStringList([text]), kinds: [.normal])
        #expect(throws: TokenizerError.self) { try Tokenizer(definition) }
    }

    @Test func characterMapsOfAnyBytesAreSafe() throws {
        guard
            case .characterMap(let map, _) = try #require(
                TokenizerFamilies.definition("t5").normalizers.first)
        else {
            Issue.record("t5 begins with a character map")
            return
        }
        #expect(map.replacingLongest(in: Array("ﬁＡ".utf8)) == Array("fiA".utf8))
        var generator = SeededGenerator(state: 9)
        for _ in 0..<400 {
            var bytes = map.bytes
            for _ in 0..<40 {
                bytes[Int.random(in: 4..<bytes.count, using: &generator)] = UInt8.random(
                    in: .min ... .max, using: &generator)
            }
            guard let broken = try? CharacterMap(bytes, file: "m") else { continue }
            for text in ["ﬁＡ \u{3000}e\u{301}½", "a\r\n"] {
                _ = broken.replacingLongest(in: Array(text.utf8))
                _ = broken.replacingGraphemes(in: Array(text.utf8))
            }
        }
    }
}
