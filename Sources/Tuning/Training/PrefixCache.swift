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
    private var finals: [[Int]: [Float]] = [:]

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
        if let stream = finals[tokens] { return stream }
        let last = decoder.configuration.sizes.blockCount - 1
        let stream = try streams([tokens], after: last, [])[tokens] ?? []
        if reserve(stream.count) { finals[tokens] = stream }
        return stream
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
