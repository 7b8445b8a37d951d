import Formats
import TestSupport
import Testing
import Transformer
import Tuning

@Suite struct PositionTests {
    @Test(arguments: [
        ("last", 9..<10), ("mean", 0..<10), ("all", 0..<10), ("-2", 8..<9), ("1", 1..<2),
        ("prompt", 0..<6), ("completion", 6..<10), ("before-completion:1", 5..<6),
        ("before-completion:6", 0..<1),
    ])
    func textsNameTokens(text: String, expected: Range<Int>) throws {
        let position = try #require(Position(text))
        #expect(position.tokens(promptCount: 6, totalCount: 10) == expected)
        #expect(Position(position.text) == position)
    }

    @Test(arguments: [
        "", "first", "before-completion", "before-completion:0", "before-completion:-1", "1.5",
        "best",
    ])
    func otherTextsAreNoPositions(text: String) {
        #expect(Position(text) == nil)
    }

    @Test(arguments: [
        Position.index(10), .index(-11), .index(.min), .index(.max), .beforeCompletion(7),
        .beforeCompletion(0),
    ])
    func tokensOutsideTheSequenceDoNotExist(position: Position) {
        #expect(position.tokens(promptCount: 6, totalCount: 10) == nil)
    }

    @Test func anEmptySpanHasNoTokens() {
        #expect(Position.completion.tokens(promptCount: 4, totalCount: 4) == nil)
        #expect(Position.prompt.tokens(promptCount: 0, totalCount: 4) == nil)
    }

    @Test func theCompletionIsTheAssistantsOwnText() throws {
        let tokenizer = try Tokenizer(Checkpoint.open(Samples.tinyModel).tokenizer())
        let renderer = PromptRenderer(tokenizer: tokenizer)
        let begun = try renderer.sequence(
            .chat(system: nil, user: "How was your day?", assistant: "The dog is happy."),
            place: "test")
        let open = try renderer.sequence(
            .chat(system: nil, user: "How was your day?", assistant: nil), place: "test")
        #expect(Array(begun.tokens[..<begun.promptCount]) == open.tokens)
        #expect(tokenizer.decode(Array(begun.tokens[begun.promptCount...])) == "The dog is happy.")
        #expect(open.promptCount == open.tokens.count)
        let plain = try renderer.sequence(.text("The dog"), place: "test")
        #expect(plain.promptCount == plain.tokens.count)
    }
}
