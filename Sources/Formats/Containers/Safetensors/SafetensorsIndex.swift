import Glibc

/// An open checkpoint of several safetensors files, described by `model.safetensors.index.json`.
///
/// Every shard is open and validated; the index and the shards name the same tensors in the same places.
package struct SafetensorsIndex: Sendable {
    package static let fileName = "model.safetensors.index.json"

    package let path: String
    /// The index's own `metadata`, such as `total_size`.
    package let metadata: JSONObject
    /// The shards in the order of their names.
    package let shards: [SafetensorsFile]

    /// The tensors of all shards, in order.
    package var tensors: [StoredTensor] { shards.flatMap(\.tensors) }

    /// Reads the index and opens its shards, which must be beside it.
    ///
    /// - Throws: `FileError` and `JSONError` where a file cannot be read, `SafetensorsError` for the first rule the
    ///   index or a shard breaks: `malformedIndex`, `shardName`, `missingShard`, `tensorNotInShard`,
    ///   `tensorNotInIndex` and those of `SafetensorsFile`.
    package init(path: String) throws {
        self.path = path
        let index = try JSONReader.parse(try MappedFile(path: path).bytes)
        do {
            (metadata, shards) = try Self.open(index, beside: path)
        } catch let problem as SafetensorsError.Problem {
            throw SafetensorsError(path: path, problem: problem)
        }
    }

    private static func open(
        _ index: JSONValue, beside path: String
    ) throws -> (metadata: JSONObject, shards: [SafetensorsFile]) {
        guard let map = index.object?["weight_map"]?.object else {
            throw SafetensorsError.Problem.malformedIndex(
                expected: "'weight_map' must be an object")
        }
        let metadata =
            switch index.object?["metadata"] {
            case nil, .null: JSONObject()
            case .object(let object): object
            default:
                throw SafetensorsError.Problem.malformedIndex(
                    expected: "'metadata' must be an object")
            }
        let names = try shardNames(map)
        let shards = try Set(names.values.map(ExactString.init)).map(\.string)
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .map { try openShard($0, beside: path) }
        try check(names, against: shards)
        return (metadata, shards)
    }

    /// The shard of each tensor.
    private static func shardNames(
        _ map: JSONObject
    ) throws(SafetensorsError.Problem) -> [ExactString: String] {
        var names: [ExactString: String] = [:]
        for member in map.members {
            guard let name = member.value.string else {
                throw .malformedIndex(
                    expected: "the file of tensor \(member.key.quoted) must be a string")
            }
            guard PathParts.isPlainFileName(name) else { throw .shardName(name) }
            names[ExactString(member.key)] = name
        }
        return names
    }

    private static func openShard(_ name: String, beside path: String) throws -> SafetensorsFile {
        let shard = PathParts.join(PathParts(path).folder, name)
        do {
            return try SafetensorsFile(path: shard)
        } catch FileError.cannotOpen(_, SystemReason(code: ENOENT)) {
            throw SafetensorsError.Problem.missingShard(name)
        }
    }

    /// Every tensor must be in the shard the index names, and every tensor of a shard in the index.
    private static func check(
        _ names: [ExactString: String], against shards: [SafetensorsFile]
    ) throws(SafetensorsError.Problem) {
        var missing = names
        for shard in shards {
            let file = PathParts(shard.path).name
            for tensor in shard.tensors {
                let name = tensor.description.name
                guard let place = missing[ExactString(name)],
                    ExactString(place) == ExactString(file)
                else {
                    throw .tensorNotInIndex(tensor: name, shard: file)
                }
                missing[ExactString(name)] = nil
            }
        }
        if let (name, shard) = missing.min(by: { $0.key.string < $1.key.string }) {
            throw .tensorNotInShard(tensor: name.string, shard: shard)
        }
    }
}
