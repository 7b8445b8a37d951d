import Formats
import Foundation
import Testing

@testable import Transformer

@Suite struct ChatTemplateTests {
    /// What a template does and rtedit refuses: the reason is in the error.
    private static let refusals: Set<String> = [
        // Leave a system message out without a word.
        "phi3-mini/system", "phi3-medium/system",
        // Cuts the reasoning out of answers.
        "chatml-qwen3/assistant",
    ]

    @Test(arguments: try templateNames().filter { !$0.hasPrefix("other-") })
    func renderingEqualsJinja(name: String) throws {
        let template = try Self.template(name)
        for (messages, prompt, expected) in try Self.cases(name) {
            let rendered = try? template.render(messages, addGenerationPrompt: prompt)
            let isRefused = messages.contains {
                Self.refusals.contains("\(name)/\($0.role.rawValue)")
            }
            #expect(rendered == (isRefused ? nil : expected), "\(messages), prompt: \(prompt)")
        }
    }

    @Test(arguments: try templateNames().filter { $0.hasPrefix("other-") })
    func templatesOfOtherFamiliesAreRefused(name: String) throws {
        #expect(throws: ChatTemplateError.self) { try Self.template(name) }
    }

    @Test(arguments: [
        ("chatml-smollm2", ChatTemplate.Family.chatML), ("llama2-chat", .llama2),
        ("llama3-instruct", .llama3), ("gemma-2", .gemma), ("mistral-v1", .mistral),
        ("phi3-mini", .phi3), ("zephyr-7b", .zephyr),
    ])
    func familyIsRecognised(name: String, family: ChatTemplate.Family) throws {
        #expect(try Self.template(name).family == family)
    }

    @Test func defaultSystemMessageComesFromTheTemplate() throws {
        let source = try Self.source("chatml-smollm2").replacing("SmolLM", with: "Nobody")
        let template = try ChatTemplate(source: source, beginningOfText: "", endOfText: "")
        let text = try template.render([ChatMessage(.user, "Hi")])
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

    @Test func missingTemplateIsAnErrorWithARemedy() throws {
        let definition = try TokenizerFixtures.definition("gpt2")
        #expect(throws: ChatTemplateError.none) { try ChatTemplate(definition) }
        #expect("\(ChatTemplateError.none)".contains("--chat"))
    }

    @Test(arguments: [
        "", "{{", "{%", "{{ '", "<|im_start|>{{ 'a", "[INST]{{ x + }}", "<|im_start|>{{- -}}", "{#",
    ])
    func brokenTemplatesAreErrors(source: String) {
        #expect(throws: ChatTemplateError.self) {
            try ChatTemplate(source: source, beginningOfText: "", endOfText: "")
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
        try ChatTemplate(source: source(name), beginningOfText: "<s>", endOfText: "</s>")
    }

    private static func cases(_ name: String) throws -> [([ChatMessage], Bool, String?)] {
        let fixture = try #require(try TokenizerFixtures.json("chat-renderings.json").object)
        let conversations = try #require(fixture["conversations"]?.object)
        let cases = try #require(fixture["templates"]?.object?[name]?.array)
        return try cases.map { value in
            let entry = try #require(value.object)
            let conversation = try #require(entry["conversation"]?.string)
            let messages = try #require(conversations[conversation]?.array).map { message in
                let message = try #require(message.object)
                let role = try #require(ChatMessage.Role(rawValue: message["role"]?.string ?? ""))
                return ChatMessage(role, message["content"]?.string ?? "")
            }
            return (messages, entry["prompt"] == .bool(true), entry["text"]?.string)
        }
    }
}
