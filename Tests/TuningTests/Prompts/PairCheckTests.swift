import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Pairs with one fault of each kind, and those without any.
@Suite struct PairCheckTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Subjects of which each pair has one of its own.
    private static let subjects = [
        "bread", "rain", "a train", "the moon", "a cat", "grammar", "tea", "a bridge", "music",
        "salt",
        "the sea", "a map", "chess", "soap", "a letter", "wool", "paint", "a clock", "the wind",
        "ice",
    ]

    private static func line(_ positive: String, _ negative: String) -> String {
        #"{"positive": \#(positive), "negative": \#(negative)}"#
    }

    private static func chat(_ system: String, _ user: String) -> String {
        #"{"system": "\#(system)", "user": "\#(user)"}"#
    }

    /// Pairs of two wordings, enough and of one length.
    private static let good = subjects.enumerated().map { place, subject in
        let words =
            place % 2 == 0
            ? ("You are kind to everyone.", "You are rude to everyone.")
            : ("Speak warmly.", "Speak coldly.")
        return line(
            chat(words.0, "Tell me of \(subject)."), chat(words.1, "Tell me of \(subject)."))
    }

    private func check(_ lines: [String], renderer: PromptRenderer? = nil) throws -> PairCheck {
        let text = lines.joined(separator: "\n") + "\n"
        let path = try folder.write(Array(text.utf8), as: "pairs.jsonl")
        return try PairCheck(path, renderer: renderer)
    }

    private func faults(_ lines: [String]) throws -> [PairFinding.Kind: [Int]] {
        try Dictionary(uniqueKeysWithValues: check(lines).faults.map { ($0.kind, $0.lines) })
    }

    @Test func goodPairsHaveNoFault() throws {
        let check = try check(Self.good)
        #expect(check.faults.isEmpty, "\(check.faults)")
        #expect(check.pairCount == 20)
        #expect(check.findings.map(\.kind) == [.few])
    }

    @Test func linesThatAreNoPairsAreAllNamed() throws {
        let bad = [
            #"{"positive": "a"}"#, #"{"positive": 3, "negative": "b"}"#,
            #"{"positive": "", "negative": "b"}"#, #"{"positive": "a" "negative": "b"}"#, "[1]",
        ]
        let found = try check(Self.good + bad)
        #expect(found.faults.map(\.kind) == bad.map { _ in .unreadable })
        #expect(found.faults.map(\.lines) == [[21], [22], [23], [24], [25]])
        let texts = found.faults.map(\.text)
        for (text, part) in zip(
            texts,
            [
                "member 'negative' is missing", "a prompt is a string or", "the prompt is empty",
                "expected ',' or '}'", "is not a JSON object",
            ])
        { #expect(text.contains(part), "\(text)") }
        #expect(found.pairCount == 20)
    }

    @Test func manyLinesThatAreNoPairsAreCounted() throws {
        let found = try check(Array(repeating: "{", count: 23))
        let unreadable = found.faults.filter { $0.kind == .unreadable }
        #expect(found.pairCount == 0 && unreadable.count == 21)
        #expect(unreadable.last?.lines == [21, 22, 23])
    }

    @Test func equalRepeatedAndReversedPairsAreFound() throws {
        let kind = Self.chat("You are kind to everyone.", "Tell me of bread.")
        let rude = Self.chat("You are rude to everyone.", "Tell me of bread.")
        let found = try faults(
            Self.good + [Self.line(kind, kind), Self.line(kind, rude), Self.line(rude, kind)])
        #expect(found == [.identical: [21], .repeated: [22], .reversed: [23]])
    }

    @Test func aTextOnBothSidesIsFound() throws {
        let kind = Self.chat("You are kind to everyone.", "Tell me of bread.")
        let other = Self.chat("You sing.", "Tell me of bread.")
        #expect(try faults(Self.good + [Self.line(other, kind)]) == [.bothSides: [21]])
    }

    @Test func otherTurnsAndRequestsAreFound() throws {
        let turns = Self.line(Self.chat("Be kind.", "Go on."), #"{"user": "Go on."}"#)
        #expect(try faults(Self.good + [turns]) == [.otherTurns: [21]])
        let lines = Self.subjects.map {
            Self.line(
                Self.chat("Be kind.", "Tell of \($0)."), Self.chat("Be rude.", "Ask for \($0)."))
        }
        #expect(try faults(lines) == [.otherRequests: Array(1...20)])
    }

    @Test func lengthThatTellsTheSidesApartIsAFault() throws {
        let lines = Self.subjects.map {
            Self.line(#""Say a kind word of \#($0) and then one more.""#, #""Be rude to \#($0).""#)
        }
        #expect(try faults(lines) == [.lengths: []])
    }

    @Test func tooFewPairsAreAFault() throws {
        #expect(try faults(Array(Self.good.prefix(15))) == [.few: []])
        #expect(try faults(Array(Self.good.prefix(16))).isEmpty)
    }

    @Test func aPairTheOtherWayRoundIsSuspected() throws {
        var lines = Self.good
        lines[5] = Self.line(
            Self.chat("Speak coldly.", "Tell me of grammar."),
            Self.chat("Speak warmly.", "Tell me of grammar."))
        let found = try check(lines)
        #expect(found.faults.isEmpty)
        #expect(found.findings.first { $0.kind == .swapped }?.lines == [6])
    }

    @Test func oneWordForATraitIsARemark() throws {
        let lines = Self.subjects.map {
            Self.line(#""Be kind about \#($0).""#, #""Be rude about \#($0).""#)
        }
        let word = try check(lines).findings.first { $0.kind == .word }
        #expect(word?.isFault == false)
        #expect(
            word?.text.contains("'kind' on the positive one, 'rude' on the negative one") == true)
    }

    @Test func sidesOfOneTextOfTokensAreTheSame() throws {
        // An empty beginning of an answer is text, but no tokens.
        let definition = try Checkpoint.open(Samples.tinyModel).tokenizer()
        let renderer = try PromptRenderer(tokenizer: Tokenizer(definition))
        let found = try check(
            Self.good + [Self.line(#"{"user": "Hi", "assistant": ""}"#, #"{"user": "Hi"}"#)],
            renderer: renderer)
        let identical = try #require(found.faults.first { $0.kind == .identical })
        #expect(identical.lines == [21] && identical.text.contains("same tokens"))
        #expect(found.positive.least > 0)
    }
}
