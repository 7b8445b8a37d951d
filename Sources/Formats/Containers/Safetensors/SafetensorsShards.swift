/// How a checkpoint is divided over safetensors files, as transformers does it: tensors in the given order, a new
/// file where the next tensor would pass the limit; a tensor above the limit has a file of its own, before the one that
/// is being filled.
package struct SafetensorsShards: Sendable {
    /// One file of the checkpoint.
    package struct Shard: Sendable {
        package let name: String
        package let header: SafetensorsHeader
    }

    /// The files' names are `model-00001-of-00003.safetensors` and so on, or `model.safetensors` for a single one.
    package let shards: [Shard]
    /// The text of `model.safetensors.index.json`, or nil where there is a single file, which needs none.
    package let index: [UInt8]?

    /// Plans the files.
    ///
    /// - Parameters:
    ///   - folder: the folder the files will be in, for errors
    ///   - tensors: in the order in which they fill the files
    ///   - metadata: written to every file
    ///   - limit: the most bytes of data a file shall hold; a larger tensor has a file of its own
    /// - Throws: `SafetensorsError` as `SafetensorsHeader.init`.
    package init(
        folder: String, tensors: [TensorDescription], metadata: [SafetensorsMetadata] = [],
        limit: Int? = nil
    ) throws(SafetensorsError) {
        // A first plan of all tensors together checks them, so that no size or sum below can overflow.
        let single = try SafetensorsHeader(
            path: PathParts.join(folder, Self.singleName), tensors: tensors, metadata: metadata)
        let groups = Self.groups(tensors, limit: limit)
        guard groups.count > 1 else {
            shards = [Shard(name: Self.singleName, header: single)]
            index = nil
            return
        }
        var shards: [Shard] = []
        for (number, group) in groups.enumerated() {
            let name = Self.name(number, of: groups.count)
            let header = try SafetensorsHeader(
                path: PathParts.join(folder, name), tensors: group, metadata: metadata)
            shards.append(Shard(name: name, header: header))
        }
        self.shards = shards
        index = Self.index(of: shards)
    }

    /// Plans files that are given: those of a checkpoint whose division is kept.
    ///
    /// - Parameters:
    ///   - folder: the folder the files will be in, for errors
    ///   - files: each file's name, tensors and metadata
    ///   - isIndexed: whether there is an index; several files always have one
    /// - Throws: `SafetensorsError` as `SafetensorsHeader.init`.
    package init(
        folder: String,
        files: [(name: String, tensors: [TensorDescription], metadata: [SafetensorsMetadata])],
        isIndexed: Bool
    ) throws(SafetensorsError) {
        var shards: [Shard] = []
        for file in files {
            let header = try SafetensorsHeader(
                path: PathParts.join(folder, file.name), tensors: file.tensors,
                metadata: file.metadata)
            shards.append(Shard(name: file.name, header: header))
        }
        self.shards = shards
        index = isIndexed || shards.count > 1 ? Self.index(of: shards) : nil
    }

    static let singleName = "model.safetensors"

    private static func groups(_ tensors: [TensorDescription], limit: Int?) -> [[TensorDescription]]
    {
        guard let limit else { return [tensors] }
        return Packing.groupsAroundLarge(tensors.map { $0.byteCount ?? 0 }, limit: limit)
            .map { group in group.map { tensors[$0] } }
    }

    private static func name(_ number: Int, of count: Int) -> String {
        "model-\(GGUFShardName.padded(number + 1))-of-\(GGUFShardName.padded(count)).safetensors"
    }

    private static func index(of shards: [Shard]) -> [UInt8] {
        let files = shards.flatMap { shard in
            shard.header.layout.map { JSONObject.Member($0.description.name, .string(shard.name)) }
        }
        let size = shards.reduce(0) { sum, shard in
            sum + shard.header.layout.reduce(0) { $0 + $1.byteCount }
        }
        let index = JSONObject([
            JSONObject.Member(
                "metadata", .object(JSONObject([.init("total_size", .integer(size))]))),
            JSONObject.Member("weight_map", .object(JSONObject(files))),
        ])
        return JSONWriter(.indented, sortsKeys: true).bytes(.object(index)) + [UInt8(ascii: "\n")]
    }
}
