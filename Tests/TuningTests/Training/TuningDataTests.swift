import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct TuningDataTests {
    private let folder: TemporaryFolder
    private let renderer: PromptRenderer

    init() throws {
        folder = try TemporaryFolder()
        renderer = PromptRenderer(
            tokenizer: try Tokenizer(Checkpoint.open(Samples.tinyModel).tokenizer()))
    }

    private func reader(
        _ options: TuningDataReader.Options = TuningDataReader.Options(), limit: Int = 256
    ) -> TuningDataReader {
        TuningDataReader(renderer: renderer, options: options, positionLimit: limit)
    }

    private func read(
        _ lines: String..., options: TuningDataReader.Options = TuningDataReader.Options(),
        limit: Int = 256
    ) throws -> [TuningExample] {
        let text = lines.joined(separator: "\n")
        return try reader(options, limit: limit)
            .examples(folder.write(Array(text.utf8), as: "data.jsonl"))
    }

    private func text(_ tokens: [Int]) -> String {
        renderer.tokenizer.decode(tokens, skipSpecial: false)
    }

    private static let probe =
        #"{"prompt": "The dog", "choices": [" is sad.", " is happy."], "correct": 1}"#
    private static let turn = #"{"prompt": {"user": "Hello"}, "completion": "I am fine."}"#

    // MARK: - Examples

    @Test func completionsStandAsTheyAre() throws {
        let example = try #require(
            try read(#"{"prompt": "The dog", "completion": " is happy."}"#).first)
        #expect(example.prompt == renderer.tokenizer.encode("The dog"))
        #expect(text(example.completion) == " is happy.")
        #expect(example.choices.isEmpty)
        #expect(example.place.hasSuffix("data.jsonl:1"))
    }

    @Test func chatCompletionsEndTheTurn() throws {
        let end = try renderer.endOfTurn()
        #expect(end.count == 1)
        #expect(end.allSatisfy(renderer.tokenizer.endOfGeneration.contains))
        let example = try #require(try read(Self.turn).first)
        #expect(example.completion.suffix(1) == end[...])
        #expect(text(Array(example.completion.dropLast())) == "I am fine.")
        let open = TuningDataReader.Options(endsTurns: false)
        #expect(
            try read(Self.turn, options: open).first?.completion == example.completion.dropLast())
        let asChat = TuningDataReader.Options(asChat: true)
        let plain = #"{"prompt": "Hello", "completion": "I am fine."}"#
        let chat = try #require(try read(plain, options: asChat).first)
        #expect(chat.completion == example.completion)
        #expect(chat.prompt == example.prompt)
    }

    // MARK: - Contrasts

    private func contrast(_ positive: String, _ negative: String, asChat: Bool = false) throws
        -> TuningDataReader.Options
    {
        TuningDataReader.Options(
            asChat: asChat,
            contrast: .templates(
                positive: try #require(ContrastTemplate(positive)),
                negative: try #require(ContrastTemplate(negative))))
    }

    @Test func templatesMakeTheContrastOfAPrompt() throws {
        let around = try contrast("Be kind. {prompt} Please.", "{prompt} Be rude.")
        let plain = try #require(
            try read(#"{"prompt": "The dog", "completion": " runs."}"#, options: around).first)
        #expect(plain.prompt == renderer.tokenizer.encode("The dog"))
        #expect(
            plain.contrast
                == ContrastPrompts(
                    positive: renderer.tokenizer.encode("Be kind. The dog Please."),
                    negative: renderer.tokenizer.encode("The dog Be rude.")))
        let turn = try #require(try read(Self.turn, options: around).first)
        let rude = Prompt.chat(system: nil, user: "Hello Be rude.", assistant: nil)
        #expect(turn.contrast?.negative == (try renderer.tokens(rude, place: "")))
        let system = try contrast("You are kind.", "You are rude.", asChat: true)
        for line in [Self.turn, #"{"prompt": "Hello", "completion": "I am fine."}"#] {
            let example = try #require(try read(line, options: system).first)
            let kind = Prompt.chat(system: "You are kind.", user: "Hello", assistant: nil)
            #expect(example.contrast?.positive == (try renderer.tokens(kind, place: "")))
        }
    }

    @Test func linesMayHaveTheirOwnContrast() throws {
        let line =
            #"{"prompt": "A", "completion": "B", "positive": "C", "negative": {"user": "D"}}"#
        let options = TuningDataReader.Options(contrast: .lines)
        let example = try #require(try read(line, options: options).first)
        #expect(example.contrast?.positive == renderer.tokenizer.encode("C"))
        #expect(
            throws: PromptError.missingMember(place: folder.path("data.jsonl:1"), key: "positive")
        ) {
            try read(Self.turn, options: options)
        }
        #expect(try read(line).first?.contrast == nil)
    }

    @Test func contrastsThatCannotBeMadeAreRefused() throws {
        #expect(ContrastTemplate("") == nil && ContrastTemplate("{prompt}") == nil)
        #expect(ContrastTemplate("{prompt} or {prompt}") == nil)
        let place = folder.path("data.jsonl:1")
        let system = try contrast("You are kind.", "You are rude.")
        #expect(throws: TuningDataError.noTurns(place: place)) {
            try read(#"{"prompt": "A", "completion": "B"}"#, options: system)
        }
        #expect(throws: PromptError.ownSystemText(place: place)) {
            try read(
                #"{"prompt": {"system": "S", "user": "A"}, "completion": "B"}"#, options: system)
        }
        let around = try contrast("{prompt} Be kind.", "{prompt} Be rude.")
        #expect(throws: TuningDataError.noUserText(place: place)) {
            try read(#"{"prompt": {"system": "S"}, "completion": "B"}"#, options: around)
        }
        #expect(throws: TuningDataError.ownContrast(place: place, key: "negative")) {
            try read(#"{"prompt": "A", "completion": "B", "negative": "C"}"#, options: around)
        }
        #expect(throws: TuningDataError.sameContrast(place: place)) {
            try read(Self.turn, options: contrast("{prompt} Go.", "{prompt} Go."))
        }
        #expect(throws: TuningDataError.self) { try read(Self.turn, options: around, limit: 16) }
    }

    @Test func probesGiveTheCorrectChoiceOrTheOpposite() throws {
        let example = try #require(try read(Self.probe).first)
        #expect(text(example.completion) == " is happy.")
        #expect(example.choices.map { text($0.tokens) } == [" is sad.", " is happy."])
        #expect(example.choices.map(\.probability) == [0.5, 0.5])
        let options = TuningDataReader.Options(takesOpposite: true)
        let opposite = try #require(try read(Self.probe, options: options).first)
        #expect(text(opposite.completion) == " is sad.")
        #expect(opposite.choices.map(\.tokens) == example.choices.map(\.tokens))
    }

    @Test func aProbesChoiceDoesNotEndTheTurn() throws {
        let probe =
            #"{"prompt": {"user": "How is the dog?"}, "choices": [" sad.", " happy."], "correct": 1}"#
        for takesOpposite in [false, true] {
            let example = try #require(
                try read(probe, options: TuningDataReader.Options(takesOpposite: takesOpposite))
                    .first)
            #expect(example.completion == example.choices[takesOpposite ? 0 : 1].tokens)
            #expect(
                !example.completion.contains(where: renderer.tokenizer.endOfGeneration.contains))
        }
    }

    @Test func aTemplateThatEndsNoTurnIsRefusedOnlyWhereTurnsEnd() throws {
        var definition = renderer.tokenizer.definition
        definition.chatTemplate =
            "{% for m in messages %}{{ m.content | upper }}{% endfor %}"
        let other = PromptRenderer(tokenizer: try Tokenizer(definition))
        func read(_ line: String, endsTurns: Bool = true) throws -> [TuningExample] {
            try TuningDataReader(
                renderer: other, options: TuningDataReader.Options(endsTurns: endsTurns),
                positionLimit: 256
            ).examples(folder.write(Array(line.utf8), as: "other.jsonl"))
        }
        #expect(throws: ChatTemplateError.self) { try read(Self.turn) }
        #expect(try read(Self.turn, endsTurns: false).count == 1)
        #expect(try read(Self.probe).count == 1)
    }

    @Test func targetsAreTheChoicesProbabilities() throws {
        let line = String(Self.probe.dropLast()) + #", "targets": [0.25, 0.75]}"#
        #expect(try read(line).first?.choices.map(\.probability) == [0.25, 0.75])
        for bad in ["[1]", "[0.5, 0.6]", "[-0.5, 1.5]", "[0.5, \"a\"]", "1"] {
            #expect(throws: TuningDataError.self, "\(bad)") {
                try read(String(Self.probe.dropLast()) + ", \"targets\": \(bad)}")
            }
        }
    }

    @Test func wrongLinesAreNamed() throws {
        let place = folder.path("data.jsonl:2")
        func expect(_ error: TuningDataError, _ line: String) {
            #expect(throws: error, "\(line)") { try read(Self.turn, line) }
        }
        expect(.emptyCompletion(place: place), #"{"prompt": "A", "completion": ""}"#)
        expect(.emptyCompletion(place: place), #"{"prompt": "A", "completion": 3}"#)
        expect(
            .ambiguous(place: place),
            String(Self.probe.dropLast()) + #", "completion": "B"}"#)
        #expect(throws: TuningDataError.noOpposite(place: place)) {
            try read(
                Self.probe, #"{"prompt": "A", "completion": "B"}"#,
                options: TuningDataReader.Options(takesOpposite: true))
        }
        #expect(throws: PromptError.missingMember(place: place, key: "completion")) {
            try read(Self.turn, #"{"prompt": "A"}"#)
        }
    }

    @Test func whatDoesNotFitTheContextIsRefusedWithBothNumbers() throws {
        let line = #"{"prompt": "The dog", "completion": " is happy."}"#
        let example = try #require(try read(line).first)
        let count = example.prompt.count + example.completion.count
        #expect(try read(line, limit: count).count == 1)
        #expect(
            throws: TuningDataError.tooLong(
                place: folder.path("data.jsonl:1"), tokens: count, limit: count - 1)
        ) { try read(line, limit: count - 1) }
    }

    @Test func whatATermCannotReadIsFoundBeforehand() throws {
        let examples = try read(#"{"prompt": "The dog", "completion": " is happy."}"#)
        func term(_ position: Position) -> ObjectiveTerm {
            ObjectiveTerm(.away([0: [1]]), position: position)
        }
        let data = TuningData(training: examples)
        try data.check([term(.beforeCompletion(1)), ObjectiveTerm(.token)])
        let place = folder.path("data.jsonl:1")
        let example = try #require(examples.first)
        let (prompt, completion) = (example.prompt.count, example.completion.count)
        #expect(
            throws: PromptError.noSuchToken(
                place: place, position: .index(99), promptCount: prompt,
                count: prompt + completion)
        ) { try data.check([term(.index(99))]) }
        #expect(throws: TrainingError.noChoices(place: place)) {
            try data.check([ObjectiveTerm(.soft)])
        }
        #expect(throws: TrainingError.noTexts) { try data.check([ObjectiveTerm(.keep)]) }
    }

    // MARK: - Validation

    @Test(arguments: [(0.2, 2), (0.01, 1), (0, 0), (0.9, 9), (1, 9)])
    func aShareIsKeptAside(share: Double, count: Int) throws {
        let examples = (0..<10).map {
            TuningExample(prompt: [$0], completion: [0], place: "test")
        }
        let data = TuningData(examples, validationShare: share, texts: [], seed: 3)
        #expect(data.validation.count == count)
        let all = (data.training + data.validation).map { $0.prompt[0] }
        #expect(all.sorted() == Array(0..<10))
        let again = TuningData(examples, validationShare: share, texts: [], seed: 3)
        #expect(data.validation.map(\.prompt) == again.validation.map(\.prompt))
    }

    // MARK: - Ordinary text

    @Test func textIsCutIntoWindows() throws {
        let text = String(repeating: "The dog is happy. ", count: 30)
        let path = try folder.write(Array(text.utf8), as: "text.txt")
        let windows = try reader().windows(path, length: 16)
        #expect(windows.allSatisfy { $0.count == 16 })
        let tokens = renderer.tokenizer.encode(text, addSpecial: false, parseSpecial: false)
        let beginning = renderer.tokenizer.definition.addsBeginningOfText ? 1 : 0
        #expect(windows.count == tokens.count / (16 - beginning))
        #expect(Array(windows.joined()).filter(tokens.contains).count >= 16)
        #expect(throws: TuningDataError.badWindow(tokens: 257, limit: 256)) {
            try reader().windows(path, length: 257)
        }
        let short = try folder.write(Array("The dog.".utf8), as: "short.txt")
        #expect(throws: TuningDataError.self) { try reader().windows(short, length: 16) }
        let binary = try folder.write([0xff, 0xfe, 0x80], as: "binary.txt")
        #expect(throws: PromptError.notText(file: binary, offset: 0)) {
            try reader().windows(binary, length: 16)
        }
    }
}
