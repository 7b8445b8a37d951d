/// The kinds of attention in `layer_types`.
enum Gemma4LayerType {
    static let windowed = "sliding_attention"
    static let full = "full_attention"
}

/// The table of blocks as a `config.json` has it, older ones by two numbers for all blocks that see all positions, newer ones by
/// what is other in each.
struct Gemma4ConfigTable {
    static let types = "layer_types"
    static let overrides = "per_layer_config"
    static let globalWidth = "global_head_dim"
    static let globalHeads = "num_global_key_value_heads"
    static let shared = "num_kv_shared_layers"
    static let widens = "use_double_wide_mlp"
    static let valuesAreKeys = "attention_k_eq_v"
    private static let heads = "num_key_value_heads"

    struct Sizes: Equatable {
        var headSize: Int
        var keyValueHeads: Int
    }

    /// Whether each block has the window.
    let windowed: [Bool]
    /// Of blocks that see all positions.
    let full: Sizes
    let window: Sizes
    /// The first block that reads another's keys and values.
    let firstShared: Int

    /// How many do.
    var sharing: Int { windowed.count - firstShared }

    /// - Throws: `CheckpointError` for lists of another length and blocks that differ where they may not.
    init(_ keys: ConfigKeys, _ numbers: Hyperparameters) throws {
        let blocks = numbers.blockCount
        windowed = try Self.windowed(keys, blocks: blocks)
        let count = try keys.count(Self.shared) ?? 0
        try keys.require(blocks - count, in: blocks, "blocks without those of '\(Self.shared)'")
        firstShared = blocks - count
        let plain = Sizes(
            headSize: try keys.required(ConfigFormat.headSize),
            keyValueHeads: try keys.required(Self.heads))
        guard let listed = try keys.object(Self.overrides) else {
            window = plain
            let valuesAreKeys = try keys.flag(Self.valuesAreKeys) ?? false
            full = Sizes(
                headSize: try keys.required(Self.globalWidth),
                keyValueHeads: try valuesAreKeys
                    ? keys.integer(Self.globalHeads) ?? plain.keyValueHeads : plain.keyValueHeads)
            return
        }
        let sizes = try Self.sizes(listed, plain, blocks: blocks, file: keys.file)
        let windowed = windowed
        func shared(by isWindowed: Bool) throws -> Sizes {
            let alike = windowed.indices.filter { windowed[$0] == isWindowed }
            let first = alike.first.map { sizes[$0] } ?? plain
            guard let other = alike.first(where: { sizes[$0] != first }) else { return first }
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact:
                    "\(Self.overrides): block \(other) has \(sizes[other].keyValueHeads) key/value heads "
                    + "of \(sizes[other].headSize) and block \(alike[0]) \(first.keyValueHeads) of "
                    + "\(first.headSize); blocks of one kind of attention must be alike")
        }
        (full, window) = (try shared(by: false), try shared(by: true))
    }

    /// Every sixth block sees all positions where the file does not say, and the last whatever it says.
    private static func windowed(_ keys: ConfigKeys, blocks: Int) throws -> [Bool] {
        try keys.require(blocks, in: Hyperparameters.largestTable, "number of blocks")
        var windowed = (0..<blocks).map { !($0 + 1).isMultiple(of: 6) }
        if let types = try keys.texts(Self.types) {
            guard types.count == blocks else {
                throw CheckpointError.contradiction(
                    file: keys.file,
                    fact: "\(Self.types) has \(types.count) entries for \(blocks) blocks")
            }
            windowed = try types.map { type in
                guard [Gemma4LayerType.windowed, Gemma4LayerType.full].contains(type) else {
                    throw CheckpointError.unsupportedFeature(
                        file: keys.file, fact: "attention of type '\(type)' is not supported")
                }
                return type == Gemma4LayerType.windowed
            }
        }
        windowed[blocks - 1] = false
        return windowed
    }

    private static func sizes(
        _ overrides: JSONObject, _ plain: Sizes, blocks: Int, file: String
    ) throws -> [Sizes] {
        var sizes = [Sizes](repeating: plain, count: blocks)
        for member in overrides.members {
            guard let block = Int(member.key), sizes.indices.contains(block),
                let own = member.value.object
            else {
                throw CheckpointError.contradiction(
                    file: file,
                    fact: "\(Self.overrides) has an entry '\(member.key)' for \(blocks) blocks")
            }
            let known = [ConfigFormat.headSize, heads]
            if let other = own.members.first(where: { !known.contains($0.key) }) {
                throw CheckpointError.unsupportedFeature(
                    file: file,
                    fact: "\(Self.overrides): block \(block) has a '\(other.key)' of its own, "
                        + "which is not supported")
            }
            let keys = ConfigKeys(config: own, file: file)
            sizes[block].headSize = try keys.integer(ConfigFormat.headSize) ?? plain.headSize
            sizes[block].keyValueHeads = try keys.integer(heads) ?? plain.keyValueHeads
        }
        return sizes
    }
}
