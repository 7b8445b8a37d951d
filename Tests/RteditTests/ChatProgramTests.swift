import Foundation
import TestSupport
import Testing

/// Chat templates as a user meets them: the built program on a folder with a template of the test's own.
@Suite struct ChatProgramTests {
    private let folder: TemporaryFolder
    private let model: String

    init() throws {
        folder = try TemporaryFolder()
        model = folder.path("model")
        let run = try ProgramRun.rtedit(["convert", Samples.tinyModel, model, "--quiet"])
        #expect(run.exitCode == 0, "\(run.errors)")
        // The template of its own stays the only one.
        let path = URL(fileURLWithPath: model + "/tokenizer_config.json")
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: path))
        var configuration = try #require(object as? [String: Any])
        configuration["chat_template"] = nil
        try JSONSerialization.data(withJSONObject: configuration).write(to: path)
        try setTemplate(
            "{{ strftime_now('%d %b %Y') }}:{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No place for\nsystem messages') }}{% endif %}{{ m.content }}{{ eos_token }}{% endfor %}"
        )
    }

    private func setTemplate(_ text: String) throws {
        try text.write(toFile: model + "/chat_template.jinja", atomically: true, encoding: .utf8)
    }

    private func text(_ more: String...) throws -> (text: String, errors: String) {
        let run = try ProgramRun.rtedit(["tokenize", model, "Hello", "--chat"] + more)
        #expect(run.exitCode == 0, "\(run.errors)")
        let ids = run.output.split(whereSeparator: \.isWhitespace).joined(separator: ",")
        let decoded = try ProgramRun.rtedit(["tokenize", model, "--decode", ids])
        return (decoded.output, run.errors)
    }

    /// A certificate holds the day that the prompts have, and its check takes it.
    @Test func aCertificateHoldsOnAnotherDay() throws {
        let proof = folder.path("proof.json")
        func verify(_ more: String...) throws -> ProgramRun {
            try ProgramRun.rtedit(["verify", model, model, "--positions", "4"] + more)
        }
        let made = try verify(
            "--certificate", proof, "--chat", "-n", "1", "--date", "2024-02-09")
        #expect(made.exitCode == 0, "\(made.output)\(made.errors)")
        let text = String(decoding: try bytes(ofFile: proof), as: UTF8.self)
        #expect(text.contains("\"date\": \"2024-02-09\""))
        let check = try verify("--check", proof)
        #expect(check.exitCode == 0, "\(check.output)\(check.errors)")
        let other = try verify("--check", proof, "--date", "2024-02-10")
        #expect(other.exitCode == 2)
        #expect(
            other.errorLine.contains("--date: the certificate was made with --date 2024-02-09"))
    }

    @Test func todaysDateIsToldAndCanBeFixed() throws {
        let today = try text()
        #expect(today.errors.contains("the chat template writes today's date; --date 20"))
        #expect(today.errors.split(separator: "\n").count == 1)
        let fixed = try text("--date", "2024-02-09")
        #expect(fixed.errors.isEmpty)
        #expect(fixed.text.contains("09 Feb 2024:Hello"))
        let wrong = try ProgramRun.rtedit([
            "tokenize", model, "Hello", "--chat", "--date", "2024-02-30",
        ])
        #expect(wrong.exitCode == 2)
        #expect(wrong.errorLine.contains("--date: '2024-02-30' is not a day"))
    }

    @Test func aPromptWithoutTurnsHasNoDate() throws {
        let run = try ProgramRun.rtedit(["tokenize", model, "Hello"])
        #expect(run.exitCode == 0)
        #expect(run.errors.isEmpty)
    }

    @Test func refusalsAreTheTemplatesOwnWords() throws {
        let run = try ProgramRun.rtedit([
            "generate", model, "--prompt", "Hello", "--system", "Be brief.", "--max-tokens", "1",
        ])
        #expect(run.exitCode == 4)
        #expect(run.errorLine.hasSuffix("refuses this conversation: No place for system messages"))
        #expect(run.output.isEmpty)
    }

    @Test func inspectSaysWhatTheTemplateTakes() throws {
        func words() throws -> String { try ProgramRun.rtedit(["inspect", model]).output }
        #expect(
            try words().contains("chat template without system messages that writes today's date"))
        try setTemplate("{% for m in messages %}{{ m.content }}{% endfor %}")
        #expect(try words().contains("tokens, chat template\n"))
        try setTemplate("{{ x.y }}")
        #expect(try words().contains("cannot be rendered: the chat template fails"))
    }

    @Test func aResumedRunKeepsItsDay() throws {
        let vector = folder.path("mood.gguf")
        let found = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "4", "-o",
            vector,
            "--quiet",
        ])
        #expect(found.exitCode == 0, "\(found.errors)")
        let lines = (0..<4).map {
            #"{"prompt": {"user": "Hello \#($0)"}, "completion": "The dog is happy."}"# + "\n"
        }
        let data = try folder.write(Array(lines.joined().utf8), as: "data.jsonl")
        func tune(_ output: String, _ more: String...) throws -> ProgramRun {
            try ProgramRun.rtedit(
                [
                    "tune", model, folder.path(output), "--vector", vector + "@2", "--data", data,
                    "--epochs", "1", "--batch", "2", "--validation-share", "0", "--type", "keep",
                    "--keep-run",
                ] + more)
        }
        let first = try tune("a.gguf", "--date", "2024-02-09")
        #expect(first.exitCode == 0, "\(first.errors)")
        let run = folder.path("a.gguf.run")
        let other = try tune("b.gguf", "--resume", run, "--date", "2024-02-10")
        #expect(other.exitCode != 0)
        #expect(other.errors.contains("--date"), "\(other.errors)")
        #expect(try tune("b.gguf", "--resume", run, "--date", "2024-02-09").exitCode == 0)
    }
}
