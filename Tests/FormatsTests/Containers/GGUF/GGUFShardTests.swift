import Formats
import TestSupport
import Testing

@Suite struct GGUFShardTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        for number in 1...3 {
            let name = "split-0000\(number)-of-00003.gguf"
            _ = try folder.write(try bytes(ofFile: try fixture(name)), as: name)
        }
    }

    private func shard(number: UInt16, count: UInt16, tensors: Int32 = 2, name: String) -> [UInt8] {
        GGUFBuilder(tensors: 1, keys: 3)
            .key("split.no", type: 2, value: le(number))
            .key("split.count", type: 2, value: le(count))
            .key("split.tensors.count", type: 5, value: le(tensors))
            .tensor(name, ne: [1]).data(32).bytes
    }

    private func open(_ name: String) throws -> GGUFFile {
        try GGUFFile.open(folder.path(name))
    }

    private func problem(_ name: String, containing fragments: String...) throws
        -> GGUFError.Problem
    {
        let error = try #require(throws: GGUFError.self) { try open(name) }
        expectOneLine(error, containing: fragments)
        return error.problem
    }

    @Test func theFirstShardOpensAll() throws {
        let file = try open("split-00001-of-00003.gguf")
        #expect(file.shards.count == 3)
        #expect(file.tensors.map(\.description.name) == ["t0", "t1", "t2", "t3", "t4"])
        #expect(file.metadata["general.architecture"]?.text == "test")
        for (index, tensor) in file.tensors.enumerated() {
            #expect(
                tensor.bytes.withUnsafeBytes { Array($0.prefix(4)) } == le(Float(index).bitPattern))
        }
    }

    @Test func aLaterShardIsRefusedNamingTheFirst() throws {
        let problem = try problem("split-00002-of-00003.gguf", containing: "shard 2")
        #expect(problem == .laterShard(number: 1, first: "split-00001-of-00003.gguf"))
    }

    @Test func aMissingShardIsNamed() throws {
        let partial = try TemporaryFolder()
        let name = "split-00001-of-00003.gguf"
        let path = try partial.write(try bytes(ofFile: try fixture(name)), as: name)
        let error = try #require(throws: GGUFError.self) { try GGUFFile.open(path) }
        #expect(
            error.problem == .missingShard("split-00002-of-00003.gguf", number: 1, count: 3))
        expectOneLine(error, containing: ["part 2 of 3", "split-00002-of-00003.gguf"])
    }

    @Test func aFirstShardOfAnotherNameIsRefused() throws {
        _ = try folder.write(shard(number: 0, count: 2, name: "a"), as: "model.gguf")
        #expect(
            try problem("model.gguf", containing: "'model.gguf'", "-00001-of-00002.gguf")
                == .shardName("model.gguf", count: 2))
        _ = try folder.write(shard(number: 0, count: 2, name: "a"), as: "m-00001-of-00003.gguf")
        #expect(
            try problem("m-00001-of-00003.gguf", containing: "2 shards")
                == .shardName("m-00001-of-00003.gguf", count: 2))
    }

    @Test func shardsOfOtherModelsAreRefused() throws {
        _ = try folder.write(shard(number: 0, count: 2, name: "a"), as: "m-00001-of-00002.gguf")
        _ = try folder.write(shard(number: 0, count: 2, name: "b"), as: "m-00002-of-00002.gguf")
        #expect(
            try problem(
                "m-00001-of-00002.gguf", containing: "m-00002-of-00002.gguf", "split.no", "1", "0")
                == .shardKey("split.no", expected: 1, found: 0))
        _ = try folder.write(shard(number: 1, count: 3, name: "b"), as: "m-00002-of-00002.gguf")
        #expect(
            try problem("m-00001-of-00002.gguf", containing: "split.count", "2", "3")
                == .shardKey("split.count", expected: 2, found: 3))
        _ = try folder.write(
            GGUFBuilder(tensors: 1).tensor("b", ne: [1]).data(32).bytes, as: "m-00002-of-00002.gguf"
        )
        #expect(
            try problem("m-00001-of-00002.gguf", containing: "split.no", "missing")
                == .shardKey("split.no", expected: 1, found: nil))
    }

    @Test func aTensorInTwoShardsIsRefused() throws {
        _ = try folder.write(shard(number: 0, count: 2, name: "a"), as: "m-00001-of-00002.gguf")
        _ = try folder.write(shard(number: 1, count: 2, name: "a"), as: "m-00002-of-00002.gguf")
        #expect(try problem("m-00001-of-00002.gguf", containing: "'a'") == .duplicateTensor("a"))
    }

    @Test func aWrongNumberOfTensorsIsRefused() throws {
        _ = try folder.write(
            shard(number: 0, count: 2, tensors: 5, name: "a"), as: "m-00001-of-00002.gguf")
        _ = try folder.write(shard(number: 1, count: 2, name: "b"), as: "m-00002-of-00002.gguf")
        #expect(
            try problem("m-00001-of-00002.gguf", containing: "5", "2")
                == .shardTensorCount(expected: 5, found: 2))
    }
}
