import Formats
import Transformer

/// The passes of a measurement as the plain model ran them: the stream at the input of its blocks, and logits.
///
/// The measurement can then be made again, steered, at the cost of the blocks from the first steered one on. Rows are
/// packed as they were, so that every figure has the bits that a run of all blocks gives.
///
/// Where the streams at all blocks do not fit the bound, those at every second, fourth … block are kept.
final class PassRecording {
    /// Memory that recordings share, in bytes.
    final class Budget {
        private(set) var left: Int

        init(bytes: Int) { left = bytes }

        func reserve(_ bytes: Int) -> Bool {
            guard bytes <= left else { return false }
            left -= bytes
            return true
        }

        func release(_ bytes: Int) { left += bytes }
    }

    /// One pass of the measurement.
    private struct Pass {
        let tokens: [[Int]]
        /// (tokens, hidden size) for each slice, by the block that it is the input of.
        var entries: [Int: [[Float]]] = [:]
        /// In the order in which they came; nil where they are not kept.
        var logits: [(slice: Int, tokens: Range<Int>, rows: [Float])]?
    }

    private let decoder: Decoder
    private let budget: Budget
    private let keepsLogits: Bool
    private var passes: [Pass] = []
    /// The stream is kept at the blocks whose numbers are multiples of it.
    private(set) var spacing = 1
    /// What is kept, in bytes.
    private(set) var byteCount = 0

    /// - Parameters:
    ///   - budget: what the streams and logits may take; other recordings may share it.
    ///   - keepsLogits: whether the plain model's logits will be asked for again.
    init(_ decoder: Decoder, budget: Budget, keepsLogits: Bool) {
        self.decoder = decoder
        self.budget = budget
        self.keepsLogits = keepsLogits
    }

    private var blockCount: Int { decoder.configuration.sizes.blockCount }

    // MARK: - Recording

    /// Runs the plain model and keeps what comes by; each pass is added to the recording.
    var recorder: any PassRunner { Recorder(recording: self) }

    private func record(_ slices: [DecoderSlice], _ logits: LogitsReceiver) throws {
        var pass = Pass(tokens: slices.map(\.tokens), logits: keepsLogits ? [] : nil)
        let observer = StreamObserver(sites: [.residPost]) { [self] place, rows in
            let block = place.block + 1
            let bytes = rows.count * MemoryLayout<Float>.stride
            while block < blockCount, block % spacing == 0 {
                if budget.reserve(bytes) {
                    byteCount += bytes
                    rows.withUnsafeBufferPointer {
                        pass.entries[
                            block, default: Array(repeating: [], count: slices.count)][place.slice]
                            .append(contentsOf: $0)
                    }
                    return
                }
                spacing *= 2
                for index in passes.indices { thin(&passes[index]) }
                thin(&pass)
            }
        }
        let receiver = LogitsReceiver(scope: logits.scope) { [self] slice, tokens, rows in
            if pass.logits != nil {
                let bytes = rows.count * MemoryLayout<Float>.stride
                if budget.reserve(bytes) {
                    byteCount += bytes
                    let kept = rows.withUnsafeBufferPointer { Array($0) }
                    pass.logits?.append((slice, tokens, kept))
                } else {
                    release(pass.logits?.reduce(0) { $0 + $1.rows.count } ?? 0)
                    pass.logits = nil
                }
            }
            try logits.receive(slice, tokens, rows)
        }
        try decoder.forward(slices, observer: observer, logits: receiver)
        passes.append(pass)
    }

    private func thin(_ pass: inout Pass) {
        for (block, streams) in pass.entries where block % spacing != 0 {
            release(streams.reduce(0) { $0 + $1.count })
            pass.entries[block] = nil
        }
    }

    private func release(_ floats: Int) {
        byteCount -= floats * MemoryLayout<Float>.stride
        budget.release(floats * MemoryLayout<Float>.stride)
    }

    private struct Recorder: PassRunner {
        let recording: PassRecording

        var configuration: DecoderConfiguration { recording.decoder.configuration }

        func run(
            _ slices: [DecoderSlice], interventions: [Intervention], logits: LogitsReceiver
        ) throws {
            precondition(interventions.isEmpty, "a recording is of the plain model")
            try recording.record(slices, logits)
        }
    }

    // MARK: - Playing

    /// Runs the recorded passes once more, in their order, steered from some block on.
    ///
    /// - Parameter block: the first whose sites are changed; nil for the plain model.
    func player(steeredFrom block: Int?) -> any PassRunner {
        Player(recording: self, firstBlock: block)
    }

    private final class Player: PassRunner {
        private let recording: PassRecording
        private let firstBlock: Int?
        private var next = 0

        init(recording: PassRecording, firstBlock: Int?) {
            self.recording = recording
            self.firstBlock = firstBlock
        }

        var configuration: DecoderConfiguration { recording.decoder.configuration }

        func run(
            _ slices: [DecoderSlice], interventions: [Intervention], logits: LogitsReceiver
        ) throws {
            let pass = recording.passes[next]
            precondition(pass.tokens == slices.map(\.tokens), "passes come as they were recorded")
            next += 1
            if firstBlock == nil, let kept = pass.logits {
                for part in kept { try logits.receive(part.slice, part.tokens, part.rows.span) }
                return
            }
            let spacing = recording.spacing
            let blockCount = recording.blockCount
            let last = recording.decoder.configuration.lastStart
            let start = min(firstBlock ?? last, last) / spacing * spacing
            var entered = slices
            if start > 0, let entries = pass.entries[start] {
                for index in entered.indices { entered[index].entry = entries[index] }
            }
            try recording.decoder.forward(
                entered, interventions: interventions, blocks: start..<blockCount, logits: logits)
        }
    }
}
