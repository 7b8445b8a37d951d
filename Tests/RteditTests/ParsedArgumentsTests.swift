import Testing

@testable import rtedit

struct ParsedArgumentsTests {
    private typealias Method = SampleCommand.Method
    private static let size = Knob.byteCount("size", "SIZE", "A size.")

    private func given(_ option: Option, _ text: String) -> ParsedArguments {
        ParsedArguments(values: [option.name: [text]])
    }

    @Test(arguments: ["0", "1025", "x", "", "1.5", "99999999999999999999", " 1"])
    func threadsOutsideTheRangeAreRefused(text: String) {
        #expect(
            throws: UsageError.invalidValue(
                place: "--threads", value: text, expected: "a number from 1 to 1024")
        ) { try given(Option.threads.option, text).threads }
    }

    @Test(arguments: ["nan", "inf", "-1e999", "x", "", "2"])
    func numbersAreFiniteAndInTheRange(text: String) {
        #expect(
            throws: UsageError.invalidValue(
                place: "--scale", value: text, expected: "a number from -1.0 to 1.0")
        ) { try given(SampleCommand.scale.option, text).value(SampleCommand.scale) }
    }

    @Test func valuesOfSeveralListsComeInTheOrderOfTheCall() {
        let options = [SteeringOptions.vector, SteeringOptions.ablate]
        let arguments = ParsedArguments(
            values: ["vector": ["a", "d"], "ablate": ["b", "c"]],
            order: ["vector", "ablate", "threads", "ablate", "vector"])
        #expect(arguments.valuesInOrder(options).map(\.text) == ["a", "b", "c", "d"])
        #expect(
            arguments.valuesInOrder(options).map(\.option.name) == [
                "vector", "ablate", "ablate", "vector",
            ])
        #expect(given(SteeringOptions.ablate, "x").valuesInOrder(options).map(\.text) == ["x"])
    }

    @Test func numbersMayBeNegative() throws {
        #expect(
            try given(SampleCommand.scale.option, "-2.5e-1").value(SampleCommand.scale) == -0.25)
    }

    @Test func integersAreSeparatedByCommas() throws {
        #expect(
            try given(SampleCommand.tokens.option, "1,22, 3").value(SampleCommand.tokens) == [
                1, 22, 3,
            ])
        for text in ["", "1,,2", "1,", "-1", "a"] {
            #expect(throws: UsageError.self) {
                try given(SampleCommand.tokens.option, text).value(SampleCommand.tokens)
            }
        }
    }

    @Test func choicesAreCases() throws {
        #expect(
            try given(SampleCommand.method.option, "bias").value(SampleCommand.method) == .bias)
        #expect(
            throws: UsageError.invalidValue(
                place: "--method", value: "fit", expected: "one of auto, bias")
        ) { try given(SampleCommand.method.option, "fit").value(SampleCommand.method) }
    }

    @Test(arguments: [
        ("4096", 4096), ("1K", 1000), ("500MB", 500_000_000), ("4GiB", 4 << 30),
        ("2g", 2_000_000_000),
    ])
    func sizesHaveUnits(text: String, bytes: Int) throws {
        #expect(try given(Self.size.option, text).value(Self.size) == bytes)
    }

    @Test(arguments: ["0", "-1", "1X", "GB", "", "99999999999GB", "9223372036854775808", "1.5GB"])
    func sizesThatAreNoneAreRefused(text: String) {
        #expect(throws: UsageError.self) {
            try given(Self.size.option, text).value(Self.size)
        }
    }

    @Test func aModelNarrowsARange() throws {
        let seed = SampleCommand.seed.option
        #expect(
            try given(SampleCommand.tokens.option, "1,7").value(SampleCommand.tokens, in: 0...7)
                == [1, 7])
        #expect(
            throws: UsageError.invalidValue(
                place: "--tokens", value: "8", expected: "a number from 0 to 7")
        ) { try given(SampleCommand.tokens.option, "1,8").value(SampleCommand.tokens, in: 0...7) }
        let count = Knob.integer("seed", "N", "A count.", standard: 3, in: 1...9)
        #expect(
            throws: UsageError.invalidValue(
                place: "--seed", value: "5", expected: "a number from 1 to 4")
        ) { try given(seed, "5").value(count, in: 1...4) }
    }

    @Test func namesAreSeparatedByCommas() throws {
        let methods = Knob<[Method]>.choices("method", "LIST", "Some.", standard: [.bias, .auto])
        #expect(methods.option.value?.standard == "bias,auto")
        #expect(try given(methods.option, "auto").value(methods) == [.auto])
        #expect(
            throws: UsageError.invalidValue(
                place: "--method", value: "", expected: "one of auto, bias")
        ) { try given(methods.option, "auto,").value(methods) }
    }

    @Test func aKnobReadsItselfAndHasOneStandard() throws {
        let steps = Knob<Int>.integer("steps", "N", "Steps.", standard: 3, in: 1...9)
        let rate = Knob<Double>.number("rate", "X", "A rate.", standard: 1e-5, in: 0...1)
        let method = Knob<Method>.choice("method", "NAME", "A method.", standard: .bias)
        let none = ParsedArguments()
        #expect(try none.value(steps) == 3 && none.value(rate) == 1e-5)
        #expect(try none.value(method) == .bias)
        #expect(steps.option.value?.standard == "3" && rate.option.value?.standard == "1e-5")
        let rare = Knob<Double>.number("rate", "X", "A rate.", standard: 1e-4, in: 0...1)
        #expect(rare.option.value?.standard == "1e-4")
        #expect(method.option.value?.allowed == ["auto", "bias"])
        #expect(try given(steps.option, "9").value(steps) == 9)
        #expect(try given(method.option, "auto").value(method) == .auto)
        #expect(
            throws: UsageError.invalidValue(
                place: "--steps", value: "10", expected: "a number from 1 to 9")
        ) { try given(steps.option, "10").value(steps) }
        #expect(throws: UsageError.self) { try given(rate.option, "nan").value(rate) }
    }

    @Test func anOptionThatIsNotDeclaredIsNotRead() throws {
        let arguments = try ArgumentParser(command: VersionCommand()).parse(["--json"])
        #expect(arguments.declares(.json) && !arguments.declares(SampleCommand.prompt))
    }

    @Test func whatIsMissingIsNamed() {
        #expect(throws: UsageError.missingOption("--prompt")) {
            try ParsedArguments().text(SampleCommand.prompt)
        }
        #expect(throws: UsageError.missingArgument("MODEL")) {
            try ParsedArguments().text(SampleCommand.model)
        }
    }
}
