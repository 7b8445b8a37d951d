import Foundation
import TestSupport
import Testing

/// Conversations with the built program, from a pipe.
@Suite struct ChatSessionProgramTests {
    private let folder: TemporaryFolder
    private let model: String
    private let vector: String

    init() throws {
        folder = try TemporaryFolder()
        model = folder.path("model")
        vector = folder.path("v.gguf")
        let made = try ProgramRun.rtedit(["convert", Samples.tinyModel, model, "--quiet"])
        #expect(made.exitCode == 0, "\(made.errors)")
        try
            "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
            .write(toFile: model + "/chat_template.jinja", atomically: true, encoding: .utf8)
        let extracted = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-o", vector, "--quiet",
        ])
        #expect(extracted.exitCode == 0, "\(extracted.errors)")
    }

    private func chat(_ lines: String..., options: [String] = []) throws -> ProgramRun {
        try ProgramRun.rtedit(
            ["chat", model, "-n", "8"] + options, input: lines.map { $0 + "\n" }.joined())
    }

    private func answers(_ run: ProgramRun) throws -> [[String: Any]] {
        try run.output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            return try #require(object as? [String: Any])
        }
    }

    private func generated(_ more: String...) throws -> String {
        let run = try ProgramRun.rtedit(
            ["generate", model, "--chat", "-p", "Hi", "-n", "8"] + more)
        return run.output.trimmingCharacters(in: .newlines)
    }

    @Test func answersAreThoseOfGenerateUnderTheSteeringOfTheMoment() throws {
        let run = try chat(
            "Hi", "/vector \(vector):2", "/again", "/strength -3", "/again", "/blocks 1", "/again",
            "/drop 1", "/again", options: ["--json"])
        #expect(run.exitCode == 0, "\(run.errors)")
        let texts = try answers(run).map { try #require($0["assistant"] as? String) }
        let expected = [
            try generated(), try generated("--vector", "\(vector):2"),
            try generated("--vector", "\(vector):-3"), try generated("--vector", "\(vector):-3@1"),
            try generated(),
        ]
        #expect(texts.map { $0.trimmingCharacters(in: .newlines) } == expected)
        #expect(Set(expected).count > 1)
        #expect(run.errors.contains("1  --vector \(vector):-3.0@1"))
        #expect(run.errors.contains("nothing steers"))
    }

    @Test func thePlainAnswerStandsBeside() throws {
        let run = try chat("Hi", options: ["--json", "--beside", "--vector", "\(vector):4"])
        let answer = try answers(run)[0]
        #expect(
            (answer["plain"] as? String)?.trimmingCharacters(in: .newlines) == (try generated()))
        #expect(answer["steering"] as? [String] == ["--vector \(vector):4.0"])
        let shown = try chat("Hi", options: ["--beside", "--vector", "\(vector):4"])
        #expect(shown.output.hasPrefix("plain:\n") && shown.output.contains("\nsteered:\n"))
    }

    /// A second message is answered after the first and its answer; what is undone is forgotten.
    @Test func theConversationIsRemembered() throws {
        let both = try answers(chat("Hi", "And you?", options: ["--json"]))
        let alone = try answers(chat("And you?", options: ["--json"]))
        let undone = try answers(chat("Hi", "/undo", "And you?", options: ["--json"]))
        let cleared = try answers(chat("Hi", "/clear", "And you?", options: ["--json"]))
        let text = { (answer: [String: Any]) in answer["assistant"] as? String }
        #expect(text(undone[1]) == text(alone[0]) && text(cleared[1]) == text(alone[0]))
        let first = try #require(text(both[0]))
        let whole = "<user>Hi\n<assistant>\(first)\n<user>And you?\n<assistant>"
        let run = try ProgramRun.rtedit(["generate", model, "-p", whole, "-n", "8", "--json"])
        #expect(text(both[1]) == (try answers(run)[0]["text"] as? String))
    }

    @Test func transcriptsAreWritten() throws {
        let lines = folder.path("t.jsonl")
        let page = folder.path("t.md")
        let run = try chat(
            "/system Be brief", "Hi", "//slash", "/save \(page)", options: ["--transcript", lines])
        #expect(run.exitCode == 0, "\(run.errors)")
        let written = try String(contentsOfFile: lines, encoding: .utf8).split(separator: "\n")
        #expect(written.count == 2)
        #expect(
            written[0].contains("\"system\":\"Be brief\"") && written[1].contains("\"/slash\""))
        let text = try String(contentsOfFile: page, encoding: .utf8)
        #expect(text.contains("*System: Be brief*") && text.contains("**User:** Hi"))
        let again = try chat("Hi", options: ["--transcript", lines])
        #expect(again.exitCode == 5 && again.errorLine.contains("exists already"))
        let odd = try chat("Hi", options: ["--transcript", folder.path("t.txt")])
        #expect(odd.exitCode == 2 && odd.errorLine.contains(".md or .jsonl"))
    }

    @Test func linesThatCannotBeDoneEndAPipedCall() throws {
        let cases: [(String, Int32, String)] = [
            ("/strenght 2", 2, "/strength"), ("/strength 2", 2, "nothing steers"),
            ("/vector none.gguf", 3, "none.gguf"), ("/temperature hot", 2, "hot"),
            ("/again", 2, "nothing was said yet"), ("/save", 2, "FILE"),
            ("/drop 3", 2, "/drop"), ("/beside maybe", 2, "'on' or 'off'"),
        ]
        for (line, code, part) in cases {
            let run = try chat(line, "Hi")
            #expect(run.exitCode == code && run.output.isEmpty, "\(line): \(run.errors)")
            #expect(run.errors.contains(part), "\(line): \(run.errors)")
        }
        #expect(try chat("/quit", "/nonsense").exitCode == 0)
    }

    @Test func aModelWithoutATemplateSaysSoAtOnce() throws {
        try FileManager.default.removeItem(atPath: model + "/chat_template.jinja")
        let path = model + "/tokenizer_config.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacingOccurrences(of: "\"chat_template\"", with: "\"was_template\"")
            .write(toFile: path, atomically: true, encoding: .utf8)
        let run = try chat("Hi")
        #expect(run.exitCode != 0 && run.output.isEmpty)
        #expect(run.errorLine.contains("template"), "\(run.errors)")
    }
}
