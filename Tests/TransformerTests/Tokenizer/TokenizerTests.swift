import Formats
import Testing
import Transformer

@Suite struct TokenizerTests {
    @Test(arguments: TokenizerFixtures.families)
    func idsEqualThoseOfHuggingFace(family: String) throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition(family))
        let expected = try TokenizerFixtures.ids(family)
        for (text, ids) in zip(try TokenizerFixtures.strings(), expected) {
            // Hugging Face adds the ends a second time where the text has them already; rtedit does not.
            let textHasEnds =
                family == "llama3" && (ids.prefix(2) == [1, 1] || ids.suffix(2) == [0, 0])
            if !textHasEnds { #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)") }
        }
    }

    @Test(.enabled(if: TokenizerFixtures.modelPath != nil, "RTEDIT_MODEL names no model file"))
    func idsOfSmolLM2EqualThoseOfHuggingFace() throws {
        let path = try #require(TokenizerFixtures.modelPath)
        let definition = try TokenizerDefinition(metadata: GGUFFile.open(path).metadata, file: path)
        let tokenizer = try Tokenizer(definition)
        let expected = try TokenizerFixtures.smolLM2IDs()
        for (text, ids) in zip(try TokenizerFixtures.strings(), expected) {
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
        }
        // <reponame> counts as well: llama.cpp's set has it.
        #expect(tokenizer.endOfGeneration == [0, 2, 4])
    }

    @Test(arguments: TokenizerFixtures.families)
    func decodingGivesTheTextBack(family: String) throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition(family))
        for text in try TokenizerFixtures.strings() {
            let ids = tokenizer.encode(text, addSpecial: false)
            // SmolLM's vocabulary lacks bytes, which are dropped; NFC changes the text.
            if family == "gpt2" || family == "llama3" {
                #expect(tokenizer.decode(ids, skipSpecial: false).utf8.elementsEqual(text.utf8))
            }
            var stream = TokenTextStream(tokenizer)
            let streamed = ids.map { stream.push($0) }.joined() + stream.finish()
            #expect(streamed.utf8.elementsEqual(tokenizer.decode(ids).utf8))
        }
    }

    @Test func streamHoldsBackAScalarUntilItIsWhole() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("gpt2"))
        var stream = TokenTextStream(tokenizer)
        let bytes = tokenizer.encode("𓀀", addSpecial: false)
        try #require(bytes.count == 4)
        #expect(bytes.map { stream.push($0) } == ["", "", "", "𓀀"])
        #expect(stream.push(bytes[0]) == "")
        #expect(stream.push(bytes[0]) == "\u{FFFD}")
        #expect(stream.finish() == "\u{FFFD}")
        #expect(stream.finish() == "")
    }

    @Test func specialTextIsOrdinaryWhenNotParsed() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("gpt2"))
        let text = "a<|im_end|><tool>"
        let parsed = tokenizer.encode(text)
        let unparsed = tokenizer.encode(text, parseSpecial: false)
        #expect(parsed.count == 3 && parsed[1] == 2)
        #expect(!unparsed.contains(2))
        #expect(unparsed.last == parsed.last, "user-defined tokens are found either way")
        #expect(tokenizer.decode(unparsed) == text)
        #expect(tokenizer.decode(parsed) == "a<tool>")
    }

    @Test func endsAreAddedOnce() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("llama3"))
        let plain = tokenizer.encode("Hi", addSpecial: false)
        #expect(tokenizer.encode("Hi") == [1] + plain + [0])
        #expect(tokenizer.encode("<|im_start|>Hi<|endoftext|>") == [1] + plain + [0])
        #expect(tokenizer.encode("") == [1, 0])
    }

    @Test func longestAddedTokenWins() throws {
        var definition = try TokenizerFixtures.definition("gpt2")
        let first = definition.tokens.count
        for text in ["<a>", "<a><b>", "<b>c"] {
            definition.tokens.append(text.utf8)
            definition.kinds.append(.control)
        }
        let tokenizer = try Tokenizer(definition)
        #expect(tokenizer.encode("<a><b>c") == [first + 1] + tokenizer.encode("c"))
        #expect(tokenizer.encode("<a><b<b>c").suffix(1) == [first + 2])
    }

    @Test func overlongAddedTokenIsRefused() throws {
        var definition = try TokenizerFixtures.definition("gpt2")
        definition.tokens.append(String(repeating: "a", count: 1025).utf8)
        definition.kinds.append(.control)
        #expect(throws: TokenizerError.self) { try Tokenizer(definition) }
    }

    @Test func hostileTextTakesNearlyLinearTime() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("gpt2"))
        let texts = ["a", "the", " ", "\n", "1", "<", "<|im_", "'", "é", "the\u{301}"]
        for unit in texts {
            // One piece of 200,000 bytes: a quadratic search for the best merge would take minutes.
            let text = String(repeating: unit, count: 200_000 / unit.utf8.count)
            var ids: [Int] = []
            let time = ContinuousClock().measure { ids = tokenizer.encode(text) }
            #expect(time < .seconds(20), "\(unit)")
            #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8))
        }
    }

    @Test func idsOutsideTheVocabularyDecodeToNothing() throws {
        let tokenizer = try Tokenizer(TokenizerFixtures.definition("gpt2"))
        #expect(tokenizer.decode([-1, tokenizer.vocabularySize, .max]) == "")
    }
}
