import Formats
import TestSupport
import Testing

@Suite struct SafetensorsFileTests {
    @Test func everyTypeOfAReferenceFileIsRead() throws {
        let file = try SafetensorsFile(path: try fixture("all-types.safetensors"))
        #expect(file.metadata == [SafetensorsMetadata("format", "pt")])
        #expect(Set(file.tensors.map(\.description.type)).count == 19)
        let scalar = try #require(
            file.tensors.first { $0.description.name == "scalar ü \"quoted\"" })
        #expect(scalar.description.shape == [])
        #expect(scalar.bytes.withUnsafeBytes { Array($0) } == le(Float(2.5).bitPattern))
        let empty = try #require(file.tensors.first { $0.description.name == "empty" })
        #expect(empty.description.shape == [0, 4])
        #expect(empty.bytes.count == 0)
    }

    @Test func aFileMayHaveNoTensors() throws {
        #expect(try SafetensorsFile(path: try fixture("no-tensors.safetensors")).tensors.isEmpty)
    }

    @Test func elementsOfFourAndSixBitsFillWholeBytes() throws {
        let header =
            #"{"a":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]},"#
            + #""b":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[3,6]}}"#
        let folder = try TemporaryFolder()
        let file = try SafetensorsFile(
            path: try folder.write(safetensorsFile(header, data: 6), as: "small.safetensors"))
        #expect(file.tensors.map(\.bytes.count) == [3, 3])
    }

    @Test func tensorsAreListedInTheOrderOfTheirData() throws {
        let header =
            #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"#
            + #""none":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},"#
            + #""a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  "#
        let folder = try TemporaryFolder()
        let file = try SafetensorsFile(
            path: try folder.write(safetensorsFile(header, data: 2), as: "order.safetensors"))
        #expect(file.tensors.map(\.description.name) == ["a", "none", "b"])
    }
}
