import Formats
import Transformer

/// A decoder steered online on the windows of a text, block by block: each block runs once.
struct CalibrationRun {
    private let decoder: Decoder
    private let windows: [[Int]]
    private let calibration: Calibration
    private let interventions: [Intervention]
    /// The first block that has not run.
    private var next = 0
    /// The stream before it, of each window; empty before block 0.
    private var streams: [[Float]]
    /// The first position of each window among all.
    private let firsts: [Int]

    init(decoder: Decoder, calibration: Calibration, interventions: [Intervention]) {
        self.decoder = decoder
        self.calibration = calibration
        self.interventions = interventions
        windows = calibration.windows
        streams = windows.map { _ in [] }
        var firsts = [0]
        for window in windows { firsts.append(firsts[firsts.count - 1] + window.count) }
        self.firsts = firsts
    }

    /// What the projections at places of one block read and put out; the blocks up to it are run.
    ///
    /// - Parameter places: in one block, which has not run.
    /// - Throws: `FittingError.notFinite`; what the decoder throws.
    mutating func samples(
        at places: [StreamSite]
    ) throws -> [StreamSite: ProjectionFit.Samples] {
        guard let block = places.first?.block else { return [:] }
        let sizes = decoder.configuration.sizes
        let (width, count) = (sizes.hiddenSize, firsts[windows.count])
        let weights = decoder.weights.blocks[block]
        var samples: [StreamSite: ProjectionFit.Samples] = [:]
        for place in places {
            guard let inputs = Self.inputs(of: weights, at: place.site) else { continue }
            samples[place] = ProjectionFit.Samples(
                inputs: DenseMatrix(rows: count, columns: inputs),
                outputs: DenseMatrix(rows: count, columns: width), fit: positions(calibration.fit),
                choice: positions(calibration.choice), unseen: positions(calibration.unseen))
        }
        var after = windows.map { DenseMatrix(rows: $0.count, columns: width) }
        let (isStart, firsts) = (next == 0, firsts)
        for pass in PassPlan.passes(windows.map(\.count)) {
            let observer = StreamObserver(sites: [.residPost]) { place, rows in
                guard place.block == block else { return }
                after[pass.lowerBound + place.slice].setRows(
                    from: place.tokens.lowerBound, to: rows)
            }
            let projections = ProjectionObserver(
                slots: Set(places.compactMap(sizes.projection))
            ) { place, inputs, outputs in
                let own = StreamSite(site: place.site, block: place.block)
                guard samples[own] != nil else { return }
                let first = firsts[pass.lowerBound + place.slice] + place.tokens.lowerBound
                guard Self.isFinite(inputs), Self.isFinite(outputs) else {
                    throw FittingError.notFinite(place: own)
                }
                samples[own]?.inputs.setRows(from: first, to: inputs)
                samples[own]?.outputs.setRows(from: first, to: outputs)
            }
            try decoder.forward(
                pass.map { DecoderSlice(windows[$0], entry: isStart ? [] : streams[$0]) },
                interventions: interventions, blocks: next..<block + 1, observer: observer,
                projections: projections)
        }
        (streams, next) = (after.map(\.values), block + 1)
        return samples
    }

    /// The inputs of the projection that writes at a site; nil where there is no single one.
    private static func inputs(of weights: BlockWeights, at site: Site) -> Int? {
        switch (site, weights.feedForward) {
        case (.residMid, _): weights.mixer.output.weight.columns
        case (.residPost, .gated(_, _, let down)), (.residPost, .fusedGated(_, let down)),
            (.residPost, .plain(_, let down)):
            down.weight.columns
        default: nil
        }
    }

    private func positions(_ windows: Range<Int>) -> Range<Int> {
        firsts[windows.lowerBound]..<firsts[windows.upperBound]
    }

    private static func isFinite(_ rows: Span<Float>) -> Bool {
        rows.withUnsafeBufferPointer { $0.allSatisfy(\.isFinite) }
    }
}
