import Formats
import Foundation
import Testing

@testable import Transformer

@Suite struct ChatTemplateTests {
    private static let day = "2026-11-27"
    private static let tokens = ["bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"]

    // MARK: - Published templates

    @Test(arguments: try templateNames())
    func renderingsEqualThoseOfTransformers(name: String) throws {
        let template = try Self.template(name)
        let moment = try #require(TemplateMoment(day: Self.day))
        for (messages, prompt, expected) in try Self.cases(name) {
            let rendering = Self.outcome {
                try template.render(messages, addGenerationPrompt: prompt, at: moment)
            }
            #expect(rendering == expected, "\(messages), prompt: \(prompt)")
        }
    }

    @Test func systemMessagesAreRefusedInTheTemplatesOwnWords() throws {
        let template = try Self.template("gemma-2")
        #expect(throws: ChatTemplateError.refused(message: "System role not supported")) {
            try template.render([ChatMessage(.system, "Be brief."), ChatMessage(.user, "Hello")])
        }
        let error = ChatTemplateError.refused(message: "System role\nnot supported")
        #expect("\(error)".hasSuffix("refuses this conversation: System role not supported"))
        #expect(error.kind == .unsupported)
    }

    @Test func todaysDateIsWrittenWhereTheTemplateAsksForIt() throws {
        let moment = try #require(TemplateMoment(day: "2024-02-09"))
        let messages = [ChatMessage(.user, "Hello")]
        let asking = try Self.template("llama3.2").rendering(of: messages, at: moment)
        #expect(asking.asksForMoment)
        #expect(asking.text.contains("Today Date: 09 Feb 2024\n"))
        let fixed = try Self.template("llama3.1").rendering(of: messages, at: moment)
        #expect(!fixed.asksForMoment)
        #expect(fixed.text.contains("Today Date: 26 Jul 2024\n"))
    }

    @Test func defaultSystemMessageComesFromTheTemplate() throws {
        let source = try Self.source("chatml-smollm2").replacing("SmolLM", with: "Nobody")
        let text = try ChatTemplate(source: source).render([ChatMessage(.user, "Hi")])
        #expect(
            text.contains("named Nobody, trained by Hugging Face<|im_end|>\n<|im_start|>user\nHi"))
    }

    @Test func renderedTextDoesNotBeginTwice() throws {
        var definition = try TokenizerFixtures.definition("llama3")
        definition.chatTemplate =
            "{{ bos_token }}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n'}}{% endfor %}"
        let text = try ChatTemplate(definition).render([ChatMessage(.user, "Hi")])
        let tokenizer = try Tokenizer(definition)
        #expect(text.hasPrefix("<|im_start|><|im_start|>user"))
        #expect(tokenizer.encode(text).prefix(3).filter { $0 == 1 }.count == 2, "no third")
    }

    @Test func specialTokensThatTheModelLacksAreUndefined() throws {
        var definition = try TokenizerFixtures.definition("gpt2")
        definition.padding = nil
        definition.chatTemplate =
            "{{ pad_token is defined }}{{ eos_token is defined }}{{ pad_token }}"
        let text = try ChatTemplate(definition).render([])
        #expect(text == "False\(definition.endOfText == nil ? "False" : "True")")
    }

    // MARK: - What follows an assistant's message

    @Test(arguments: [
        ("chatml-qwen2.5", "<|im_end|>\n", "<|im_end|>\n<|im_start|>user\n"),
        ("chatml-qwen3", "<|im_end|>\n", "<|im_end|>\n<|im_start|>user\n"),
        ("mistral-v1", "</s>", "</s> [INST] "), ("glm-4.6", "", "<|user|>\n"),
        ("gpt-oss", "<|return|>", "<|end|><|start|>user<|message|>"),
        ("llama3.2", "<|eot_id|>", "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"),
    ])
    func textAfterTheAssistantIsFoundByRendering(name: String, last: String, next: String) throws {
        let template = try Self.template(name)
        #expect(try template.textAfterAssistant() == last)
        #expect(try template.textAfterAssistant(isLast: false) == next)
    }

    @Test(arguments: [
        "{% for m in messages %}{{ m.content | upper }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content | length }}{% endfor %}",
        "{% for m in messages %}{{ m.content[:4] }}{% endfor %}",
    ])
    func messagesThatCannotBeFoundAgainHaveNoEnd(source: String) throws {
        let template = try ChatTemplate(source: source)
        let error = #expect(throws: ChatTemplateError.self) { try template.textAfterAssistant() }
        guard case .noAssistantEnd? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func refusalsOfAssistantTurnsReachTheCaller() throws {
        let template = try ChatTemplate(
            source:
                "{% for m in messages %}{% if m.role == 'assistant' %}{{ raise_exception('no') }}{% endif %}{% endfor %}"
        )
        #expect(throws: ChatTemplateError.refused(message: "no")) {
            try template.textAfterAssistant()
        }
    }

    // MARK: - What is no template

    @Test func missingTemplateIsAnErrorWithARemedy() throws {
        let definition = try TokenizerFixtures.definition("gpt2")
        #expect(throws: ChatTemplateError.none) { try ChatTemplate(definition) }
        #expect(ChatTemplateError.none.message.contains("--chat"))
    }

    @Test(arguments: [
        "{{", "{%", "{{ '", "{{ 'a", "[INST]{{ x + }}", "{{- -}}", "{# a", "{% if x %}", "{{ x }",
        "{% for x in y %}{% endif %}", "{% nosuch %}", "{{ (1 }}", "{% set 1 = 2 %}", "{{ a b }}",
    ])
    func brokenTemplatesAreMalformed(source: String) throws {
        let error = #expect(throws: ChatTemplateError.self) { try ChatTemplate(source: source) }
        #expect(error?.kind == .input)
    }

    @Test func errorsNameTheLine() throws {
        #expect(throws: ChatTemplateError.malformed(line: 3, reason: "unknown tag 'nosuch'")) {
            try ChatTemplate(source: "a\nb\n{% nosuch %}\n")
        }
        let template = try ChatTemplate(source: "a\n{{ x }}\n{{ x.y }}\n")
        #expect(throws: ChatTemplateError.failed(line: 3, reason: "'x' is undefined")) {
            try template.render([])
        }
    }

    // MARK: - Fixtures

    private static func templateNames() throws -> [String] {
        try #require(
            try TokenizerFixtures.json("chat-renderings.json").object?["templates"]?.object
        )
        .members.map(\.key)
    }

    private static func source(_ name: String) throws -> String {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        return try String(
            contentsOf: fixtures.appending(path: "Tokenizer/templates/\(name).jinja"),
            encoding: .utf8)
    }

    private static func template(_ name: String) throws -> ChatTemplate {
        try ChatTemplate(source: source(name), specialTokens: tokens)
    }

    /// The text, `refused: ` with the template's words, or `failed`.
    static func outcome(_ body: () throws -> String) -> [UInt8] {
        do {
            return Array(try body().utf8)
        } catch ChatTemplateError.refused(let message) {
            return Array("refused: \(message)".utf8)
        } catch ChatTemplateError.failed, ChatTemplateError.malformed {
            return Array("failed".utf8)
        } catch {
            return Array("\(error)".utf8)
        }
    }

    static func expected(_ object: JSONObject) -> [UInt8] {
        if let text = object["text"]?.string { return Array(text.utf8) }
        return Array((object["refused"]?.string.map { "refused: \($0)" } ?? "failed").utf8)
    }

    static func messages(_ value: JSONValue?) throws -> [ChatMessage] {
        try #require(value?.array).map { message in
            let message = try #require(message.object)
            let role = try #require(ChatMessage.Role(rawValue: message["role"]?.string ?? ""))
            return ChatMessage(role, message["content"]?.string ?? "")
        }
    }

    private static func cases(_ name: String) throws -> [([ChatMessage], Bool, [UInt8])] {
        let fixture = try #require(try TokenizerFixtures.json("chat-renderings.json").object)
        let conversations = try #require(fixture["conversations"]?.object)
        let cases = try #require(fixture["templates"]?.object?[name]?.array)
        return try cases.map { value in
            let entry = try #require(value.object)
            let conversation = try #require(entry["conversation"]?.string)
            return (
                try messages(conversations[conversation]), entry["prompt"] == .bool(true),
                expected(entry)
            )
        }
    }
}
