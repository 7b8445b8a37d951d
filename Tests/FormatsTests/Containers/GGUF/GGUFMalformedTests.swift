@testable import Formats
import TestSupport
import Testing

/// A file that breaks one rule, the error it must give and what the message must name.
struct MalformedGGUF: CustomTestStringConvertible, Sendable {
    let name: String
    let file: GGUFBuilder
    let problem: GGUFError.Problem
    let fragments: [String]

    init(_ name: String, _ file: GGUFBuilder, _ problem: GGUFError.Problem, _ fragments: String...)
    {
        self.name = name
        self.file = file
        self.problem = problem
        self.fragments = fragments
    }

    var testDescription: String { name }
}

@Suite struct GGUFMalformedTests {
    private static let one = GGUFBuilder(tensors: 1)
    private static let two = GGUFBuilder(tensors: 2)
    private static let key = GGUFBuilder(keys: 1)
    private static let longName = String(repeating: "n", count: 64)
    private static let longKey = String(repeating: "k", count: 65536)

    static let header: [MalformedGGUF] = [
        .init("an empty file", GGUFBuilder().cut(to: 0), .notGGUF(magic: []), "GGUF"),
        .init(
            "another magic", GGUFBuilder(magic: "GGML"), .notGGUF(magic: Array("GGML".utf8)),
            "71, 71, 77, 76"),
        .init(
            "no version", GGUFBuilder().cut(to: 6),
            .truncated(.header, offset: 4, needed: 4, remaining: 2), "the header", "4 bytes",
            "2 remain"),
        .init("version 0", GGUFBuilder(version: 0), .unknownVersion(0), "version 0"),
        .init("version 1", GGUFBuilder(version: 1), .obsoleteVersion(1), "version 1"),
        .init("version 4", GGUFBuilder(version: 4), .unknownVersion(4), "version 4"),
        .init("big-endian", GGUFBuilder(version: UInt32(3).byteSwapped), .bigEndian, "big-endian"),
        .init(
            "no counts", GGUFBuilder().cut(to: 12),
            .truncated(.header, offset: 8, needed: 8, remaining: 4),
            "8 bytes", "4 remain"),
        .init(
            "a negative number of tensors", GGUFBuilder(tensors: .max),
            .tooManyTensors(count: .max, remaining: 0), "18446744073709551615 tensors", "0 bytes"),
        .init(
            "more keys than fit", GGUFBuilder(keys: 3).raw([UInt8](repeating: 0, count: 40)),
            .tooManyKeys(count: 3, remaining: 40), "3 metadata keys", "40 bytes"),
        .init(
            "more tensors than fit", GGUFBuilder(tensors: 2).raw([UInt8](repeating: 0, count: 65)),
            .tooManyTensors(count: 2, remaining: 65), "2 tensors", "65 bytes"),
    ]

