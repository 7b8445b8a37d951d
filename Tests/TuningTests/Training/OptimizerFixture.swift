import Formats
import Foundation
import Testing
import Transformer

@testable import Tuning

/// `Fixtures/optimizer.json`; `make_optimizer.py` there makes it with torch and transformers.
enum OptimizerFixture {
    static func cases(_ key: String) throws -> [JSONObject] {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let path = fixtures.appendingPathComponent("optimizer.json").path
        let content = try JSONReader.parse(MappedFile(path: path).bytes).object
        let cases = content?[key]?.array?.compactMap(\.object)
        return try #require(cases)
    }

    static func numbers(_ value: JSONValue?) throws -> [Double] {
        let numbers = value?.array?.compactMap(\.number)
        return try #require(numbers)
    }

    static func lists(_ value: JSONValue?) throws -> [[Double]] {
        let lists = try #require(value?.array)
        return try lists.map { try numbers($0) }
    }

    /// Parameters with these values.
    static func parameters(_ values: [[Double]]) -> [TunedParameter] {
        values.enumerated().map { index, values in
            TunedParameter(
                .block(index, .attentionNorm), .whole, shape: [values.count],
                values: FloatBuffer(values.map { Float($0) }))
        }
    }
}
