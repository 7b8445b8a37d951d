/// Sizes of blocks of state space (Mamba 2, arXiv 2405.21060), which files of a model without such blocks name too.
package struct StateSpaceSizes: Sendable, Hashable {
    /// How many positions the convolution sees.
    package var convolutionLength: Int
    /// The width of a head's state.
    package var stateSize: Int
    package var groupCount: Int
    /// Width of all heads together.
    package var innerSize: Int
    package var headCount: Int

    package init(
        convolutionLength: Int, stateSize: Int, groupCount: Int, innerSize: Int, headCount: Int
    ) {
        self.convolutionLength = convolutionLength
        self.stateSize = stateSize
        self.groupCount = groupCount
        self.innerSize = innerSize
        self.headCount = headCount
    }
}

extension ModelNumber {
    /// Sizes that no block has; the other format's file gets them.
    static let unusedStateSpace = {
        let prefix = "mamba_"
        // The standards are those of transformers' configuration.
        let sizes: [(config: String, standard: Int, metadata: String)] = [
            ("d_conv", 4, "ssm.conv_kernel"), ("d_state", 256, "ssm.state_size"),
            ("n_groups", 1, "ssm.group_count"), ("expand", 2, "ssm.inner_size"),
            ("n_heads", 128, "ssm.time_step_rank"),
        ]
        return ModelNumber(name: "unused state space", parts: []).kept(
            ConfigPlace(
                members: (sizes.map(\.config) + ["d_head"]).map { prefix + $0 },
                read: { keys, numbers in
                    var found = try sizes.map { size in
                        try keys.integer(prefix + size.config) ?? size.standard
                    }
                    for (size, value) in zip(sizes, found) {
                        try keys.require(value, prefix + size.config)
                    }
                    found[3] *= numbers.hiddenSize
                    numbers.unusedStateSpace = StateSpaceSizes(found)
                },
                write: { numbers, config in
                    // One head as wide as the stream fits every model.
                    let width = numbers.hiddenSize
                    let own =
                        numbers.unusedStateSpace
                        ?? StateSpaceSizes(
                            convolutionLength: 4, stateSize: 256, groupCount: 1, innerSize: width,
                            headCount: 1)
                    let values = [
                        own.convolutionLength, own.stateSize, own.groupCount,
                        own.innerSize / max(width, 1), own.headCount,
                    ]
                    for (size, value) in zip(sizes, values) {
                        config[prefix + size.config] = .integer(value)
                    }
                    config[prefix + "d_head"] = .integer(own.innerSize / max(own.headCount, 1))
                }),
            MetadataPlace(
                keys: sizes.map(\.metadata),
                read: { keys, numbers in
                    let found = try sizes.compactMap { try keys.nonZero($0.metadata) }
                    guard found.count == sizes.count else { return }
                    for (size, value) in zip(sizes, found) {
                        try keys.require(value, keys.full(size.metadata))
                    }
                    numbers.unusedStateSpace = StateSpaceSizes(found)
                },
                write: { numbers throws(CheckpointError) in
                    guard let own = numbers.unusedStateSpace else { return [] }
                    let values = [
                        own.convolutionLength, own.stateSize, own.groupCount, own.innerSize,
                        own.headCount,
                    ]
                    return zip(sizes, values).map { ($0.metadata, .count($1)) }
                }))
    }()
}

extension StateSpaceSizes {
    /// The sizes in the order of their declaration.
    fileprivate init(_ sizes: [Int]) {
        self.init(
            convolutionLength: sizes[0], stateSize: sizes[1], groupCount: sizes[2],
            innerSize: sizes[3], headCount: sizes[4])
    }
}