    static let metadata: [MalformedGGUF] = [
        .init(
            "an empty key", key.key("", type: 4, value: le(UInt64(1))), .emptyKey(index: 0),
            "number 0"),
        .init(
            "a key of 65536 bytes", key.key(longKey, type: 0, value: [1]),
            .keyTooLong(index: 0, length: 65536, limit: 65535), "65536", "65535"),
        .init(
            "a key beyond the file", key.raw(le(UInt64(500)) + Array("abcdefgh".utf8)),
            .truncated(.key(index: 0), offset: 32, needed: 500, remaining: 8), "500 bytes",
            "8 remain"),
        .init(
            "a key that is not UTF-8", key.raw(le(UInt64(2)) + [0x61, 0xff] + le(UInt32(0)) + [1]),
            .notUTF8(.key(index: 0), offset: 33), "offset 33"),
        .init(
            "a key with an overlong slash",
            key.raw(le(UInt64(2)) + [0xc0, 0xaf] + le(UInt32(0)) + [1]),
            .notUTF8(.key(index: 0), offset: 32), "offset 32"),
        .init(
            "a key twice",
            GGUFBuilder(keys: 2).key("a\u{e9}", type: 0, value: [1]).key(
                "a\u{e9}", type: 0, value: [1]),
            .duplicateKey("a\u{e9}"), "a\u{e9}"),
        .init(
            "value type 13", key.key("a.b", type: 13, value: [1]),
            .unknownValueType(key: "a.b", identifier: 13), "'a.b'", "13"),
        .init(
            "an array of type 99", key.key("a", type: 9, value: le(UInt32(99)) + le(UInt64(1))),
            .unknownValueType(key: "a", identifier: 99), "'a'", "99"),
        .init(
            "an array of arrays", key.key("a", type: 9, value: le(UInt32(9)) + le(UInt64(0))),
            .nestedArray(key: "a"), "'a'"),
        .init(
            "a bool of 2", key.key("a", type: 7, value: [2]).raw([0]),
            .invalidBool(key: "a", byte: 2, offset: 37), "'a'", "2", "offset 37"),
        .init(
            "an array with a bool of 255",
            key.key("a", type: 9, value: le(UInt32(7)) + le(UInt64(2)) + [1, 255]),
            .invalidBool(key: "a", byte: 255, offset: 50), "255", "offset 50"),
        .init(
            "a number cut short", key.key("a", type: 10, value: [1, 2, 3]),
            .truncated(.value(key: "a"), offset: 37, needed: 8, remaining: 3), "'a'", "8 bytes",
            "3 remain"),
        .init(
            "a string beyond the file", key.key("a", type: 8, value: le(UInt64(1) << 62)),
            .truncated(.value(key: "a"), offset: 45, needed: 1 << 62, remaining: 0),
            "4611686018427387904"),
        .init(
            "a string of 2^64 - 1 bytes", key.key("a", type: 8, value: le(UInt64.max)),
            .truncated(.value(key: "a"), offset: 45, needed: .max, remaining: 0), "0 remain"),
        .init(
            "an array beyond the file",
            key.key("a", type: 9, value: le(UInt32(4)) + le(UInt64(10)) + [0, 0]),
            .truncated(.value(key: "a"), offset: 49, needed: 40, remaining: 2), "40 bytes",
            "2 remain"),
        .init(
            "an array whose size overflows",
            key.key("a", type: 9, value: le(UInt32(10)) + le(UInt64.max / 4)),
            .truncated(.value(key: "a"), offset: 49, needed: .max, remaining: 0), "'a'"),
        .init(
            "an array of too many strings",
            key.key(
                "a", type: 9,
                value: le(UInt32(8)) + le(UInt64(3)) + [UInt8](repeating: 0, count: 16)),
            .truncated(.value(key: "a"), offset: 49, needed: 24, remaining: 16), "24 bytes",
            "16 remain"),
        .init(
            "a string of an array beyond the file",
            key.key("a", type: 9, value: le(UInt32(8)) + le(UInt64(1)) + le(UInt64(9)) + [0]),
            .truncated(.value(key: "a"), offset: 57, needed: 9, remaining: 1), "9 bytes", "1 remain"
        ),
        .init(
            "an alignment of another type",
            key.key("general.alignment", type: 10, value: le(UInt64(32))),
            .alignmentNotU32, "general.alignment"),
        .init(
            "an alignment of 48", key.key("general.alignment", type: 4, value: le(UInt32(48))),
            .alignmentNotPowerOfTwo(48), "48"),
        .init(
            "an alignment of 0", key.key("general.alignment", type: 4, value: le(UInt32(0))),
            .alignmentNotPowerOfTwo(0), "0"),
    ]

    static let tensors: [MalformedGGUF] = [
        .init(
            "a tensor without a name", one.tensor("", ne: [1]).data(4),
            .tensorNameLength(index: 0, length: 0, limit: 63), "number 0", "63"),
        .init(
            "a name of 64 bytes", one.tensor(longName, ne: [1]).data(4),
            .tensorNameLength(index: 0, length: 64, limit: 63), "64", "63"),
        .init(
            "a name that is not UTF-8",
            one.raw(
                le(UInt64(3)) + [0xed, 0xa0, 0x80] + le(UInt32(1)) + le(UInt64(1)) + le(UInt64(0))
            )
            .data(4),
            .notUTF8(.tensor(index: 0), offset: 32), "tensor number 0", "offset 32"),
        .init(
            "a name with a zero byte", one.tensor("a\0b", ne: [1]).data(4),
            .nullInTensorName("a\0b"),
            "'a\\u{0}b'"),
        .init(
            "a name twice", two.tensor("w", ne: [8]).tensor("w", ne: [8], offset: 32).data(64),
            .duplicateTensor("w"), "'w'"),
        .init(
            "no dimensions", one.tensor("w", ne: []).data(32),
            .dimensionCount(tensor: "w", count: 0), "'w'",
            "0"),
        .init(
            "five dimensions", one.tensor("w", ne: [1, 1, 1, 1, 1]).data(4),
            .dimensionCount(tensor: "w", count: 5), "'w'", "5"),
        .init(
            "a negative dimension", one.tensor("w", ne: [2, .max]).data(4),
            .dimensionTooLarge(tensor: "w", index: 1, size: .max), "'w'", "18446744073709551615"),
        .init(
            "a shape that overflows", one.tensor("w", ne: [1 << 32, 1 << 31]).data(4),
            .sizeOverflow(tensor: "w", shape: [1 << 31, 1 << 32]), "'w'", "[2147483648, 4294967296]"
        ),
        .init(
            "a size that overflows", one.tensor("w", ne: [1 << 61], type: 0).data(4),
            .sizeOverflow(tensor: "w", shape: [1 << 61]), "'w'"),
        .init(
            "type 43", one.tensor("w", ne: [1], type: 43).data(4),
            .unknownTensorType(tensor: "w", identifier: 43), "'w'", "43"),
        .init(
            "type 2^32 - 1", one.tensor("w", ne: [1], type: .max).data(4),
            .unknownTensorType(tensor: "w", identifier: .max), "4294967295"),
        .init(
            "the removed type Q4_2", one.tensor("w", ne: [32], type: 4).data(32),
            .removedTensorType(tensor: "w", identifier: 4), "'w'", "4"),
        .init(
            "the removed type IQ4_NL_8_8", one.tensor("w", ne: [32], type: 38).data(32),
            .removedTensorType(tensor: "w", identifier: 38), "38"),
        .init(
            "a row of 33 elements in blocks of 32",
            one.tensor("w", ne: [33, 32], type: 8).data(1200),
            .partialBlock(tensor: "w", type: .q8_0, row: 33), "'w'", "33", "32"),
        .init(
            "a table cut short", one.tensor("eight678", ne: [1]).cut(dropping: 3),
            .truncated(.tensor(index: 0), offset: 56, needed: 8, remaining: 5), "8 bytes",
            "5 remain"),
    ]

