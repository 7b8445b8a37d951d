import Formats
import Foundation
import Testing

/// The fixtures of `Fixtures/Tokenizer`; `make_tokenizer_fixtures.py` there makes them.
enum TokenizerFixtures {
    static let families = ["gpt2", "smollm", "llama3", "qwen2"]

    static func strings() throws -> [String] {
        try #require(try json("strings.json").array?.compactMap(\.string))
    }

    /// A tiny tokenizer of each pre-tokenizer family.
    static func definition(_ family: String) throws -> TokenizerDefinition {
        let name = "tiny-\(family).json"
        return try TokenizerDefinition(
            tokenizer: #require(try json(name).object), configuration: JSONObject(), file: name)
    }

    /// The reference's ids of every string.
    static func ids(_ family: String) throws -> [[Int]] {
        try lists(#require(try json("tiny-ids.json").object?[family]))
    }

    static func smolLM2IDs() throws -> [[Int]] { try lists(json("smollm2-ids.json")) }

    /// The real model's file, where the environment names one.
    static let modelPath = ProcessInfo.processInfo.environment["RTEDIT_MODEL"]

    static func json(_ name: String) throws -> JSONValue {
        let fixtures = try #require(
            Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let data = try Data(contentsOf: fixtures.appending(path: "Tokenizer/\(name)"))
        return try JSONReader.parse(Array(data), source: name)
    }

    private static func lists(_ value: JSONValue) throws -> [[Int]] {
        try #require(value.array).map { try #require($0.array).compactMap(\.integer) }
    }
}
