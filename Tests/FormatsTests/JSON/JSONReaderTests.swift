@testable import Bytes
@testable import Formats
import TestSupport
import Testing

@Suite struct JSONReaderTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONReader.parse(Array(text.utf8), source: "test.json")
    }

    @Test func valuesKeepTheirOrderAndTheirKind() throws {
        let value = try parse(#" {"b": [1, 1.0, -2, true, null], "a": {}, "c": "x"} "#)
        let expected = JSONObject([
            .init("b", .array([.integer(1), .number(1), .integer(-2), .bool(true), .null])),
            .init("a", .object(JSONObject())), .init("c", .string("x")),
        ])
        #expect(value == .object(expected))
    }

    @Test func integersAreExactUpTo64Bits() throws {
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("-9223372036854775808") == .integer(.min))
        #expect(try parse("9223372036854775808") == .number(9223372036854775808))
        #expect(try parse("9007199254740993") == .integer(9_007_199_254_740_993))
        #expect(try parse("0") == .integer(0))
        guard case .number(let zero) = try parse("-0") else {
            Issue.record("minus zero is no integer")
            return
        }
        #expect(zero.sign == .minus)
    }

    @Test(arguments: [
        ("0.1", 0.1), ("1e3", 1000), ("1E-05", 1e-5), ("-2.5e+2", -250), ("1e-999", 0),
    ])
    func numbersAreTheNearestDouble(_ text: String, _ expected: Double) throws {
        #expect(try parse(text) == .number(expected))
    }

    @Test func escapesAreResolved() throws {
        #expect(
            try parse(#""\" \\ \/ \b \f \n \r \t \u00e9 \ud83d\ude00 é😀""#)
                == .string("\" \\ / \u{8} \u{c} \n \r \t é 😀 é😀"))
        #expect(try parse(#""\u0000\uFFFF""#) == .string("\0\u{ffff}"))
    }

    @Test func keysThatAreOnlyCanonicallyEqualAreTwoKeys() throws {
        let value = try parse("{\"\u{e9}\": 1, \"e\u{301}\": 2}")
        #expect(value.object?["\u{e9}"] == .integer(1))
        #expect(value.object?["e\u{301}"] == .integer(2))
    }

    @Test(arguments: [
        ("", 0, JSONError.Problem.unexpectedEnd(expected: "a value")),
        ("{", 1, .unexpectedEnd(expected: "a key or '}'")),
        ("[1", 2, .unexpectedEnd(expected: "',' or ']'")),
        ("[1,]", 3, .unexpectedByte(0x5d, expected: "a value")),
        (#"{"a":1,}"#, 7, .unexpectedByte(0x7d, expected: "a key")),
        ("{a:1}", 1, .unexpectedByte(0x61, expected: "a key")),
        (#"{"a" 1}"#, 5, .unexpectedByte(0x31, expected: "':'")),
        ("[1 2]", 3, .unexpectedByte(0x32, expected: "',' or ']'")),
        ("[1] x", 4, .textAfterEnd),
        ("{} {}", 3, .textAfterEnd),
        ("// no\n1", 0, .unexpectedByte(0x2f, expected: "a value")),
        ("\u{feff}1", 0, .unexpectedByte(0xef, expected: "a value")),
        ("NaN", 0, .unexpectedByte(0x4e, expected: "a value")),
        ("-Infinity", 1, .unexpectedByte(0x49, expected: "a digit")),
        ("nul", 3, .unexpectedEnd(expected: "'null'")),
        ("trve", 2, .unexpectedByte(0x76, expected: "'true'")),
        ("01", 0, .leadingZero),
        ("-012", 1, .leadingZero),
        ("1.", 2, .unexpectedEnd(expected: "a digit")),
        (".5", 0, .unexpectedByte(0x2e, expected: "a value")),
        ("1.e5", 2, .unexpectedByte(0x65, expected: "a digit")),
        ("1e", 2, .unexpectedEnd(expected: "an exponent")),
        ("1e+", 3, .unexpectedEnd(expected: "a digit")),
        ("+1", 0, .unexpectedByte(0x2b, expected: "a value")),
        ("1e999", 0, .numberTooLarge),
        ("\"a", 2, .unexpectedEnd(expected: "'\"'")),
        ("\"a\nb\"", 2, .controlCharacter(10)),
        (#""\x""#, 1, .invalidEscape),
        (#""\u12g4""#, 1, .invalidEscape),
        (#""ab\u12""#, 3, .invalidEscape),
        (#""\"#, 2, .unexpectedEnd(expected: "an escape sequence")),
        (#""\ud800""#, 1, .loneSurrogate(0xd800)),
        (#""\udc00\ud800""#, 1, .loneSurrogate(0xdc00)),
        (#""\ud800\u0041""#, 1, .loneSurrogate(0xd800)),
        (#""\ud800\n""#, 1, .loneSurrogate(0xd800)),
        (#"{"a":1,"b":2,"a":3}"#, 13, .duplicateKey("a")),
        (#"{"a":1,"\u0061":3}"#, 7, .duplicateKey("a")),
    ])
    func textThatIsNotStrictJSONIsRefusedAtItsByte(
        _ text: String, _ offset: Int, _ problem: JSONError.Problem
    ) throws {
        let error = try #require(throws: JSONError.self) { try parse(text) }
        #expect(error.problem == problem)
        #expect(error.offset == offset)
        expectOneLine(error, containing: ["test.json", "byte \(offset)"])
    }

    @Test(
        arguments: [
            ([0x80], 0), ([0xc0, 0xaf], 0), ([0x61, 0xe0, 0x80, 0xaf], 1), ([0xed, 0xa0, 0x80], 0),
            ([0xf4, 0x90, 0x80, 0x80], 0), ([0xf5, 0x80, 0x80, 0x80], 0), ([0xc3], 0),
            ([0x61, 0xff], 1),
        ] as [([UInt8], Int)])
    func textThatIsNotUTF8IsRefusedAtItsByte(_ bytes: [UInt8], _ offset: Int) throws {
        let error = try #require(throws: JSONError.self) {
            try JSONReader.parse([0x22] + bytes + [0x22], source: "test.json")
        }
        #expect(error.problem == .invalidUTF8)
        #expect(error.offset == offset + 1)
    }

    @Test func nestingEndsAt64() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try parse(nested(64))
        let error = try #require(throws: JSONError.self) { try parse(nested(65)) }
        #expect(error.problem == .tooDeep(limit: 64))
        let objects = String(repeating: #"{"a":"#, count: 1_000_000)
        #expect(throws: JSONError.self) { try parse(objects) }
    }

    @Test func aDuplicateAmongManyKeysIsFoundInLinearTime() throws {
        let members = (0..<200_000).map { "\"key \($0)\":\($0)" }
        #expect(try parse("{\(members.joined(separator: ","))}").object?.members.count == 200_000)
        let error = try #require(throws: JSONError.self) {
            try parse("{\(members.joined(separator: ",")),\"key 7\":0}")
        }
        #expect(error.problem == .duplicateKey("key 7"))
    }

    @Test func aMappedFileIsReadUnderItsName() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Array("[1,".utf8), as: "cut.json")
        let error = try #require(throws: JSONError.self) {
            try JSONReader.parse(try MappedFile(path: path).bytes)
        }
        #expect(error.source == path)
        #expect(throws: JSONError.self) {
            try JSONReader.parse(try MappedFile(path: try folder.write([], as: "empty.json")).bytes)
        }
    }
}
