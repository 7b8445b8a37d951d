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

    /// The stream of a sequence at a place.
    private struct Place: Hashable {
        let tokens: [Int]
        let site: Site
        let block: Int
    }

    init(_ decoder: Decoder, blocks: Int, interventions: [Intervention], byteLimit: Int) {
        self.decoder = decoder
        self.blocks = blocks
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
        let missing = Set(blocks.filter { found[$0] == nil })
        guard let last = missing.max() else { return found }
        let observer = StreamObserver(sites: [site]) { place, rows in
            guard missing.contains(place.block) else { return }
            rows.withUnsafeBufferPointer { found[place.block, default: []].append(contentsOf: $0) }
        }
        try decoder.forward(
            [DecoderSlice(tokens)], blocks: 0..<last + 1, observer: observer)
        for block in missing.sorted() {
            guard let stream = found[block], reserve(stream.count) else { continue }
            untuned[Place(tokens: tokens, site: site, block: block)] = stream
        }
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
