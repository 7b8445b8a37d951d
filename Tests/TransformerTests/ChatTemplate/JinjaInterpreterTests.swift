import Formats
import Foundation
import Testing

@testable import Transformer

/// The interpreter of chat templates, piece by piece, against jinja2 as transformers sets it up.
@Suite struct JinjaInterpreterTests {
    @Test func snippetsRenderAsUnderJinja2() throws {
        let fixture = try #require(try TokenizerFixtures.json("jinja-snippets.json").object)
        let messages = try ChatTemplateTests.messages(fixture["messages"])
        let moment = try #require(TemplateMoment(day: "2026-11-27"))
        let tokens = ["bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"]
        let snippets = try #require(fixture["snippets"]?.array)
        #expect(snippets.count > 150)
        for value in snippets {
            let snippet = try #require(value.object)
            let source = try #require(snippet["source"]?.string)
            let outcome = ChatTemplateTests.outcome {
                try ChatTemplate(source: source, specialTokens: tokens)
                    .render(messages, at: moment)
            }
            #expect(outcome == ChatTemplateTests.expected(snippet), "\(source)")
        }
    }

    // MARK: - What is not here

    @Test(arguments: [
        ("{% include 'x' %}", "the tag 'include'"), ("{% block a %}{% endblock %}", "tag 'block'"),
        ("{% for x in y recursive %}{% endfor %}", "a recursive loop"),
        ("{{ f(*x) }}", "a call with '*' or '**'"), ("{{ 1_000 }}", "a number with '_'"),
    ])
    func syntaxThatIsNotHereIsRefusedByName(source: String, what: String) throws {
        let error = #expect(throws: ChatTemplateError.self) { try ChatTemplate(source: source) }
        #expect(error?.kind == .unsupported)
        #expect("\(try #require(error))".contains(what))
    }

