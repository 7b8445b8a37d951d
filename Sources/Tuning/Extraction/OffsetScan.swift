package import Formats
package import Transformer

/// Directions at each of the last tokens of the prompts.
package struct OffsetScan: Sendable {
    /// What was found at one offset.
    package struct Entry: Sendable {
        /// −1 is the last token.
        package let offset: Int
        package let extraction: Extraction

        /// The block that separates held-out pairs best; nil where nothing was held out.
        package var bestBlock: Extraction.BlockResult? {
            extraction.blocks.filter { $0.heldOut != nil }.max { OffsetScan.isWorse($0, $1) }
        }
    }

    /// From the earliest token to the last.
    package let entries: [Entry]

    /// Extracts at the last `count` tokens of every prompt.
    ///
    /// - Parameters: as of `Extraction.init`, the position of the options aside.
    /// - Throws: `ExtractionError.offsets` where the shortest prompt has fewer tokens; as `Extraction.init`.
    package init(
        last count: Int, decoder: Decoder, crew: WorkCrew,
        prompts: [(positive: TokenSequence, negative: TokenSequence)],
        options: Extraction.Options, base: BaseIdentity,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let sides = prompts.flatMap { [$0.positive, $0.negative] }
        if let shortest = sides.min(by: { $0.tokens.count < $1.tokens.count }),
            shortest.tokens.count < count
        {
            throw ExtractionError.offsets(
                wanted: count, shortest: shortest.tokens.count, place: shortest.place)
        }
        let offsets = Array(-max(count, 0)..<0)
        let extractions = try Extraction.extractions(
            at: offsets.map { .index($0) }, decoder: decoder, crew: crew, prompts: prompts,
            options: options, base: base, progress: progress)
        entries = zip(offsets, extractions).map { Entry(offset: $0, extraction: $1) }
    }

    /// The offset whose best block separates held-out pairs best, by area under the ROC curve and, where that is equal,
    /// by effect size; the later of equal ones. Nil where nothing was held out.
    package var best: Entry? {
        // Of equal ones `max` takes the first.
        entries.reversed().filter { $0.bestBlock != nil }.max { left, right in
            guard let left = left.bestBlock, let right = right.bestBlock else { return false }
            return Self.isWorse(left, right)
        }
    }

    /// The entry of an offset.
    package subscript(offset: Int) -> Entry? { entries.first { $0.offset == offset } }

    private static func isWorse(
        _ left: Extraction.BlockResult, _ right: Extraction.BlockResult
    ) -> Bool {
        guard let left = left.heldOut, let right = right.heldOut else { return false }
        return (left.areaUnderCurve, left.effectSize) < (right.areaUnderCurve, right.effectSize)
    }
}