    static let data: [MalformedGGUF] = [
        .init(
            "a first offset that is not 0", one.tensor("w", ne: [8], offset: 32).data(64),
            .hole(tensor: "w", offset: 32, expected: 0), "'w'", "32", "0"),
        .init(
            "a hole", two.tensor("a", ne: [8]).tensor("b", ne: [8], offset: 64).data(96),
            .hole(tensor: "b", offset: 64, expected: 32), "'b'", "64", "32", "hole"),
        .init(
            "an offset beyond 63 bits", one.tensor("w", ne: [8], offset: .max).data(32),
            .hole(tensor: "w", offset: .max, expected: 0), "18446744073709551615"),
        .init(
            "an overlap", two.tensor("a", ne: [9]).tensor("b", ne: [8], offset: 32).data(96),
            .overlap(tensor: "b", offset: 32, expected: 64), "'b'", "32", "64", "overlap"),
        .init(
            "an offset that is not padded",
            two.tensor("a", ne: [1]).tensor("b", ne: [1], offset: 4).data(64),
            .overlap(tensor: "b", offset: 4, expected: 32), "'b'", "4", "32"),
        .init(
            "no data", one.tensor("w", ne: [8]).padded(),
            .dataBeyondFile(tensor: "w", end: 96, fileSize: 64, whole: 96), "'w'", "96", "64"),
        .init(
            "data cut by a byte", one.tensor("w", ne: [8]).data(31),
            .dataBeyondFile(tensor: "w", end: 96, fileSize: 95, whole: 96), "96", "95"),
        .init(
            "a file that ends before its data starts", one.tensor("w", ne: [0]),
            .dataBeyondFile(tensor: "w", end: 64, fileSize: 57, whole: 64), "64", "57"),
        .init(
            "a tensor of 2^59 bytes", one.tensor("w", ne: [1 << 59], type: 24).data(4),
            .dataBeyondFile(tensor: "w", end: 64 + 1 << 59, fileSize: 68, whole: 64 + 1 << 59),
            "'w'",
            "576460752303423552", "68"),
    ]

    @Test(arguments: header + metadata + tensors + data)
    func aMalformedFileIsRefusedByName(_ malformed: MalformedGGUF) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(malformed.file.bytes, as: "bad.gguf")
        let error = try #require(throws: GGUFError.self) { try GGUFFile.open(path) }
        #expect(error.problem == malformed.problem)
        expectOneLine(error, containing: ["bad.gguf"] + malformed.fragments)
    }

    @Test func onlyFilesThatAreUnderstoodAreUnsupported() {
        #expect(GGUFError(path: "", problem: .bigEndian).kind == .unsupported)
        #expect(GGUFError(path: "", problem: .obsoleteVersion(1)).kind == .unsupported)
        #expect(GGUFError(path: "", problem: .unknownVersion(9)).kind == .input)
        #expect(GGUFError(path: "", problem: .duplicateKey("a")).kind == .input)
    }

    @Test func aKeyThatIsOnlyCanonicallyEqualIsAnother() throws {
        let file = GGUFBuilder(keys: 2).key("\u{e9}", type: 0, value: [1]).key(
            "e\u{301}", type: 0, value: [2])
        let folder = try TemporaryFolder()
        let model = try GGUFFile.open(try folder.write(file.bytes, as: "a.gguf"))
        #expect(model.metadata.entries.map(\.value) == [.u8(1), .u8(2)])
    }
}

extension GGUFBuilder {
    /// The file cut to its first bytes.
    fileprivate func cut(to count: Int) -> GGUFBuilder {
        GGUFBuilder(bytes: Array(bytes.prefix(count)))
    }

    fileprivate func cut(dropping count: Int) -> GGUFBuilder { cut(to: bytes.count - count) }
}
