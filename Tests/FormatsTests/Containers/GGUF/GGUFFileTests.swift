import Formats
import TestSupport
import Testing

@Suite struct GGUFFileTests {
    @Test func everyValueTypeOfAReferenceFileIsRead() throws {
        let file = try GGUFFile.open(try fixture("all-values.gguf"))
        #expect(file.version == 3)
        #expect(file.alignment == 32)
        #expect(file.warnings.isEmpty)
        let metadata = file.metadata
        #expect(metadata["general.architecture"]?.text == "test")
        #expect(metadata["values.u8"] == .u8(255))
        #expect(metadata["values.i8"] == .i8(-128))
        #expect(metadata["values.u16"] == .u16(65535))
        #expect(metadata["values.i16"] == .i16(-32768))
        #expect(metadata["values.u32"] == .u32(.max))
        #expect(metadata["values.i32"] == .i32(.min))
        #expect(metadata["values.u64"] == .u64(.max))
        #expect(metadata["values.i64"] == .i64(.min))
        #expect(metadata["values.f32"] == .f32(1.5))
        #expect(metadata["values.f64"] == .f64(0.1))
        #expect(metadata["values.true"] == .bool(true))
        #expect(metadata["values.false"] == .bool(false))
        #expect(metadata["values.text"]?.text == "grüße ✓")
        #expect(metadata["values.raw"] == .string(ByteString([0xff, 0x00, 0x80])))
        #expect(metadata["arrays.u8"] == .array(.u8([0, 1, 255])))
        #expect(metadata["arrays.i8"] == .array(.i8([-1, 127])))
        #expect(metadata["arrays.u16"] == .array(.u16([1, 65535])))
        #expect(metadata["arrays.i16"] == .array(.i16([-2, 2])))
        #expect(metadata["arrays.u32"] == .array(.u32([7])))
        #expect(metadata["arrays.i32"] == .array(.i32([-7, 7])))
        #expect(metadata["arrays.u64"] == .array(.u64([1 << 63])))
        #expect(metadata["arrays.i64"] == .array(.i64([.min])))
        #expect(metadata["arrays.f32"] == .array(.f32([0.5, -0.25, 3])))
        #expect(metadata["arrays.f64"] == .array(.f64([0.1])))
        #expect(metadata["arrays.bool"] == .array(.bool([true, false])))
        #expect(
            metadata["arrays.text"]
                == .array(.strings(ByteStringList(["", "a", "ß", "\u{120}the"]))))
    }

    @Test func tensorsHaveTheirShapeInCOrderAndTheirBytes() throws {
        let file = try GGUFFile.open(try fixture("all-values.gguf"))
        #expect(
            file.tensors.map(\.description) == [
                TensorDescription(name: "matrix", type: .f32, shape: [2, 3]),
                TensorDescription(name: "half", type: .f16, shape: [5]),
                TensorDescription(name: "blocks", type: .q8_0, shape: [2, 32]),
                TensorDescription(name: "cube", type: .i32, shape: [2, 3, 4]),
            ])
        let matrix = (0..<6).flatMap { le(Float($0).bitPattern) }
        #expect(file.tensors[0].bytes.withUnsafeBytes { Array($0) } == matrix)
        #expect(file.tensors[2].bytes.withUnsafeBytes { Array($0) } == Array(0..<68))
    }

    @Test func anAlignmentOfItsOwnIsFollowed() throws {
        let file = try GGUFFile.open(try fixture("aligned.gguf"))
        #expect(file.alignment == 64)
        #expect(file.tensors.map { $0.bytes.range.lowerBound % 64 } == [0, 0])
        #expect(file.tensors.map(\.bytes.count) == [12, 68])
    }

    @Test func version2HasTheSameLayout() throws {
        var bytes = try bytes(ofFile: try fixture("all-values.gguf"))
        bytes[4] = 2
        let folder = try TemporaryFolder()
        let file = try GGUFFile.open(try folder.write(bytes, as: "old.gguf"))
        #expect(file.version == 2)
        #expect(file.tensors.count == 4)
    }

    @Test func dataAfterTheLastTensorIsAWarningThatNamesBothNumbers() throws {
        let size = try bytes(ofFile: try fixture("all-values.gguf")).count
        let folder = try TemporaryFolder()
        let path = try folder.write(
            try bytes(ofFile: try fixture("all-values.gguf")) + [1, 2, 3], as: "long.gguf")
        let file = try GGUFFile.open(path)
        #expect(file.warnings == ["\(path): 3 bytes follow the data, which ends at \(size)"])
    }

    @Test func thePaddingOfTheLastTensorMayBeAbsent() throws {
        let file = GGUFBuilder(tensors: 1).tensor("w", ne: [1]).data(4)
        let folder = try TemporaryFolder()
        let opened = try GGUFFile.open(try folder.write(file.bytes, as: "short.gguf"))
        #expect(opened.tensors[0].bytes.count == 4)
        #expect(opened.warnings.isEmpty)
    }

    @Test func aFileMayHaveNoTensors() throws {
        let file = GGUFBuilder(keys: 1).key("a", type: 0, value: [7])
        let folder = try TemporaryFolder()
        let opened = try GGUFFile.open(try folder.write(file.bytes, as: "vocabulary.gguf"))
        #expect(opened.tensors.isEmpty)
        #expect(opened.metadata["a"] == .u8(7))
    }

    @Test func aDimensionMayBeZero() throws {
        let file = GGUFBuilder(tensors: 2).tensor("none", ne: [0, 3]).tensor("w", ne: [1]).data(32)
        let folder = try TemporaryFolder()
        let opened = try GGUFFile.open(try folder.write(file.bytes, as: "empty.gguf"))
        #expect(opened.tensors.map(\.bytes.count) == [0, 4])
        #expect(opened.tensors[0].description.shape == [3, 0])
    }

    @Test func everyTypeIdentifierBelow43IsReadOrRemoved() throws {
        let folder = try TemporaryFolder()
        for identifier in UInt32(0)..<43 {
            let file = GGUFBuilder(tensors: 1).tensor("w", ne: [256], type: identifier).data(2048)
            let path = try folder.write(file.bytes, as: "type.gguf")
            if [4, 5, 31, 32, 33, 36, 37, 38].contains(identifier) {
                #expect(throws: GGUFError.self) { try GGUFFile.open(path) }
            } else {
                let type = try GGUFFile.open(path).tensors[0].description.type
                #expect(type.ggmlIdentifier == identifier)
            }
        }
    }

    @Test func aMissingFileIsNamed() throws {
        let error = try #require(throws: FileError.self) {
            try GGUFFile.open("/nowhere/at-all.gguf")
        }
        expectOneLine(error, containing: ["/nowhere/at-all.gguf", "No such file"])
    }
}
