import Formats
import Foundation
import Testing

/// The tokenizers below `Fixtures/Tokenizer/families`, one for each way that families of models publish them, and what
/// the references make of them; `make_family_fixtures.py` makes both.
enum TokenizerFamilies {
    static let all = [
        "llama2", "mistral", "phi3", "gemma", "t5", "albert", "bytes_unigram", "unknown_pairs",
        "added_rules", "gpt_neox", "tekken", "gpt4o", "qwen2", "llama3",
    ]
    /// Those that a GGUF file can hold in the layout of llama.cpp's converter.
    static let convertible = [
        "llama2", "mistral", "phi3", "gemma", "gpt_neox", "tekken", "gpt4o", "qwen2", "llama3",
    ]

    static func folder(_ name: String) throws -> String {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        return fixtures.appending(path: "Tokenizer/families/\(name)").path(percentEncoded: false)
    }

    static func config(_ name: String) throws -> JSONObject {
        let json = try TokenizerFixtures.json("families/\(name)/config.json")
        return try #require(json.object)
    }

    static func definition(_ name: String) throws -> TokenizerDefinition {
        try TokenizerDefinition.read(
            folder: folder(name), vocabularySize: config(name)["vocab_size"]?.integer)
    }

    static func reference(_ name: String) throws -> TokenizerReference {
        let json = try TokenizerFixtures.json("references/\(name).json")
        return TokenizerReference(json: try #require(json.object))
    }
}

/// What the references make of a family's tokenizer.
struct TokenizerReference {
    let json: JSONObject

    /// The ids of every text of `strings.json` by `tokenizer.json`.
    func ids() throws -> [[Int]] { try lists("ids") }

    /// The ids of every text by SentencePiece.
    func sentencePieceIDs() throws -> [[Int]] { try lists("spm") }

    /// The text of the ids, without special tokens.
    func decoded(_ texts: [String]) throws -> [String] {
        zip(texts, try #require(json["decoded"]?.array)).map { $1.string ?? $0 }
    }

    /// Ids, their text without special tokens, and with them.
    func randomLists() throws -> [(ids: [Int], plain: String, full: String)] {
        try #require(json["random"]?.array).map { value in
            let parts = try #require(value.array)
            return (
                try #require(parts[0].array).compactMap(\.integer),
                try #require(parts[1].string), try #require(parts[2].string)
            )
        }
    }

    /// The entries that llama.cpp's converter writes.
    func metadata() throws -> GGUFMetadata {
        GGUFMetadata(
            try #require(json["metadata"]?.array).map { row in
                let row = try #require(row.array)
                let key = try #require(row[0].string)
                let type = try #require(row[1].string)
                return .init(key, try #require(Self.value(key, type, row[2])))
            })
    }

    private static func value(_ key: String, _ type: String, _ value: JSONValue) -> GGUFValue? {
        switch (type, value) {
        case ("STRING", .string(let text)): return .string(ByteString(text))
        case ("UINT32", .integer(let number)): return UInt32(exactly: number).map { .u32($0) }
        case ("BOOL", .bool(let flag)): return .bool(flag)
        case ("ARRAY", .array(let items)):
            if items.first?.string != nil {
                return .array(.strings(ByteStringList(items.compactMap(\.string))))
            }
            if key.hasSuffix("scores") {
                return .array(.f32(items.compactMap { $0.number.map { Float($0) } }))
            }
            let numbers = items.compactMap(\.integer)
            if key.hasSuffix("charsmap") { return .array(.u8(numbers.map { UInt8($0) })) }
            return .array(.i32(numbers.map { Int32($0) }))
        default: return nil
        }
    }

    private func lists(_ key: String) throws -> [[Int]] {
        try #require(json[key]?.array).map { try #require($0.array).compactMap(\.integer) }
    }
}
