import Formats
import TestSupport
import Testing

@Suite struct SafetensorsIndexTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        for (name, shard) in [("a", "1.safetensors"), ("b", "2.safetensors")] {
            let header = "{\"\(name)\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}"
            _ = try folder.write(safetensorsFile(header, data: 2), as: shard)
        }
    }

    private func open(_ index: String) throws -> SafetensorsIndex {
        let path = try folder.write(Array(index.utf8), as: SafetensorsIndex.fileName)
        return try SafetensorsIndex(path: path)
    }

    private func problem(
        _ index: String, containing fragments: String...
    ) throws -> SafetensorsError.Problem {
        let error = try #require(throws: SafetensorsError.self) { try open(index) }
        expectOneLine(error, containing: [SafetensorsIndex.fileName] + fragments)
        return error.problem
    }

    @Test func allShardsAreOpenedInTheOrderOfTheirNames() throws {
        let index = try open(
            #"{"metadata":{"total_size":4},"weight_map":{"b":"2.safetensors","a":"1.safetensors"}}"#
        )
        #expect(index.tensors.map(\.description.name) == ["a", "b"])
        #expect(index.metadata["total_size"] == .integer(4))
    }

    @Test(arguments: ["../1.safetensors", "/etc/passwd", "..", "", "x/1.safetensors", "1\\n2"])
    func aShardMustBeAPlainFileName(_ name: String) throws {
        let problem = try problem("{\"weight_map\":{\"a\":\"\(name)\"}}", containing: "shard")
        guard case .shardName = problem else {
            Issue.record("\(problem)")
            return
        }
    }

    @Test func aMissingShardIsNamed() throws {
        #expect(
            try problem(#"{"weight_map":{"a":"3.safetensors"}}"#, containing: "'3.safetensors'")
                == .missingShard("3.safetensors"))
    }

    @Test func indexAndShardsMustNameTheSameTensors() throws {
        #expect(
            try problem(
                #"{"weight_map":{"a":"1.safetensors","c":"1.safetensors"}}"#, containing: "'c'",
                "'1.safetensors'") == .tensorNotInShard(tensor: "c", shard: "1.safetensors"))
        #expect(
            try problem(
                #"{"weight_map":{"c":"1.safetensors"}}"#, containing: "'a'", "'1.safetensors'")
                == .tensorNotInIndex(tensor: "a", shard: "1.safetensors"))
        #expect(
            try problem(
                #"{"weight_map":{"a":"2.safetensors","b":"2.safetensors"}}"#, containing: "'a'")
                == .tensorNotInShard(tensor: "a", shard: "2.safetensors"))
    }

    @Test(arguments: [
        "[]", "{}", #"{"weight_map":[]}"#, #"{"weight_map":{"a":1}}"#,
        #"{"metadata":7,"weight_map":{}}"#,
    ])
    func anIndexOfAnotherShapeIsRefused(_ index: String) throws {
        guard case .malformedIndex = try problem(index) else {
            Issue.record("another problem")
            return
        }
    }

    @Test func anIndexWithADuplicateTensorIsRefused() throws {
        let error = try #require(throws: JSONError.self) {
            try open(#"{"weight_map":{"a":"1.safetensors","a":"1.safetensors"}}"#)
        }
        expectOneLine(error, containing: [SafetensorsIndex.fileName, "'a'"])
    }

    @Test func plannedShardsFillUpToTheLimitAndHaveAnIndex() throws {
        let tensors = [("a", 6), ("b", 4), ("c", 12), ("d", 1)].map {
            TensorDescription(name: $0, type: .u8, shape: [$1])
        }
        let plan = try SafetensorsShards(folder: "out", tensors: tensors, limit: 10)
        #expect(
            plan.shards.map { $0.header.layout.map(\.description.name) } == [
                ["c"], ["a", "b"], ["d"],
            ])
        #expect(plan.shards.map(\.name).last == "model-00003-of-00003.safetensors")
        let index = String(decoding: try #require(plan.index), as: UTF8.self)
        #expect(
            index == """
                {
                  "metadata": {
                    "total_size": 23
                  },
                  "weight_map": {
                    "a": "model-00002-of-00003.safetensors",
                    "b": "model-00002-of-00003.safetensors",
                    "c": "model-00001-of-00003.safetensors",
                    "d": "model-00003-of-00003.safetensors"
                  }
                }

                """)
    }

    @Test func aSingleShardNeedsNoIndex() throws {
        let tensor = TensorDescription(name: "a", type: .u8, shape: [4])
        let plan = try SafetensorsShards(folder: "out", tensors: [tensor], limit: 10)
        #expect(plan.shards.map(\.name) == ["model.safetensors"])
        #expect(plan.index == nil)
    }
}
