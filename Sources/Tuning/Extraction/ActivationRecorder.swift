import Formats
import Transformer

/// Runs prompts through a decoder and keeps one activation a prompt and block.
struct ActivationRecorder {
    let decoder: Decoder
    let site: Site
    let position: Position
    let blocks: [Int]

    /// The activations of every prompt in each of the blocks.
    ///
    /// - Parameter progress: called with the number of tokens done and in all.
    /// - Returns: (prompts, width) for each block.
    /// - Throws: `PromptError.noSuchToken` where a prompt has no such token; what the decoder throws.
    func activations(
        of prompts: [TokenSequence], progress: (Int, Int) -> Void
    ) throws -> [Int: SampleMatrix] {
        let width = decoder.configuration.sizes.hiddenSize
        var places: [Int: Int] = [:]
        for (index, block) in blocks.enumerated() { places[block] = index }
        var samples = blocks.map { _ in SampleMatrix(width: width, rows: prompts.count) }
        let chosen = try prompts.map { prompt throws(PromptError) in
            try prompt.range(of: position)
        }
        let total = prompts.reduce(0) { $0 + $1.tokens.count }
        var done = 0
        for pass in PassPlan.passes(prompts.map(\.tokens.count)) {
            let observer = StreamObserver(
                sites: [site], scope: position == .index(-1) ? .last : .all
            ) {
                place, rows in
                guard let index = places[place.block] else { return }
                let prompt = pass.lowerBound + place.slice
                let wanted = chosen[prompt].clamped(to: place.tokens)
                guard !wanted.isEmpty else { return }
                rows.withUnsafeBufferPointer { rows in
                    for token in wanted {
                        let start = (token - place.tokens.lowerBound) * width
                        samples[index].add(
                            UnsafeBufferPointer(rebasing: rows[start..<(start + width)]),
                            times: 1 / Float(chosen[prompt].count), to: prompt)
                    }
                }
            }
            try decoder.forward(
                prompts[pass].map { DecoderSlice($0.tokens) }, stopAfterBlock: blocks.max(),
                observer: observer)
            done += prompts[pass].reduce(0) { $0 + $1.tokens.count }
            progress(done, total)
        }
        return Dictionary(uniqueKeysWithValues: zip(blocks, samples))
    }
}
