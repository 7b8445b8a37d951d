import Formats
import TestSupport
import Testing

@Suite struct GGUFHeaderTests {
    private func problem(
        metadata: [GGUFMetadata.Entry] = [], tensors: [TensorDescription] = []
    ) throws -> GGUFError.Problem {
        let error = try #require(throws: GGUFError.self) {
            try GGUFHeader(path: "out.gguf", metadata: GGUFMetadata(metadata), tensors: tensors)
        }
        expectOneLine(error, containing: ["out.gguf"])
        return error.problem
    }

    @Test(arguments: ["all-values.gguf", "aligned.gguf", "split-00002-of-00003.gguf"])
    func aReferenceFilePlannedAgainHasTheSameBytes(_ name: String) throws {
        let path = try fixture(name)
        // A later shard does not open as a model; its own file is read through a copy without split keys.
        let original = try bytes(ofFile: path)
        let file = try GGUFFile.open(try standalone(original))
        let header = try GGUFHeader(
            path: "out.gguf", metadata: file.metadata, tensors: file.tensors.map(\.description))
        var written = header.bytes
        for (place, tensor) in zip(header.layout, file.tensors) {
            written += Array(repeating: 0, count: place.offset - written.count)
            written += tensor.bytes.withUnsafeBytes { Array($0) }
            #expect(place.byteCount == tensor.bytes.count)
        }
        written += Array(repeating: 0, count: header.fileSize - written.count)
        #expect(written == (try bytes(ofFile: file.path)))
    }

    @Test func aKeyMustBeUniqueAndOfAllowedLength() throws {
        #expect(try problem(metadata: [.init("", .u8(1))]) == .emptyKey(index: 0))
        let long = String(repeating: "k", count: 65536)
        #expect(
            try problem(metadata: [.init(long, .u8(1))])
                == .keyTooLong(index: 0, length: 65536, limit: 65535))
        #expect(
            try problem(metadata: [.init("a", .u8(1)), .init("a", .u8(2))]) == .duplicateKey("a"))
    }

    @Test func aTensorMustHaveAnAllowedNameShapeAndType() throws {
        let long = String(repeating: "n", count: 64)
        #expect(
            try problem(tensors: [TensorDescription(name: long, type: .f32, shape: [1])])
                == .tensorNameLength(index: 0, length: 64, limit: 63))
        let twice = TensorDescription(name: "a", type: .f32, shape: [1])
        #expect(try problem(tensors: [twice, twice]) == .duplicateTensor("a"))
        #expect(
            try problem(tensors: [TensorDescription(name: "a", type: .f32, shape: [])])
                == .dimensionCount(tensor: "a", count: 0))
        #expect(
            try problem(tensors: [TensorDescription(name: "a", type: .u8, shape: [1])])
                == .typeWithoutIdentifier(tensor: "a", type: .u8))
        #expect(
            try problem(tensors: [TensorDescription(name: "a", type: .q4K, shape: [256, 100])])
                == .partialBlock(tensor: "a", type: .q4K, row: 100))
        #expect(
            try problem(tensors: [
                TensorDescription(name: "a", type: .f32, shape: [1 << 40, 1 << 40])
            ])
                == .sizeOverflow(tensor: "a", shape: [1 << 40, 1 << 40]))
    }

    @Test func aSumOfSizesThatOverflowsIsRefused() throws {
        let tensors = (0..<17).map {
            TensorDescription(name: "t\($0)", type: .i8, shape: [1 << 59])
        }
        #expect(try problem(tensors: tensors) == .fileTooLarge(tensor: "t15"))
    }

    @Test func paddingBeyondReasonIsNotWritten() throws {
        let metadata = [GGUFMetadata.Entry("general.alignment", .u32(1 << 31))]
        #expect(try problem(metadata: metadata) == .alignmentTooLarge(1 << 31, limit: 1 << 20))
    }

    /// A copy of a file in which `split.count` announces a single shard, so that it opens alone.
    private func standalone(_ bytes: [UInt8]) throws -> String {
        var copy = bytes
        let key = Array("split.count".utf8)
        if let start = copy.indices.first(where: { copy[$0...].starts(with: key) }) {
            copy[start + key.count + 4] = 1
        }
        return try folder.write(copy, as: "copy.gguf")
    }

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }
}
