import Formats
import TestSupport
import Testing

@Suite struct SafetensorsHeaderTests {
    private func problem(
        _ tensors: [TensorDescription], metadata: [SafetensorsMetadata] = []
    ) throws -> SafetensorsError.Problem {
        let error = try #require(throws: SafetensorsError.self) {
            try SafetensorsHeader(path: "out.safetensors", tensors: tensors, metadata: metadata)
        }
        expectOneLine(error, containing: ["out.safetensors"])
        return error.problem
    }

    @Test(arguments: ["all-types.safetensors", "no-tensors.safetensors"])
    func aReferenceFilePlannedAgainFromAnyOrderHasTheSameBytes(_ name: String) throws {
        let file = try SafetensorsFile(path: try fixture(name))
        let shuffled = file.tensors.map(\.description).reversed()
        let header = try SafetensorsHeader(
            path: "out", tensors: Array(shuffled), metadata: file.metadata)
        let original = try bytes(ofFile: file.path)
        #expect(header.bytes == Array(original.prefix(header.bytes.count)))
        #expect(header.fileSize == original.count)
        #expect(header.layout.map(\.description) == file.tensors.map(\.description))
        #expect(header.layout.map(\.offset) == file.tensors.map(\.bytes.range.lowerBound))
    }

    @Test func metadataIsSortedByTheBytesOfItsKeys() throws {
        let metadata = ["z", "a", "ä", "Z"].map { SafetensorsMetadata($0, "1") }
        let header = try SafetensorsHeader(path: "out", tensors: [], metadata: metadata)
        let text = String(decoding: header.bytes.dropFirst(8), as: UTF8.self)
        #expect(text.hasPrefix(#"{"__metadata__":{"Z":"1","a":"1","z":"1","ä":"1"}}"#))
        #expect(header.bytes.count % 8 == 0)
    }

    @Test func namesMustBeUniqueAndFree() throws {
        let tensor = TensorDescription(name: "a", type: .f32, shape: [1])
        #expect(try problem([tensor, tensor]) == .duplicateName("a"))
        #expect(try problem([TensorDescription(name: "", type: .f32, shape: [1])]) == .emptyName)
        #expect(
            try problem([TensorDescription(name: "__metadata__", type: .f32, shape: [1])])
                == .reservedName)
        let twice = [SafetensorsMetadata("k", "1"), SafetensorsMetadata("k", "2")]
        #expect(try problem([], metadata: twice) == .duplicateMetadata("k"))
    }

    @Test func typesAndSizesThatSafetensorsCannotHoldAreRefused() throws {
        #expect(
            try problem([TensorDescription(name: "a", type: .q4K, shape: [256])])
                == .typeWithoutName(tensor: "a", type: .q4K))
        #expect(
            try problem([TensorDescription(name: "a", type: .f32, shape: [1 << 62])])
                == .sizeOverflow(tensor: "a", shape: [1 << 62]))
        let tensors = (0..<9).map {
            TensorDescription(name: "\($0)", type: .i8, shape: [(1 << 60) - 1])
        }
        #expect(try problem(tensors) == .sizeOverflow(tensor: "8", shape: [(1 << 60) - 1]))
    }
}
