@testable import Formats
import TestSupport
import Testing

/// A file that breaks one rule, the error it must give and what the message must name.
struct MalformedSafetensors: CustomTestStringConvertible, Sendable {
    let name: String
    let file: [UInt8]
    let problem: SafetensorsError.Problem
    let fragments: [String]

    init(
        _ name: String, _ file: [UInt8], _ problem: SafetensorsError.Problem, _ fragments: String...
    ) {
        self.name = name
        self.file = file
        self.problem = problem
        self.fragments = fragments
    }

    /// A file with one tensor "w" of this description and so many bytes of data.
    init(
        _ name: String, tensor: String, data: Int = 0, _ problem: SafetensorsError.Problem,
        _ fragments: String...
    ) {
        self.name = name
        file = safetensorsFile("{\"w\":\(tensor)}", data: data)
        self.problem = problem
        self.fragments = fragments + ["'w'"]
    }

    var testDescription: String { name }
}

@Suite struct SafetensorsMalformedTests {
    private static let f32 = "\"dtype\":\"F32\""

    static let header: [MalformedSafetensors] = [
        .init("an empty file", [], .noHeaderLength(fileSize: 0), "8-byte", "0 bytes"),
        .init("seven bytes", [1, 0, 0, 0, 0, 0, 0], .noHeaderLength(fileSize: 7), "7 bytes"),
        .init(
            "a header over the limit", safetensorsFile("{}", length: 100_000_001),
            .headerTooLarge(length: 100_000_001, limit: 100_000_000), "100000001", "100000000"),
        .init(
            "a header of 2^64 - 1 bytes", safetensorsFile("{}", length: .max),
            .headerTooLarge(length: .max, limit: 100_000_000), "18446744073709551615"),
        .init(
            "a header beyond the file", safetensorsFile("{}", length: 3),
            .headerBeyondFile(length: 3, remaining: 2), "3 bytes", "2 bytes"),
        .init("an empty header", safetensorsFile(""), .headerStart(byte: nil), "'{'"),
        .init(
            "a header that starts with a space", safetensorsFile(" {}"), .headerStart(byte: 0x20),
            "0x20"),
        .init("a header that is an array", safetensorsFile("[]"), .headerStart(byte: 0x5b), "0x5b"),
        .init(
            "a header padded with line feeds", safetensorsFile("{}\n\n"), .headerEnd(byte: 10),
            "0x0a"),
        .init("a header padded with zeros", safetensorsFile("{}\0"), .headerEnd(byte: 0), "0x00"),
        .init(
            "metadata that is no object", safetensorsFile(#"{"__metadata__":[]}"#),
            .notAnObject("the header's __metadata__"), "__metadata__"),
        .init(
            "a number in the metadata", safetensorsFile(#"{"__metadata__":{"format":1}}"#),
            .metadataNotText(key: "format"), "'format'"),
        .init(
            "a tensor without a name",
            safetensorsFile(#"{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4),
            .emptyName,
            "empty name"),
    ]

    static let entries: [MalformedSafetensors] = [
        .init(
            "a description that is no object", tensor: "[]",
            .malformedEntry(tensor: "w", expected: "its description is not a JSON object"), "object"
        ),
        .init(
            "no dtype", tensor: #"{"shape":[1],"data_offsets":[0,4]}"#, data: 4,
            .malformedEntry(tensor: "w", expected: "'dtype' must be a string"), "dtype"),
        .init(
            "an unknown dtype", tensor: #"{"dtype":"F12","shape":[1],"data_offsets":[0,4]}"#,
            data: 4,
            .unknownType(tensor: "w", name: "F12"), "'F12'"),
        .init(
            "a dtype in lower case", tensor: #"{"dtype":"f32","shape":[1],"data_offsets":[0,4]}"#,
            data: 4,
            .unknownType(tensor: "w", name: "f32"), "'f32'"),
        .init(
            "a GGUF type", tensor: #"{"dtype":"Q8_0","shape":[32],"data_offsets":[0,34]}"#,
            data: 34,
            .unknownType(tensor: "w", name: "Q8_0"), "'Q8_0'"),
        .init(
            "a negative dimension", tensor: "{\(f32),\"shape\":[-1],\"data_offsets\":[0,4]}",
            data: 4,
            .malformedEntry(
                tensor: "w", expected: "'shape' must be an array of integers from 0 on"), "shape"),
        .init(
            "a dimension of 1.0", tensor: "{\(f32),\"shape\":[1.0],\"data_offsets\":[0,4]}",
            data: 4,
            .malformedEntry(
                tensor: "w", expected: "'shape' must be an array of integers from 0 on"), "shape"),
        .init(
            "no shape", tensor: "{\(f32),\"data_offsets\":[0,4]}", data: 4,
            .malformedEntry(
                tensor: "w", expected: "'shape' must be an array of integers from 0 on"), "shape"),
        .init(
            "three offsets", tensor: "{\(f32),\"shape\":[1],\"data_offsets\":[0,4,8]}", data: 8,
            .malformedEntry(tensor: "w", expected: "'data_offsets' must be two integers from 0 on"),
            "data_offsets"),
        .init(
            "an offset of 2^63",
            tensor: "{\(f32),\"shape\":[1],\"data_offsets\":[0,9223372036854775808]}",
            data: 4,
            .malformedEntry(tensor: "w", expected: "'data_offsets' must be two integers from 0 on"),
            "data_offsets"),
        .init(
            "offsets in reverse", tensor: "{\(f32),\"shape\":[1],\"data_offsets\":[8,4]}", data: 8,
            .offsetsReversed(tensor: "w", begin: 8, end: 4), "8", "4"),
        .init(
            "a shape that overflows",
            tensor: "{\(f32),\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}", data: 4,
            .sizeOverflow(tensor: "w", shape: [1 << 32, 1 << 32]), "[4294967296, 4294967296]"),
        .init(
            "a size that overflows",
            tensor: "{\(f32),\"shape\":[4611686018427387904],\"data_offsets\":[0,4]}", data: 4,
            .sizeOverflow(tensor: "w", shape: [1 << 62]), "4611686018427387904"),
        .init(
            "three elements of four bits",
            tensor: #"{"dtype":"F4","shape":[3],"data_offsets":[0,2]}"#,
            data: 2, .partialByte(tensor: "w", type: .f4, elements: 3), "3 elements", "f4"),
        .init(
            "two elements of six bits",
            tensor: #"{"dtype":"F6_E2M3","shape":[2],"data_offsets":[0,2]}"#,
            data: 2, .partialByte(tensor: "w", type: .f6E2M3, elements: 2), "2 elements", "f6_e2m3"),
        .init(
            "more bytes than the shape needs",
            tensor: "{\(f32),\"shape\":[1],\"data_offsets\":[0,8]}",
            data: 8, .sizeMismatch(tensor: "w", spanned: 8, needed: 4), "8", "4"),
        .init(
            "fewer bytes than the shape needs",
            tensor: "{\(f32),\"shape\":[2,2],\"data_offsets\":[0,4]}",
            data: 4, .sizeMismatch(tensor: "w", spanned: 4, needed: 16), "4", "16"),
    ]

    static let data: [MalformedSafetensors] = [
        .init(
            "data that does not start at 0",
            tensor: "{\(f32),\"shape\":[1],\"data_offsets\":[4,8]}", data: 8,
            .hole(tensor: "w", begin: 4, expected: 0), "4", "0", "hole"),
        .init(
            "data beyond the file", tensor: "{\(f32),\"shape\":[2],\"data_offsets\":[0,8]}",
            data: 7,
            .dataBeyondFile(tensor: "w", end: 8, available: 7, whole: 8), "8", "7 bytes"),
        .init(
            "data after the last tensor",
            safetensorsFile("{\"w\":{\(f32),\"shape\":[1],\"data_offsets\":[0,4]}}", data: 5),
            .trailingData(end: 4, available: 5), "4", "5 bytes"),
        .init(
            "data without tensors", safetensorsFile("{}", data: 1),
            .trailingData(end: 0, available: 1), "0"),
        .init(
            "a hole",
            safetensorsFile(
                "{\"a\":{\(f32),\"shape\":[1],\"data_offsets\":[0,4]},"
                    + "\"b\":{\(f32),\"shape\":[1],\"data_offsets\":[8,12]}}", data: 12),
            .hole(tensor: "b", begin: 8, expected: 4), "'b'", "8", "4", "hole"),
        .init(
            "an overlap",
            safetensorsFile(
                "{\"a\":{\(f32),\"shape\":[2],\"data_offsets\":[0,8]},"
                    + "\"b\":{\(f32),\"shape\":[2],\"data_offsets\":[4,12]}}", data: 12),
            .overlap(tensor: "b", begin: 4, expected: 8), "'b'", "4", "8", "overlap"),
        .init(
            "two tensors in one place",
            safetensorsFile(
                "{\"a\":{\(f32),\"shape\":[1],\"data_offsets\":[0,4]},"
                    + "\"b\":{\(f32),\"shape\":[1],\"data_offsets\":[0,4]}}", data: 4),
            .overlap(tensor: "b", begin: 0, expected: 4), "'b'", "0", "4"),
    ]

    @Test(arguments: header + entries + data)
    func aMalformedFileIsRefusedByName(_ malformed: MalformedSafetensors) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(malformed.file, as: "bad.safetensors")
        let error = try #require(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
        #expect(error.problem == malformed.problem)
        #expect(error.kind == .input)
        expectOneLine(error, containing: ["bad.safetensors"] + malformed.fragments)
    }

    @Test(arguments: [
        (#"{"a":1,"a":2}"#, JSONError.Problem.duplicateKey("a")),
        (#"{"__metadata__":{"k":"1","k":"2"}}"#, .duplicateKey("k")),
        (#"{"a":{"dtype":"F32","dtype":"F16"}}"#, .duplicateKey("dtype")),
        (#"{"a":[1,]}"#, .unexpectedByte(0x5d, expected: "a value")),
    ])
    func aHeaderThatIsNotStrictJSONIsRefusedByName(_ header: String, _ problem: JSONError.Problem)
        throws
    {
        let folder = try TemporaryFolder()
        let path = try folder.write(safetensorsFile(header), as: "bad.safetensors")
        let error = try #require(throws: JSONError.self) { try SafetensorsFile(path: path) }
        #expect(error.problem == problem)
        expectOneLine(error, containing: ["bad.safetensors", "header", "byte"])
    }
}
