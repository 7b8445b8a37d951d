import Formats
import Foundation
import TestSupport
import Testing
import Transformer

/// Tokenizers of all families against the libraries they come from.
@Suite struct TokenizerFamilyTests {
    @Test(arguments: TokenizerFamilies.all)
    func idsEqualThoseOfHuggingFace(family: String) throws {
        let definition = try TokenizerFamilies.definition(family)
        let tokenizer = try Tokenizer(definition)
        let expected = try TokenizerFamilies.reference(family).ids()
        for (text, ids) in zip(try TokenizerFixtures.strings(), expected) {
            // Hugging Face adds the ends a second time where the text has them already; rtedit does not.
            let first = definition.addsBeginningOfText ? definition.beginningOfText : nil
            let last = definition.addsEndOfText ? definition.endOfText : nil
            if let first, ids.prefix(2) == [first, first] { continue }
            if let last, ids.suffix(2) == [last, last] { continue }
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
        }
    }

    @Test(arguments: TokenizerFamilies.all)
    func decodedTextEqualsThatOfHuggingFace(family: String) throws {
        let tokenizer = try Tokenizer(TokenizerFamilies.definition(family))
        let reference = try TokenizerFamilies.reference(family)
        let texts = try reference.decoded(TokenizerFixtures.strings())
        for (text, ids) in zip(texts, try reference.ids()) {
            #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
        }
        for (ids, plain, full) in try reference.randomLists() {
            #expect(tokenizer.decode(ids).utf8.elementsEqual(plain.utf8), "\(ids)")
            #expect(
                tokenizer.decode(ids, skipSpecial: false).utf8.elementsEqual(full.utf8), "\(ids)")
        }
    }

    @Test(arguments: ["llama2", "gemma", "t5", "bytes_unigram"])
    func idsFromTheModelFileEqualThoseOfSentencePiece(family: String) throws {
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: TokenizerFamilies.folder(family) + "/tokenizer.model",
            toPath: folder.path("tokenizer.model"))
        try expectSentencePieceIDs(TokenizerDefinition.read(folder: folder.path), family)
    }

    @Test(arguments: ["llama2", "gemma"])
    func idsFromGGUFScoresEqualThoseOfSentencePiece(family: String) throws {
        let entries = try TokenizerConversion(
            folder: TokenizerFamilies.folder(family), config: TokenizerFamilies.config(family)
        ).entries()
        let definition = try TokenizerDefinition(metadata: GGUFMetadata(entries), file: "m.gguf")
        // The converter takes a piece that the user defined for a normal one.
        try expectSentencePieceIDs(definition, family, except: ["<end_of_turn>"])
    }

    @Test func idsOfAUnigramModelInGGUFEqualThoseOfSentencePiece() throws {
        let metadata = try TokenizerFamilies.reference("t5").metadata()
        try expectSentencePieceIDs(TokenizerDefinition(metadata: metadata, file: "m.gguf"), "t5")
    }

    private func expectSentencePieceIDs(
        _ definition: TokenizerDefinition, _ family: String, except parts: [String] = []
    ) throws {
        let tokenizer = try Tokenizer(definition)
        let expected = try TokenizerFamilies.reference(family).sentencePieceIDs()
        for (text, ids) in zip(try TokenizerFixtures.strings(), expected)
        where !parts.contains(where: text.contains) {
            let found = tokenizer.encode(text, addSpecial: false, parseSpecial: false)
            #expect(found == ids, "\(text.debugDescription)")
        }
    }

    /// In quadratic time any of these texts would take more than the limit.
    @Test(.timeLimit(.minutes(1)), arguments: ["llama2", "gemma", "t5", "albert", "unknown_pairs"])
    func hostileTextDoesNotHang(family: String) throws {
        let tokenizer = try Tokenizer(TokenizerFamilies.definition(family))
        for unit in ["a", "the ", " ", "\n", "1", "<", "é", "▁", "the\u{301}", "<s"] {
            let text = String(repeating: unit, count: 100_000 / unit.utf8.count)
            #expect(tokenizer.encode(text).count <= text.utf8.count + 2)
        }
    }

    @Test func aRunOfSpelledBytesIsHeldBackUntilItEnds() throws {
        let tokenizer = try Tokenizer(TokenizerFamilies.definition("llama2"))
        let ids = tokenizer.encode("a𓀀b", addSpecial: false)
        var stream = TokenTextStream(tokenizer)
        let pieces = ids.map { stream.push($0) }
        #expect(pieces.joined() + stream.finish() == "a𓀀b")
        #expect(pieces.contains("𓀀b"), "the four bytes come with the token after them")
        var broken = TokenTextStream(tokenizer)
        let tokens = tokenizer.definition.tokens
        let byte = try #require(tokens.firstIndex(of: ArraySlice("<0xF0>".utf8)))
        #expect(broken.push(byte) == "")
        #expect(broken.finish() == "\u{FFFD}")
    }

    /// The files that llama.cpp ships beside its vocabularies: texts, and the ids of the published tokenizers.
    @Test(
        .enabled(if: vocabularies != nil, "RTEDIT_VOCABULARIES names no folder"),
        arguments: [
            "llama-spm", "phi-3", "gpt-2", "llama-bpe", "qwen2", "starcoder", "refact", "command-r",
            "mpt",
        ])
    func idsByPublishedVocabulariesEqualTheOriginals(name: String) throws {
        let path = try #require(Self.vocabularies) + "/ggml-vocab-\(name).gguf"
        let definition = try TokenizerDefinition(metadata: GGUFFile.open(path).metadata, file: path)
        let tokenizer = try Tokenizer(definition)
        let texts = try String(contentsOfFile: path + ".inp", encoding: .utf8)
            .components(separatedBy: "\n__ggml_vocab_test__\n")
        let lines = try String(contentsOfFile: path + ".out", encoding: .utf8)
            .components(separatedBy: "\n")
        for (text, line) in zip(texts, lines) {
            let ids = line.split(separator: " ").compactMap { Int($0) }
            #expect(tokenizer.encode(text, addSpecial: false) == ids, "\(text.debugDescription)")
        }
    }

    private static let vocabularies = ProcessInfo.processInfo.environment["RTEDIT_VOCABULARIES"]
}
