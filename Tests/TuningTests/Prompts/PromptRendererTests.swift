import Formats
import Synchronization
import TestSupport
import Testing
import Transformer
import Tuning

@Suite struct PromptRendererTests {
    private let definition: TokenizerDefinition
    private let end: Int

    init() throws {
        definition = try Checkpoint.open(Samples.tinyModel).tokenizer()
        end = try #require(definition.endOfText)
    }

    private func renderer(
        _ template: String?, at moment: TemplateMoment = .now(),
        tell: (@Sendable (TemplateMoment) -> Void)? = nil
    ) throws -> PromptRenderer {
        var definition = definition
        definition.chatTemplate = template
        return PromptRenderer(
            tokenizer: try Tokenizer(definition), moment: moment, tellMoment: tell)
    }

    private static let turn = Prompt.chat(system: nil, user: "Hello", assistant: nil)

    @Test func theEndOfATurnIsWhatTheTemplateWritesAfterIt() throws {
        let text = definition.tokens.text(end)
        let plain = "{% for m in messages %}{{ m.content }}"
        let closed = try renderer(plain + "\(text)\n{% endfor %}")
        #expect(try closed.endOfTurn() == [end])
        let opened = try renderer(
            "{% for m in messages %}{{ '\(text)' if m.role == 'user' }}{{ m.content }}{% endfor %}")
        #expect(try opened.endOfTurn() == [end])
        let broken = try renderer(plain + "\n\n{% endfor %}")
        #expect(
            try broken.endOfTurn() == broken.tokenizer.encode("\n\n", addSpecial: false))
        #expect(try renderer(nil).endOfTurn() == [])
        for other in [plain + "{% endfor %}", "{{ messages[0].content }}", "{{ nosuch.x }}", "{{"] {
            #expect(throws: ChatTemplateError.self, "\(other)") {
                try renderer(other).endOfTurn()
            }
        }
    }

    @Test func theDayIsToldOnceAndOnlyWhereItIsWritten() throws {
        let template =
            "{% if messages[0].role == 'system' %}{{ strftime_now('%d %b %Y') }}{% endif %}"
            + "{% for m in messages %}{{ m.content }}{% endfor %}"
        let told = Mutex<[String]>([])
        let moment = try #require(TemplateMoment(day: "2024-02-09"))
        let renderer = try renderer(template, at: moment) { moment in
            told.withLock { $0.append("\(moment)") }
        }
        #expect(try renderer.text(Self.turn) == "Hello")
        #expect(renderer.writtenDay == nil)
        let dated = Prompt.chat(system: "Hi", user: "Hello", assistant: nil)
        for _ in 0..<2 { #expect(try renderer.text(dated) == "09 Feb 2024HiHello") }
        #expect(told.withLock { $0 } == ["2024-02-09"])
        #expect(renderer.writtenDay == "2024-02-09")
        #expect(renderer.dayOfTurns == nil)
    }
}
