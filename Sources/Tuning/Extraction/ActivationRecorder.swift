import Formats
import Transformer

/// Runs prompts through a decoder and keeps one activation a prompt, block and position.
struct ActivationRecorder {
    let decoder: Decoder
    let site: Site
    let blocks: [Int]

    /// The activations of every prompt at each of the positions, in each of the blocks.
    ///
    /// - Parameter progress: called with the number of tokens done and in all.
    /// - Returns: (prompts, width) for each block, by position.
    /// - Throws: `PromptError.noSuchToken` where a prompt has no such token; what the decoder throws.
    func activations(
        at positions: [Position], of prompts: [TokenSequence], progress: (Int, Int) -> Void
    ) throws -> [[Int: SampleMatrix]] {
        let width = decoder.configuration.sizes.hiddenSize
        var places: [Int: Int] = [:]
        for (index, block) in blocks.enumerated() { places[block] = index }
        var samples = positions.map { _ in
            blocks.map { _ in SampleMatrix(width: width, rows: prompts.count) }
        }
        let chosen = try prompts.map { prompt throws(PromptError) in
            try positions.map { position throws(PromptError) in try prompt.range(of: position) }
        }
        let firsts = chosen.map { ranges in ranges.map(\.lowerBound).min() ?? 0 }
        let total = prompts.reduce(0) { $0 + $1.tokens.count }
        var done = 0
        for pass in PassPlan.passes(prompts.map(\.tokens.count)) {
            let observer = StreamObserver(sites: [site], scope: .from(Array(firsts[pass]))) {
                place, rows in
                guard let block = places[place.block] else { return }
                let prompt = pass.lowerBound + place.slice
                for (index, range) in chosen[prompt].enumerated() {
                    for token in range.clamped(to: place.tokens) {
                        let start = (token - place.tokens.lowerBound) * width
                        samples[index][block].add(
                            rows.extracting(start..<start + width), times: 1 / Float(range.count),
                            to: prompt)
                    }
                }
            }
            try decoder.forward(
                prompts[pass].map { DecoderSlice($0.tokens) },
                blocks: blocks.max().map { 0..<$0 + 1 },
                observer: observer)
            done += prompts[pass].reduce(0) { $0 + $1.tokens.count }
            progress(done, total)
        }
        return samples.map { Dictionary(uniqueKeysWithValues: zip(blocks, $0)) }
    }
}
