import Formats
import Transformer

/// Outputs of blocks that tuning leaves as they are, computed once for each sequence and kept.
///
/// What does not fit the limit is computed each time it is asked for.
final class PrefixCache {
    private let decoder: Decoder
    /// How many blocks lie below the first that is run again.
    let blocks: Int
    private let interventions: [Intervention]
    private let byteLimit: Int
    private var byteCount = 0
    private var entries: [[Int]: [Float]] = [:]
    private var untuned: [Place: [Float]] = [:]
    private var contrasts: [Place: [Float]] = [:]

    /// The stream of a sequence at a place.
    private struct Place: Hashable {
        let tokens: [Int]
        /// What its prompt is contrasted with.
        var contrast: ContrastPrompts?
        var strength: Float = 0
        let site: Site
        let block: Int
    }

    /// - Parameter blocks: how many blocks need not be run again; fewer are kept where later ones read what they leave.
    init(_ decoder: Decoder, blocks: Int, interventions: [Intervention], byteLimit: Int) {
        self.decoder = decoder
        self.blocks = min(blocks, decoder.configuration.lastStart)
        self.interventions = interventions
        self.byteLimit = byteLimit
    }

    /// The sequences, each with the stream above the frozen blocks.
    func sequences(_ tokens: [[Int]]) throws -> [DecoderSlice] {
        guard blocks > 0 else { return tokens.map { DecoderSlice($0) } }
        let missing = Set(tokens).subtracting(entries.keys)
        // In the order of the batch, so that the same rows are packed together in every run.
        let computed = try streams(
            tokens.filter { missing.contains($0) }, after: blocks - 1, interventions)
        let result = tokens.map { tokens in
            DecoderSlice(tokens, entry: entries[tokens] ?? computed[tokens] ?? [])
        }
        for (tokens, stream) in computed where reserve(stream.count) { entries[tokens] = stream }
        return result
    }

    /// The untuned model's last stream for a sequence: (tokens, hidden size).
    func finalStream(_ tokens: [Int]) throws -> [Float] {
        let last = decoder.configuration.sizes.blockCount - 1
        return try untunedStreams(tokens, at: .residPost, of: [last])[last] ?? []
    }

    /// The untuned model's streams for a sequence at a site of some blocks: (tokens, hidden size) each. It is not steered.
    func untunedStreams(
        _ tokens: [Int], at site: Site, of blocks: [Int]
    ) throws -> [Int: [Float]] {
        var found: [Int: [Float]] = [:]
        for block in blocks {
            found[block] = untuned[Place(tokens: tokens, site: site, block: block)]
        }
        let missing = blocks.filter { found[$0] == nil }
        for (block, stream) in try run(tokens, at: site, of: missing).sorted(by: { $0.key < $1.key }
        ) {
            found[block] = stream
            guard reserve(stream.count) else { continue }
            untuned[Place(tokens: tokens, site: site, block: block)] = stream
        }
        return found
    }

    /// Where a contrast of two prompts moves the untuned model's streams at a completion: h₀ + strength · (h⁺ − h⁻), (tokens of
    /// the completion, hidden size) by block.
    ///
    /// - Throws: `TrainingError.noContrast` for an example without one; what the decoder throws.
    func contrastStreams(
        _ example: TuningExample, strength: Float, at site: Site, of blocks: [Int]
    ) throws -> [Int: ArraySlice<Float>] {
        guard let contrast = example.contrast else {
            throw TrainingError.noContrast(place: example.place)
        }
        func place(_ block: Int) -> Place {
            Place(
                tokens: example.sequence.tokens, contrast: contrast, strength: strength, site: site,
                block: block)
        }
        let known = blocks.compactMap { block in
            contrasts[place(block)].map { (block, $0[...]) }
        }
        if known.count == blocks.count { return Dictionary(uniqueKeysWithValues: known) }
        let count = example.completion.count * decoder.configuration.sizes.hiddenSize
        let streams = try [example.prompt, contrast.positive, contrast.negative].map {
            try run($0 + example.completion, at: site, of: blocks).mapValues { $0.suffix(count) }
        }
        var found: [Int: ArraySlice<Float>] = [:]
        for block in blocks.sorted() {
            let (own, up, down) = (
                streams[0][block] ?? [], streams[1][block] ?? [], streams[2][block] ?? []
            )
            let target = zip(own, zip(up, down)).map { $0 + strength * ($1.0 - $1.1) }
            found[block] = target[...]
            if reserve(target.count) { contrasts[place(block)] = target }
        }
        return found
    }

    /// The untuned model's streams at a site of some blocks, computed: (tokens, hidden size) each.
    private func run(_ tokens: [Int], at site: Site, of blocks: [Int]) throws -> [Int: [Float]] {
        guard let last = blocks.max() else { return [:] }
        var found: [Int: [Float]] = [:]
        let observer = StreamObserver(sites: [site]) { place, rows in
            guard blocks.contains(place.block) else { return }
            rows.withUnsafeBufferPointer { found[place.block, default: []].append(contentsOf: $0) }
        }
        try decoder.forward([DecoderSlice(tokens)], blocks: 0..<last + 1, observer: observer)
        return found
    }

    private func reserve(_ floats: Int) -> Bool {
        let bytes = floats * MemoryLayout<Float>.stride
        guard byteCount + bytes <= byteLimit else { return false }
        byteCount += bytes
        return true
    }

    /// The stream after a block, one sequence a pass: its bits must not depend on what it is packed with, since a
    /// resumed run computes it again in other company.
    private func streams(
        _ sequences: [[Int]], after block: Int, _ interventions: [Intervention]
    ) throws -> [[Int]: [Float]] {
        var streams: [[Int]: [Float]] = [:]
        for tokens in sequences where streams[tokens] == nil {
            var stream: [Float] = []
            let observer = StreamObserver(sites: [.residPost]) { place, rows in
                guard place.block == block else { return }
                rows.withUnsafeBufferPointer { stream.append(contentsOf: $0) }
            }
            try decoder.forward(
                [DecoderSlice(tokens)], interventions: interventions, blocks: 0..<block + 1,
                observer: observer)
            streams[tokens] = stream
        }
        return streams
    }
}
