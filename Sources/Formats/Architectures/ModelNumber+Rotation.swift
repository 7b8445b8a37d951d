/// Which blocks are not rotated.
extension ModelNumber {
    /// Every block of this number, counted from 1, is not rotated where `config.json` does not say; llama.cpp has no key.
    static func unrotated(every standard: Int) -> ModelNumber {
        let (list, interval) = ("no_rope_layers", "no_rope_layer_interval")
        @Sendable func leaveOut(
            every interval: Int, _ keys: any NumberKeys, _ numbers: inout Hyperparameters
        ) throws {
            try numbers.changeKinds(keys) { block, kind in
                if (block + 1).isMultiple(of: interval) { kind.rotation = .none }
            }
        }
        return unrotated.kept(
            ConfigPlace(
                members: [list, interval],
                read: { keys, numbers in
                    guard let rotated = try keys.numbers(list) else {
                        let own = try keys.integer(interval) ?? standard
                        try keys.require(own, interval)
                        return try leaveOut(every: own, keys, &numbers)
                    }
                    guard rotated.count >= numbers.blockCount else {
                        throw CheckpointError.contradiction(
                            file: keys.file,
                            fact: "\(list) has \(rotated.count) entries for "
                                + "\(numbers.blockCount) blocks")
                    }
                    try numbers.changeKinds(keys) { block, kind in
                        if rotated[block] == 0 { kind.rotation = .none }
                    }
                },
                write: { numbers, config in
                    config[list] = .array(
                        (0..<numbers.blockCount).map { block in
                            .integer(numbers.kind(ofBlock: block).rotation == .none ? 0 : 1)
                        })
                }),
            MetadataPlace(read: { try leaveOut(every: standard, $0, &$1) }))
    }

    /// All blocks are rotated or none, as Granite 4's files say.
    static let rotationOfAll = {
        let (key, metadataKey) = ("position_embedding_type", "rope.scaling.finetuned")
        return unrotated.kept(
            ConfigPlace(
                members: [key],
                read: { keys, numbers in
                    guard try keys.text(key) != "rope" else { return }
                    try numbers.changeKinds(keys) { $1.rotation = .none }
                },
                write: { numbers, config in
                    config[key] = .string(
                        numbers.kind(ofBlock: 0).rotation == .none ? "nope" : "rope")
                }),
            MetadataPlace(
                keys: [metadataKey],
                read: { keys, numbers in
                    guard try keys.flag(metadataKey) == false else { return }
                    try numbers.changeKinds(keys) { $1.rotation = .none }
                },
                write: { numbers throws(CheckpointError) in
                    [(metadataKey, .bool(numbers.kind(ofBlock: 0).rotation != .none))]
                }))
    }()
}
