import Foundation
import TestSupport
import Testing

@testable import Formats

/// Files are what their content says, not what their names end in.
@Suite struct FileContentTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures")

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func content(_ bytes: [UInt8]) throws -> FileContent? {
        FileContent.of(try folder.write(bytes, as: "file"))
    }

    @Test func knownFormatsAreToldByTheirFirstBytes() throws {
        #expect(try content(Array("GGUF".utf8)) == .gguf)
        #expect(try content(safetensorsFile("{}")) == .safetensors)
        #expect(
            try content(safetensorsFile(String(repeating: " ", count: 0x280 - 2) + "{}")) == nil)
        #expect(try content(le(UInt64(0x280)) + Array("{\"a\"".utf8)) == .safetensors)
        #expect(try content(Array("RTDELTA\n".utf8)) == .patch)
        #expect(try content(Array("PK".utf8) + [3, 4, 0]) == .zip)
        #expect(try content([0x80, 2] + Array("}q".utf8)) == .pickle)
        #expect(try content([0x89] + Array("HDF\r\n".utf8)) == .hdf5)
        #expect(try content(Array("version https://git-lfs".utf8)) == .gitPointer)
        #expect(try content(Array(" {\"weight_map\": {}}".utf8)) == .json)
        #expect(try content([]) == .empty)
        #expect(try content([0x08, 0x08, 0x12, 7] + Array("pytorch".utf8)) == .onnx)
        #expect(try content([0x1F, 0x8B, 8, 0]) == .archive)
        #expect(try content([UInt8](repeating: 0, count: 257) + Array("ustar".utf8)) == .archive)
        #expect(try content(Array("\n<!DOCTYPE html><html>".utf8)) == .page)
        #expect(try content(Array("Entry not found".utf8)) == .text)
        #expect(try content(Array("hello".utf8)) == nil)
    }

    @Test func modelsAreOpenedAsWhatTheyAre() throws {
        let gguf = folder.path("model.safetensors")
        try FileManager.default.copyItem(atPath: Samples.tinyModel, toPath: gguf)
        let opened = try Checkpoint.open(gguf)
        #expect(opened.format == .gguf)
        #expect(try FileSet(path: gguf).tensors.count == opened.tensors.count)
        let bytes = try bytes(ofFile: Families.folder("llama") + "/model.safetensors")
        let safetensors = try folder.write(bytes, as: "weights.gguf")
        #expect(try Checkpoint.open(safetensors).format == .safetensors)
        #expect(try !FileSet(path: safetensors).tensors.isEmpty)
    }

    @Test(arguments: ["m.gguf", "m.safetensors", "m.bin"])
    func archivesAreNamedWhateverTheyAreCalled(name: String) throws {
        let path = try folder.write(Array("PK".utf8) + [3, 4, 0, 0], as: name)
        let failure = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
        #expect(failure?.description.contains("zip archive") ?? false)
    }

    /// What a user fetched in place of a model is named, with the way out.
    @Test(arguments: [
        ("<!DOCTYPE html><html></html>", "/resolve/"), ("Entry not found", "fetch it again"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"), ("", "fetch it again"),
    ])
    func wrongFilesSayTheWayOut(text: String, words: String) throws {
        let path = try folder.write(Array(text.utf8), as: "m.gguf")
        let failure = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
        #expect(failure?.description.contains(words) ?? false, "\(failure?.description ?? "")")
    }

    @Test func aPointerInPlaceOfJSONIsNamed() throws {
        let path = try folder.write(
            Array("version https://git-lfs.github.com/spec/v1\n".utf8), as: "tokenizer.json")
        let failure = #expect(throws: JSONError.self) {
            try JSONReader.parse(MappedFile(path: path).bytes)
        }
        #expect(failure?.problem == .gitPointer)
    }

    @Test func aFolderOfPicklesIsNamed() throws {
        _ = try folder.write(Array("PK".utf8) + [3, 4, 0, 0], as: "pytorch_model.bin")
        let failure = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder.path) }
        #expect(failure?.description.contains("save it as safetensors") ?? false)
    }

    @Test func aGGUFFileInAFolderOfSafetensorsIsNamed() throws {
        try FileManager.default.copyItem(
            atPath: Samples.tinyModel, toPath: folder.path("model.safetensors"))
        let failure = #expect(throws: SafetensorsError.self) { try Checkpoint.open(folder.path) }
        #expect(failure?.problem == .otherFormat(.gguf))
    }

    @Test func vectorsAdaptersAndMatricesAreNoModels() throws {
        func file(_ key: String, _ value: String) throws -> String {
            let header = try GGUFHeader(
                path: "f",
                metadata: GGUFMetadata([.init(key, .string(ByteString(value)))]), tensors: [])
            return try folder.write(header.bytes, as: "f.gguf")
        }
        for (key, value, content, word) in [
            (
                "general.architecture", "controlvector", CheckpointContent.steeringVector,
                "steering vector"
            ),
            ("general.type", "adapter", .adapter, "adapter"),
            ("general.type", "imatrix", .importanceMatrix, "importance matrix"),
        ] {
            let path = try file(key, value)
            #expect(try CheckpointContent.of(path) == content)
            let failure = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
            #expect(failure?.description.contains(word) ?? false)
        }
    }

    @Test func adaptersOfPEFTAreNoModels() throws {
        let adapter = Self.fixtures.appendingPathComponent("Adapters/plain").path
        for path in [adapter, adapter + "/adapter_model.safetensors"] {
            #expect(try CheckpointContent.of(path) == .adapter)
            #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
            let summary = try AdapterSummary(path: path)
            #expect(summary.ranks == [2])
            #expect(summary.alpha == 8)
            #expect(summary.updates.count == 3)
            #expect(summary.obstacle == nil)
        }
        let gguf = try AdapterSummary(path: adapter + ".gguf")
        #expect(gguf.format == .gguf)
        #expect(gguf.ranks == [2])
        #expect(gguf.obstacle == nil)
    }

    @Test func missingPartsAreNamed() throws {
        for name in ["model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"] {
            _ = try folder.write(safetensorsFile("{}"), as: name)
        }
        let failure = #expect(throws: CheckpointError.self) { try Checkpoint.open(folder.path) }
        #expect(failure?.description.contains("model-00002-of-00003.safetensors") ?? false)
        #expect(failure?.description.contains("model-00001-of-00003.safetensors") == false)
        for name in ["split-00001-of-00003.gguf", "split-00003-of-00003.gguf"] {
            try FileManager.default.copyItem(
                atPath: Self.fixtures.appendingPathComponent(name).path, toPath: folder.path(name))
        }
        let split = #expect(throws: GGUFError.self) {
            try Checkpoint.open(folder.path("split-00001-of-00003.gguf"))
        }
        #expect(
            split?.problem
                == .missingShard("split-00002-of-00003.gguf", number: 1, count: 3))
    }

    @Test(arguments: ["a\u{0}b", "a\nb", "a\u{1B}[2J", "a\u{7F}", "a\u{85}"])
    func controlCharactersInNamesAreRefused(name: String) throws {
        let key = GGUFBuilder(keys: 1).key(name, type: 4, value: le(UInt32(7)))
        let path = try folder.write(key.bytes, as: "key.gguf")
        #expect(throws: GGUFError.self) { try GGUFFile.open(path) }
        let tensor = GGUFBuilder(tensors: 1).tensor(name, ne: [1]).data(4)
        let other = try folder.write(tensor.bytes, as: "tensor.gguf")
        #expect(throws: GGUFError.self) { try GGUFFile.open(other) }
        let quoted = JSONWriter().text(.string(name))
        let file = try folder.write(
            safetensorsFile("{\(quoted):{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
            as: "t.safetensors")
        let failure = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: file) }
        #expect(failure?.problem == .controlCharacter(name))
        let metadata = try folder.write(
            safetensorsFile("{\"__metadata__\":{\(quoted):\"x\"}}"), as: "m.safetensors")
        #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: metadata) }
    }
}
