import Foundation
import TestSupport
import Testing

/// Prompts from calls, files and standard input, as a user gives them to the built program.
@Suite struct PromptProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func generate(_ arguments: String..., input: String? = nil) throws -> ProgramRun {
        try ProgramRun.rtedit(
            ["generate", Samples.tinyModel, "-n", "6"] + arguments, input: input)
    }

    private func lines(_ run: ProgramRun) throws -> [[String: Any]] {
        try run.output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            return try #require(object as? [String: Any])
        }
    }

    @Test func aDashIsTheTextOnStandardInput() throws {
        let given = try generate("-p", "It was a good day")
        #expect(given.exitCode == 0, "\(given.errors)")
        #expect(try generate("-p", "-", input: "It was a good day\n").output == given.output)
        #expect(try generate("-p", "-", input: "It was a good day").output == given.output)
        let two = try generate("-p", "-", input: "It was a good day\n\n")
        #expect(try generate("-p", "It was a good day\n").output == two.output)
        let ids = try ProgramRun.rtedit(["tokenize", Samples.tinyModel, "a day"])
        let piped = try ProgramRun.rtedit(["tokenize", Samples.tinyModel, "-"], input: "a day\n")
        #expect(ids.exitCode == 0 && piped.output == ids.output)
    }

    @Test func everyPromptIsAnsweredAsAlone() throws {
        let prompts = ["It was", "A house", "Hello"]
        let alone = try prompts.map { try lines(generate("-p", $0, "--json"))[0] }
        let options = prompts.flatMap { ["-p", $0] }
        let together = try lines(
            ProgramRun.rtedit(["generate", Samples.tinyModel, "-n", "6", "--json"] + options))
        #expect(together.count == 3)
        for (one, other) in zip(alone, together) {
            #expect(one["text"] as? String == other["text"] as? String)
            #expect(one["prompt"] as? String == other["prompt"] as? String)
        }
        let text = prompts.map { "{\"prompt\": \"\($0)\"}\n" }.joined()
        let piped = try generate("--prompts", "-", "--json", input: text)
        #expect(
            try lines(piped).map { $0["text"] as? String } == together.map { $0["text"] as? String }
        )
        let file = try folder.write(Array(text.utf8), as: "prompts.jsonl")
        #expect(try generate("--prompts", file, "--json").results == piped.results)
        let shown = try generate("--prompts", file)
        #expect(shown.output.contains("prompt 2 of 3"))
    }

    @Test func badPromptsNameTheirPlace() throws {
        let none = try generate("--prompts", "-", input: "")
        #expect(none.exitCode == 3)
        #expect(none.errorLine == "rtedit: standard input: has no lines")
        let bad = try generate("--prompts", "-", input: "{\"prompt\": \"a\"}\n{\"text\": \"b\"}\n")
        #expect(bad.exitCode == 3 && bad.output.isEmpty)
        #expect(bad.errorLine == "rtedit: standard input:2: member 'prompt' is missing")
        let nothing = try generate()
        #expect(nothing.exitCode == 2)
        #expect(nothing.errorLine.contains("--prompt") && nothing.errorLine.contains("--prompts"))
        let bytes = try generate("-p", "-", input: "")
        #expect(bytes.exitCode == 3, "\(bytes.errors)")
    }

    @Test func textsOfMeasurementsComeFromStandardInputToo() throws {
        let text = String(repeating: "It was a good day for a walk. ", count: 20)
        let file = try folder.write(Array(text.utf8), as: "text.txt")
        let named = try ProgramRun.rtedit(["eval", Samples.tinyModel, "--text", file, "--json"])
        let piped = try ProgramRun.rtedit(
            ["eval", Samples.tinyModel, "--text", "-", "--json"], input: text)
        #expect(named.exitCode == 0 && piped.exitCode == 0, "\(piped.errors)")
        let key = "perplexity"
        let values = try [named, piped].map { try #require(lines($0)[0][key] as? NSObject) }
        #expect(values[0] == values[1])
    }
}
