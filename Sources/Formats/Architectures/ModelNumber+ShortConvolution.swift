/// Blocks of short convolutions beside those of attention.
extension ModelNumber {
    /// The members that say which blocks are of attention, the one that is written first, and how long convolutions are.
    private enum Member {
        static let kinds = "layer_types"
        static let attention = "full_attn_idxs"
        static let length = "conv_L_cache"
        static let convolution = "conv"
        static let fullAttention = "full_attention"
        static let lengthInGGUF = "shortconv.l_cache"
    }

    /// Which blocks are short convolutions and how long those are, as a `config.json` says; in a GGUF file their key/value
    /// heads say which, see `keyValueHeadsOfAttention`.
    static let shortConvolutions = shortConvolution.kept(
        ConfigPlace(
            members: [Member.kinds, Member.attention, Member.length],
            read: { keys, numbers in
                numbers.convolutionLength = try keys.integer(Member.length)
                let isConvolution = try convolutions(keys, blocks: numbers.blockCount)
                try numbers.changeKinds(keys) { block, kind in
                    if isConvolution(block) { kind.mixer = .shortConvolution }
                }
            },
            write: { numbers, config in
                config[Member.kinds] = .array(
                    (0..<numbers.blockCount).map { block in
                        let isConvolution = numbers.kind(ofBlock: block).mixer == .shortConvolution
                        return .string(isConvolution ? Member.convolution : Member.fullAttention)
                    })
                config[Member.length] = numbers.convolutionLength.map { .integer($0) }
            }),
        MetadataPlace(
            keys: [Member.lengthInGGUF],
            read: { keys, numbers in
                numbers.convolutionLength = try keys.required(Member.lengthInGGUF)
            },
            write: { numbers throws(CheckpointError) in
                [(Member.lengthInGGUF, .count(numbers.convolutionLength ?? 0))]
            }))

    /// Which blocks a `config.json` makes convolutions: by a list of kinds, else all but those in a list of blocks.
    private static func convolutions(
        _ keys: ConfigKeys, blocks: Int
    ) throws -> (Int) -> Bool {
        guard let kinds = try keys.texts(Member.kinds) else {
            guard let attention = try keys.numbers(Member.attention) else { return { _ in false } }
            let blocks = Set(attention)
            return { !blocks.contains(Double($0)) }
        }
        guard kinds.count == blocks else {
            throw CheckpointError.contradiction(
                file: keys.file,
                fact: "\(Member.kinds) has \(kinds.count) entries for \(blocks) blocks")
        }
        let known = [Member.convolution, Member.fullAttention]
        if let block = kinds.firstIndex(where: { !known.contains($0) }) {
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact: "\(Member.kinds): block \(block) is '\(kinds[block])', but only "
                    + known.map { "'\($0)'" }.joined(separator: " and ")
                    + " are supported in this family")
        }
        return { kinds[$0] == Member.convolution }
    }

    /// Key/value heads that a GGUF file lists block by block, 0 where a block is a short convolution.
    static func keyValueHeadsOfAttention(_ format: ConfigFormat) -> ModelNumber {
        let key = "attention.head_count_kv"
        var number = keyValueHeads(format)
        number.metadata.read = { keys, numbers in
            let listed = try keys.integers(key, blocks: numbers.blockCount)
            let heads = listed ?? Array(repeating: numbers.headCount, count: numbers.blockCount)
            try numbers.changeKinds(keys) { block, kind in
                if heads[block] == 0 { kind.mixer = .shortConvolution }
            }
            let ofAttention = heads.filter { $0 != 0 }
            numbers.keyValueHeadCount = ofAttention.first ?? numbers.headCount
            guard let other = ofAttention.first(where: { $0 != ofAttention.first }) else { return }
            throw CheckpointError.unsupportedFeature(
                file: keys.file,
                fact: "'\(keys.full(key))' is \(numbers.keyValueHeadCount) in some blocks and "
                    + "\(other) in others; only 0 is supported beside one number")
        }
        number.metadata.write = { numbers throws(CheckpointError) in
            let heads = (0..<numbers.blockCount).map { block -> Int32 in
                let isConvolution = numbers.kind(ofBlock: block).mixer == .shortConvolution
                return isConvolution ? 0 : Int32(clamping: numbers.keyValueHeadCount)
            }
            return [(key, .array(.i32(heads)))]
        }
        return number
    }
}
