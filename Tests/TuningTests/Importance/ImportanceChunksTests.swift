import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct ImportanceChunksTests {
    private func tokenizer(_ family: String) throws -> Tokenizer {
        try Tokenizer(TokenizerDefinition.read(folder: Families.folder(family)))
    }

    @Test func chunksBeginWithTheTokenThatBeginsATextAndTheRestIsLeftOut() throws {
        let chunks = ImportanceChunks(tokens: [9, 1, 2, 3, 4, 5, 6], size: 3, beginning: 9)
        #expect(chunks.count == 2)
        #expect((0..<2).map { chunks[$0] } == [[9, 1, 2], [9, 4, 5]])
        let plain = ImportanceChunks(tokens: [9, 1, 2, 3], size: 2, beginning: nil)
        #expect((0..<2).map { plain[$0] } == [[9, 1], [2, 3]])
    }

    @Test(arguments: ["llama", "gemma", "qwen2", "gpt2"])
    func textsAreCutAsOneAndSpecialTokensAreText(_ family: String) throws {
        let tokenizer = try tokenizer(family)
        let special = tokenizer.definition.tokens.indices.first {
            tokenizer.definition.kinds[$0] == .control
        }
        let text = "The sun \(special.map { tokenizer.piece(of: $0) } ?? "") was shining."
        let tokens = tokenizer.encode(text, parseSpecial: false)
        let begins = tokenizer.definition.addsBeginningOfText
        for text in [text, text + "\n"] {
            let chunks = try ImportanceChunks(of: text, tokenizer: tokenizer, size: 4)
            #expect(chunks.count == tokens.count / 4)
            for index in 0..<chunks.count {
                var expected = Array(tokens[4 * index..<4 * index + 4])
                if begins, let first = tokenizer.definition.beginningOfText { expected[0] = first }
                #expect(chunks[index] == expected)
            }
        }
    }

    @Test func aTextThatFillsNoChunkIsRefused() throws {
        let tokenizer = try tokenizer("gpt2")
        let count = tokenizer.encode("The sun").count
        #expect(throws: ImportanceRunError.shortText(tokens: count, chunkSize: 512)) {
            try ImportanceChunks(of: "The sun", tokenizer: tokenizer, size: 512)
        }
        #expect(throws: ImportanceRunError.self) {
            try ImportanceChunks(of: "", tokenizer: tokenizer, size: 16)
        }
    }
}