    @Test(arguments: [
        ("[1]|batch(2)", "the filter 'batch'"), ("'a'.encode()", "the string method 'encode'"),
        ("lipsum()", "the function 'lipsum'"), ("'%x' % 1", "a format '%x'"),
        ("strftime_now('%c')", "a date format '%c'"), ("'a'.format", "the text of a"),
        ("2 ** 64", "an integer of more than 64 bits"), ("[range]", "a function as part of"),
        ("'<'|safe|upper", "the filter 'upper' of a text marked as safe"),
    ])
    func whatIsNotHereIsRefusedByNameWhereItIsReached(source: String, what: String) throws {
        let error = #expect(throws: ChatTemplateError.self) {
            try ChatTemplate(source: "{{ \(source) }}").render([])
        }
        #expect(error?.kind == .unsupported)
        #expect("\(try #require(error))".contains(what))
        let branch = try ChatTemplate(source: "{% if tools %}{{ \(source) }}{% endif %}b")
        #expect(try branch.render([]) == "b")
    }

    // MARK: - Hostile templates

    private static let loop = "{% for i in range(100000) %}"

    @Test(arguments: [
        "\(loop)\(loop)a{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='ab') %}\(loop){% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='ab') %}\(loop){% set ns.x = ns.x ~ 'abababababababab' %}{% endfor %}",
        "{{ 'a' * 10000000000 }}", "{{ 'a' * 9223372036854775807 }}", "{{ [1] * 10000000000 }}",
        "{% set ns = namespace(x=[]) %}\(loop){% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=[1]) %}\(loop){% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m(caller) }}{% endmacro %}{% call m(1) %}{{ m() }}{% endcall %}",
        "{% set a = 'a' * 1000000 %}\(loop){{ (a ~ 'b') in a }}{% endfor %}",
        "{% set a = 'a' * 1000000 %}{% set b = 'a' * 500000 ~ 'b' %}{{ b in a }}",
        "{% set a = 'a' * 1000000 %}\(loop){{ a | upper | length }}{% endfor %}",
        "{% set a = 'a' * 1000000 %}\(loop){{ a == a ~ '' }}{{ {a: 1}[a] }}{% endfor %}",
        "{% set a = 'a' * 1000000 %}{{ a.replace('', a) }}", "{{ 'a' | indent(10000000000) }}",
        "{% set a = ('a ' * 100000).split() %}\(loop){{ a | sort | length }}{% endfor %}",
        String(repeating: "{{ (", count: 1) + String(repeating: "(", count: 100_000),
        "{{ " + String(repeating: "[", count: 100_000),
        "{{ " + String(repeating: "not ", count: 100_000) + "1 }}",
        "{{ " + String(repeating: "-", count: 100_000) + "1 }}",
        "{{ 1" + String(repeating: " + 1", count: 100_000) + " }}",
        "{{ 1" + String(repeating: "|abs", count: 100_000) + " }}",
        "{{ x" + String(repeating: ".x", count: 100_000) + " }}",
        "{{ 1" + String(repeating: " if 1 else 1", count: 100_000) + " }}",
        "{{ 1" + String(repeating: " if 1", count: 100_000) + " }}",
        "{% set x %}" + String(repeating: "{% set x %}", count: 100_000),
        String(repeating: "{% if 1 %}", count: 80_000),
        String(repeating: "{% for x in [1] %}", count: 50_000),
        "{% set " + String(repeating: "(", count: 100_000),
        String(repeating: "a", count: ChatTemplate.sizeLimit + 1),
    ])
    func hostileTemplatesEndInOneLine(source: String) throws {
        let error = #expect(throws: ChatTemplateError.self) {
            try ChatTemplate(source: source).render([ChatMessage(.user, "Hello")])
        }
        guard case .tooLarge? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let text = "\(try #require(error))"
        #expect(text.utf8.count < 400 && !text.contains("\n"))
    }

    @Test func wordsOfATemplateAreShownOnOneLine() throws {
        let template = try ChatTemplate(
            source: "{{ raise_exception('a\\n\\x1b[2J' ~ 'b' * 100000) }}")
        let error = #expect(throws: ChatTemplateError.self) { try template.render([]) }
        let text = "\(try #require(error))"
        #expect(text.utf8.count < 400)
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test func longConversationsAreNotCutByTheLimits() throws {
        let template = try ChatTemplate(
            source:
                "{% set ns = namespace(x='') %}{% for m in messages %}{% set ns.x = ns.x ~ m.content | trim %}{% endfor %}{{ ns.x }}"
        )
        let content = String(repeating: "word ", count: 20_000) + "."
        let messages = (0..<20).map {
            ChatMessage($0.isMultiple(of: 2) ? .user : .assistant, content)
        }
        #expect(try template.render(messages).utf8.count == 20 * content.utf8.count)
    }

    @Test func macrosDoNotKeepTheirRenderingAlive() throws {
        weak var root: JinjaScope?
        func render() throws {
            let evaluator = JinjaEvaluator(
                variables: [:], budget: JinjaBudget(given: 0), moment: .now())
            root = evaluator.root
            var lexer = JinjaLexer("{% macro m() %}a{% endmacro %}{{ m() }}")
            var parser = JinjaParser(try lexer.read())
            #expect(try evaluator.render(try parser.template()).text == "a")
        }
        try render()
        #expect(root == nil)
    }

    // MARK: - Dates

    @Test(arguments: [
        "2026-2-3", "2026-02-30", "2023-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "",
        "26-01-01", "2026/01/01", "2026-01-01T00:00", "२०२६-०१-०१", "-026-01-01",
    ])
    func otherTextsAreNoDays(text: String) {
        #expect(TemplateMoment(day: text) == nil)
    }

    @Test func daysAreWrittenAsTheyAreRead() {
        for text in ["2026-11-27", "2024-02-29", "0999-01-01", "2000-12-31"] {
            #expect(TemplateMoment(day: text)?.description == text)
        }
    }
}
