/// The sizes of one block, which are the model's where the table of blocks has no others.
package struct BlockSizes: Sendable, Hashable {
    package let headCount: Int
    package let keyValueHeadCount: Int
    /// Width of one attention head.
    package let headSize: Int
    package let feedForwardSize: Int

    /// Width of all query heads together.
    package var queryWidth: Int { headCount * headSize }
    /// Width of all key (or value) heads together.
    package var keyValueWidth: Int { keyValueHeadCount * headSize }
}

extension Hyperparameters {
    /// The sizes of the block with this 0-based index.
    package func sizes(ofBlock index: Int) -> BlockSizes {
        let kind = kind(ofBlock: index)
        return BlockSizes(
            headCount: headCount, keyValueHeadCount: kind.keyValueHeadCount ?? keyValueHeadCount,
            headSize: kind.headSize ?? headSize,
            feedForwardSize: kind.feedForwardSize ?? feedForwardSize)
    }

    /// The sizes that blocks have, each combination once.
    package var sizesOfBlocks: Set<BlockSizes> {
        // Blocks beyond the table are alike.
        Set((0..<min(blockCount, blockKinds.count + 1)).map(sizes(ofBlock:)))
    }

    // MARK: - In words

    /// The head widths that are not the model's.
    var ownHeadSizeText: String { text { $0.headSize } }

    var ownKeyValueHeadText: String { text { $0.keyValueHeadCount } }

    var ownFeedForwardText: String { text { $0.feedForwardSize } }

    var valuesAreKeysText: String {
        let flags = blockKinds.map(\.valuesAreKeys)
        guard flags.contains(true) else { return "none" }
        let place = Self.place(of: flags, of: blockCount)
        return place.isEmpty ? "all" : String(place.dropFirst(" in ".count))
    }

    var keySourceText: String {
        let sources = Set(blockKinds.compactMap(\.keySource)).sorted()
        guard !sources.isEmpty else { return "none" }
        return sources.map { source in
            let readers = blockKinds.indices.filter { blockKinds[$0].keySource == source }
            return "of block \(source) in \(readers.map(String.init).joined(separator: " "))"
        }.joined(separator: ", ")
    }

    /// A size that some blocks have of their own, and which.
    private func text(_ size: (BlockKind) -> Int?) -> String {
        let own = blockKinds.map(size)
        let values = Set(own.compactMap(\.self)).sorted()
        guard !values.isEmpty else { return "none" }
        return values.map { value in
            "\(value)\(Self.place(of: own.map { $0 == value }, of: blockCount))"
        }.joined(separator: ", ")
    }
}

extension ModelNumber {
    /// Sizes that blocks have of their own.
    static let blockSizes = {
        var number = ModelNumber(
            name: "sizes of blocks",
            parts: [
                Part(name: "head width of blocks") { $0.ownHeadSizeText },
                Part(name: "key/value heads of blocks") { $0.ownKeyValueHeadText },
                Part(name: "feed-forward width of blocks") { $0.ownFeedForwardText },
            ])
        number.check = { numbers, keys throws(CheckpointError) in
            for block in numbers.blockKinds.indices {
                let sizes = numbers.sizes(ofBlock: block)
                let place = "of block \(block)"
                try keys.require(sizes.headSize, "head width \(place)")
                if let own = numbers.blockKinds[block].feedForwardSize {
                    try keys.require(own, "feed-forward width \(place)")
                }
                try keys.require(sizes.keyValueHeadCount, "key/value heads \(place)")
                guard sizes.headCount % sizes.keyValueHeadCount == 0 else {
                    throw .contradiction(
                        file: keys.file,
                        fact: "\(sizes.headCount) heads are no multiple of the "
                            + "\(sizes.keyValueHeadCount) key/value heads \(place)")
                }
            }
        }
        return number
    }()
    /// Whose keys and values blocks read where they make none, or no values.
    static let sharedKeys = {
        var number = ModelNumber(
            name: "shared keys and values",
            parts: [
                Part(name: "values that are keys") { $0.valuesAreKeysText },
                Part(name: "shared keys and values") { $0.keySourceText },
            ])
        number.check = { numbers, keys throws(CheckpointError) in
            for (block, kind) in numbers.blockKinds.enumerated() {
                guard let source = kind.keySource else { continue }
                let (own, other) = (numbers.sizes(ofBlock: block), numbers.sizes(ofBlock: source))
                guard source < block, numbers.kind(ofBlock: source).keySource == nil,
                    own.headSize == other.headSize,
                    own.keyValueHeadCount == other.keyValueHeadCount
                else {
                    throw .contradiction(
                        file: keys.file,
                        fact: "block \(block) with \(own.keyValueHeadCount) key/value heads of "
                            + "\(own.headSize) cannot read those of block \(source), which has "
                            + "\(other.keyValueHeadCount) of \(other.headSize)")
                }
            }
        }
        return number
    }()
}
