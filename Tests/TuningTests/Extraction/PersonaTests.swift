import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct PersonaTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func statements(_ lines: String...) throws -> [Probe] {
        try Probe.read(folder.write(Array(lines.joined(separator: "\n").utf8), as: "s.jsonl"))
    }

    private let line =
        "{\"prompt\": {\"user\": \"Q\"}, \"choices\": [\"a\", \"b\", \"c\"], \"correct\": 1}"

    @Test func aPersonaAndAStatementMakeAPair() throws {
        let pairs = try ContrastPair.pairs(
            personas: ExtractionFixture.personas, statements: statements(line), everyPersona: false)
        #expect(
            pairs == [
                ContrastPair(
                    positive: .chat(system: "You are cheerful.", user: "Q", assistant: "b"),
                    negative: .chat(system: "You are miserable.", user: "Q", assistant: "a"),
                    place: folder.path("s.jsonl:1"))
            ])
    }

    @Test func personasAreTakenInTurnOrAllOfThem() throws {
        let statements = try statements(line, line, line, line)
        func systems(_ everyPersona: Bool) throws -> [String?] {
            try ContrastPair.pairs(
                personas: ExtractionFixture.personas, statements: statements,
                everyPersona: everyPersona
            ).map { if case .chat(let system, _, _) = $0.positive { system } else { nil } }
        }
        let texts = ExtractionFixture.personas.map(\.positive)
        #expect(try systems(false) == texts + [texts[0]])
        #expect(try systems(true) == texts + texts + texts + texts)
    }

    @Test func aStringIsTheUsersTurnAndABegunAnswerIsContinued() throws {
        let statements = try statements(
            "{\"prompt\": \"Q\", \"choices\": [\"a\", \"b\"], \"correct\": 0}",
            "{\"prompt\": {\"user\": \"Q\", \"assistant\": \"So: \"}, \"choices\": [\"a\", \"b\"], \"correct\": 0}"
        )
        let pairs = try ContrastPair.pairs(
            personas: [ExtractionFixture.personas[0]], statements: statements, everyPersona: false)
        #expect(
            pairs.map(\.negative)
                == ["b", "So: b"].map {
                    .chat(system: "You are miserable.", user: "Q", assistant: $0)
                })
    }

    @Test func aStatementWithItsOwnSystemTextIsRefused() throws {
        let statements = try statements(
            "{\"prompt\": {\"system\": \"S\", \"user\": \"Q\"}, \"choices\": [\"a\", \"b\"], \"correct\": 0}"
        )
        #expect(throws: PromptError.ownSystemText(place: folder.path("s.jsonl:1"))) {
            try ContrastPair.pairs(
                personas: ExtractionFixture.personas, statements: statements, everyPersona: true)
        }
    }

    @Test func malformedPersonasNameTheirLine() throws {
        for (text, error) in [
            ("{\"positive\": \"a\"}", PromptError.missingMember(place: ":1", key: "negative")),
            ("{\"positive\": \"a\", \"negative\": 1}", .badMember(place: ":1", key: "negative")),
            (
                "{\"positive\": \"\", \"negative\": \"b\"}",
                .emptyMember(place: ":1", key: "positive")
            ),
        ] {
            let path = try folder.write(Array(text.utf8), as: "p.jsonl")
            let found = #expect(throws: PromptError.self) { try Persona.read(path) }
            #expect(found?.description == path + error.description)
        }
    }

    // MARK: - In character

    @Test func pairsInCharacterAreThoseThePlainSumsKeep() throws {
        let fixture = try ExtractionFixture()
        let measure = try EvaluationFixture()
        let pairs = try fixture.pairs(everyPersona: true)
        /// log p of the second prompt's answer after the first one's turns.
        func score(_ turns: Prompt, _ answer: Prompt) throws -> Double {
            guard case .chat(let system, let user, _) = turns, case .chat(_, _, let text) = answer
            else { return .nan }
            let sequence = try fixture.renderer.sequence(
                .chat(system: system, user: user, assistant: text), place: "test")
            let rows = try measure.logProbabilities(sequence.tokens)
            return (sequence.promptCount..<sequence.tokens.count).reduce(0) {
                $0 + rows[$1 - 1][sequence.tokens[$1]]
            }
        }
        let expected = try pairs.filter { pair in
            let (up, down) = (pair.positive, pair.negative)
            return try score(up, up) > score(up, down) && score(down, down) > score(down, up)
        }
        let kept = try ContrastPair.inCharacter(
            pairs, decoder: fixture.decoder, renderer: fixture.renderer)
        #expect(kept == expected)
        #expect(!kept.isEmpty && kept.count < pairs.count)
    }

    @Test func noPairInCharacterIsRefused() throws {
        let fixture = try ExtractionFixture()
        let pairs = try fixture.pairs()
        // Of a pair and the pair with its answers exchanged, at most one is in character.
        let kept = try ContrastPair.inCharacter(
            pairs, decoder: fixture.decoder, renderer: fixture.renderer)
        let exchanged = kept.map { pair in
            guard case .chat(let first, let user, let up) = pair.positive,
                case .chat(let second, _, let down) = pair.negative
            else { return pair }
            return ContrastPair(
                positive: .chat(system: first, user: user, assistant: down),
                negative: .chat(system: second, user: user, assistant: up), place: pair.place)
        }
        #expect(throws: ExtractionError.noneInCharacter(pairs: kept.count)) {
            try ContrastPair.inCharacter(
                exchanged, decoder: fixture.decoder, renderer: fixture.renderer)
        }
        let silent = ContrastPair(
            positive: .chat(system: "a", user: "Q", assistant: nil), negative: .text("x"),
            place: "f:7")
        #expect(throws: ExtractionError.noAssistantText(place: "f:7")) {
            try ContrastPair.inCharacter(
                [silent], decoder: fixture.decoder, renderer: fixture.renderer)
        }
    }
}
