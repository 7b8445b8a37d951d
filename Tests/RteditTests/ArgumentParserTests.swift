import Testing

@testable import rtedit

struct ArgumentParserTests {
    @Test func readsEverySpelling() throws {
        let arguments = try SampleCommand.parse([
            "--vector", "a:-0.5", "m", "--vector=b=c", "-oout.gguf", "--prompt", "- one", "--chat",
            "-q",
            "--seed", "-7", "--", "here",
        ])
        #expect(try arguments.text(SampleCommand.model) == "m")
        #expect(try arguments.text(SampleCommand.place) == "here")
        #expect(arguments.values(SampleCommand.vector) == ["a:-0.5", "b=c"])
        #expect(try arguments.text(SampleCommand.output) == "out.gguf")
        #expect(try arguments.text(SampleCommand.prompt) == "- one")
        #expect(try arguments.value(SampleCommand.seed) == -7)
        #expect(arguments.has(SampleCommand.chat))
        #expect(arguments.has(.quiet))
        #expect(!arguments.has(.json))
    }

    @Test func wordsAfterTwoDashesAndNegativeNumbersArePositional() throws {
        #expect(
            try SampleCommand.parse(SampleCommand.required.dropFirst() + ["-5"]).positionals == [
                "MODEL": "-5"
            ])
        #expect(
            try SampleCommand.parse(SampleCommand.required.dropFirst() + ["--", "--m"]).positionals
                == ["MODEL": "--m"])
        #expect(
            try SampleCommand.parse(SampleCommand.required.dropFirst() + ["-"]).positionals == [
                "MODEL": "-"
            ])
    }

    @Test func theLastValueCounts() throws {
        let arguments = try SampleCommand.parse(
            SampleCommand.required + ["--seed", "1", "--seed=2"])
        #expect(try arguments.value(SampleCommand.seed) == 2)
    }

    @Test func optionsNotGivenHaveTheirStandardValue() throws {
        let arguments = try SampleCommand.parse(SampleCommand.required)
        #expect(try arguments.value(SampleCommand.method) == .auto)
        #expect(try arguments.value(SampleCommand.scale) == 1)
        #expect(try arguments.value(SampleCommand.seed) == nil)
        #expect(!arguments.isGiven(SampleCommand.method))
        #expect(try arguments.threads == Processor.onlineCores)
    }

    @Test(arguments: [
        (["-o"], UsageError.missingValue(option: "--output", valueName: "FILE")),
        (["--prompt", "--chat"], .missingValue(option: "--prompt", valueName: "TEXT")),
        (["--prompt", "-q"], .missingValue(option: "--prompt", valueName: "TEXT")),
        (["--seed", "--"], .missingValue(option: "--seed", valueName: "N")),
        (["--chat=1"], .unexpectedValue(option: "--chat", value: "1")),
        (["--promt", "x"], .unknownOption("--promt", suggestion: "--prompt")),
        (["--promt=x"], .unknownOption("--promt", suggestion: "--prompt")),
        (["-prompt", "x"], .unknownOption("-prompt", suggestion: "--prompt")),
        (["-z"], .unknownOption("-z", suggestion: nil)),
        (["-qv"], .unknownOption("-qv", suggestion: nil)),
        (["a", "here", "c"], .extraArgument("c", suggestion: "--output c")),
        (["a", "here", "c", "-o", "x"], .extraArgument("c", suggestion: "--prompt c")),
        (["a", "here", "c"] + SampleCommand.required.dropFirst(), .extraArgument("c")),
        (
            ["a", "where"],
            .invalidValue(place: "PLACE", value: "where", expected: "one of here, there")
        ),
        (
            ["--method", "fit"],
            .invalidValue(place: "--method", value: "fit", expected: "one of auto, bias")
        ),
        ([], .missingArgument("MODEL")),
        (["m"], .missingOption("--output")),
        (["m", "-o", "x"], .missingOneOf(["--prompt", "--tokens"])),
        (["m", "-o", "x", "--tokens", "1", "--prompt", "p"], .conflict(["--prompt", "--tokens"])),
        (["m", "-o", "x", "--tokens", "1"], .missingOneOf(["--vector", "--ablate"])),
    ])
    func throwsTheFact(words: [String], fact: UsageError) {
        #expect(throws: fact) { try SampleCommand.parse(words) }
    }

    @Test func helpNeedsNothingElse() throws {
        #expect(try SampleCommand.parse(["--help"]).has(.help))
        #expect(try SampleCommand.parse(["--version"]).has(.version))
    }
}
