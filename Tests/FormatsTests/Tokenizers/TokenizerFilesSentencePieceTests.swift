import Formats
import Foundation
import TestSupport
import Testing

@Suite struct TokenizerFilesSentencePieceTests {
    /// `<unk>`, `<s>` and `</s>`, two letters, a mark and a merge, as SentencePiece's message.
    private static let pieces: [[UInt8]] =
        [piece("<unk>", 0, 2), piece("<s>", 0, 3), piece("</s>", 0, 3)]
        + [piece("▁", -3), piece("a", -1), piece("b", -2), piece("ab", -0.5)]

    /// Byte-pair encoding, and no character map.
    private static let specifications: [UInt8] =
        field(2, [3 << 3, 2]) + field(3, [3 << 3, 1, 4 << 3, 0])

    private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        [number << 3 | 2, UInt8(content.count)] + content
    }

    private static func piece(_ text: String, _ score: Float, _ type: UInt8 = 1) -> [UInt8] {
        let bits = (0..<4).map { UInt8(truncatingIfNeeded: score.bitPattern >> (8 * $0)) }
        return field(1, field(1, Array(text.utf8)) + [2 << 3 | 5] + bits + [3 << 3, type])
    }

    private static func read(_ bytes: [UInt8], _ configuration: String? = nil) throws
        -> TokenizerDefinition
    {
        let folder = try TemporaryFolder()
        _ = try folder.write(bytes, as: "tokenizer.model")
        if let configuration {
            _ = try folder.write(Array(configuration.utf8), as: "tokenizer_config.json")
        }
        return try TokenizerDefinition.read(folder: folder.path, vocabularySize: 8)
    }

    @Test func readsAllFields() throws {
        let definition = try Self.read(Self.pieces.flatMap { $0 } + Self.specifications)
        #expect(definition.model == .scoredPairs(scores: [0, 0, 0, -3, -1, -2, -0.5, -10000]))
        #expect(definition.kinds.prefix(4) == [.unknown, .control, .control, .normal])
        #expect(definition.kinds.last == .unused && definition.tokens.text(7) == "[PAD7]")
        #expect(definition.beginningOfText == 1 && definition.endOfText == 2)
        #expect(definition.unknown == 0 && definition.padding == nil)
        #expect(definition.addsBeginningOfText && !definition.addsEndOfText)
        #expect(definition.normalizers == [.prepend("▁"), .replace(" ", with: "▁")])
    }

    @Test func configurationDecidesWhereItSpeaks() throws {
        let definition = try Self.read(
            Self.pieces.flatMap { $0 } + Self.specifications,
            #"{"add_bos_token": false, "add_eos_token": true, "eos_token": "b", "added_tokens_decoder": {"7": {"content": "<t>", "special": false}}}"#
        )
        #expect(!definition.addsBeginningOfText && definition.addsEndOfText)
        #expect(definition.endOfText == 5)
        #expect(definition.tokens.text(7) == "<t>" && definition.kinds[7] == .userDefined)
    }

    @Test(
        arguments: [
            ([], "'pieces' is missing"),
            ([0x0A], "1 bytes are announced, but 0 remain"),
            ([0x0A, 0x05, 0x00], "5 bytes are announced, but 1 remain"),
            ([0x08, 0x05], "field 1 is not a message"),
            ([0x03], "field number 0"),
            ([0x0B], "wire type 3"),
            ([0x20] + Array(repeating: 0xFF, count: 10) + [1], "more than 64 bits"),
            ([0x0A, 0x02, 0x18, 0x09], "token 0 has type 9"),
            ([0x0A, 0x02, 0x08, 0x09], "field 1 of piece 0 is of another type"),
            ([0x0A, 0x05, 0x15, 0, 0, 0xC0, 0x7F], "token 0 has the score nan"),
            ([0x12, 0x02, 0x18, 0x07], "'trainer_spec.model_type' is not one of 1 to 4"),
            ([0x1A, 0x03, 0x12, 0x01, 0x00], "character map is malformed: it has 1 bytes"),
        ] as [([UInt8], String)])
    func brokenMessagesAreRefused(bytes: [UInt8], message: String) throws {
        let error = try #require(throws: TokenizerError.self) { try Self.read(bytes) }
        #expect(error.description.contains(message), "\(error)")
        #expect(error.description.contains("tokenizer.model: "), "\(error)")
    }

    @Test func modelsOfWordsAreRefusedByName() throws {
        let words = Self.field(2, [3 << 3, 3])
        let error = try #require(throws: TokenizerError.self) {
            try Self.read(Self.pieces.flatMap { $0 } + words)
        }
        #expect(error.kind == .unsupported)
        #expect(error.description.contains("'trainer_spec.model_type' is words"), "\(error)")
    }

    @Test func truncatedFilesNeverTrap() throws {
        let bytes = Self.pieces.flatMap { $0 } + Self.specifications
        for length in bytes.indices {
            // Cut between two fields, what is left can be a model of its own.
            _ = try? Self.read(Array(bytes.prefix(length)))
        }
        for place in bytes.indices {
            for change in [UInt8(1), 0x80, 0xFF] {
                var changed = bytes
                changed[place] ^= change
                _ = try? Self.read(changed)
            }
        }
    }
}
