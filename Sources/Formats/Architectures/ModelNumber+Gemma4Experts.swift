extension ModelNumber {
    /// Gemma 4's experts, which stand beside the dense part of a block.
    ///
    /// - Parameter isInConfig: whether the family's configuration has them; else there are none.
    static func gemma4Experts(isInConfig: Bool) -> ModelNumber {
        let (counts, used, width) = (
            "expert_count", "expert_used_count", "expert_feed_forward_length"
        )
        var number = experts.kept(
            isInConfig ? gemma4ExpertConfig : ConfigPlace(),
            MetadataPlace(
                keys: [counts, used, width],
                read: { keys, numbers in
                    guard let count = try keys.nonZero(counts) else { return }
                    let blocks = numbers.blockCount
                    numbers.experts = .besideDense(
                        count: count, usedCount: try keys.required(used, blocks: blocks),
                        feedForwardSize: try keys.required(width, blocks: blocks))
                },
                write: { numbers throws(CheckpointError) in
                    guard let experts = numbers.experts else { return [] }
                    return [
                        (counts, .count(experts.count)), (used, .count(experts.usedCount)),
                        (width, .count(experts.feedForwardSize)),
                    ]
                }))
        let check = number.check
        number.check = { numbers, keys throws(CheckpointError) in
            try check(numbers, keys)
            guard numbers.experts != nil else { return }
            let widths = Set(numbers.sizesOfBlocks.map(\.feedForwardSize)).sorted()
            guard widths.count < 2 else {
                throw .unsupportedFeature(
                    file: keys.file,
                    fact: "experts stand beside dense parts of several widths "
                        + "(\(widths.map(String.init).joined(separator: ", ")))")
            }
        }
        return number
    }

    private static let gemma4ExpertConfig = {
        let (flag, counts) = ("enable_moe_block", "num_experts")
        let (used, width) = ("top_k_experts", "moe_intermediate_size")
        return ConfigPlace(
            members: [flag, counts, used, width],
            read: { keys, numbers in
                guard try keys.flag(flag) ?? false else { return }
                numbers.experts = .besideDense(
                    count: try keys.required(counts), usedCount: try keys.required(used),
                    feedForwardSize: try keys.required(width))
            },
            write: { numbers, config in
                let experts = numbers.experts
                config[flag] = .bool(experts != nil)
                config[counts] = experts.map { .integer($0.count) } ?? .null
                config[used] = experts.map { .integer($0.usedCount) } ?? .null
                config[width] = experts.map { .integer($0.feedForwardSize) } ?? .null
            })
    }()
}

extension Experts {
    fileprivate static func besideDense(
        count: Int, usedCount: Int, feedForwardSize: Int
    ) -> Experts {
        var experts = Experts(
            count: count, usedCount: usedCount, feedForwardSize: feedForwardSize,
            normalizesShares: true)
        experts.isBesideDense = true
        return experts
    }
}
