import Formats

/// What the logits of one row are to be.
package struct LogitTarget: Sendable {
    /// What the logits are compared with.
    package enum Kind: Sendable {
        /// Cross-entropy with these probabilities of some tokens: −Σ p log softmax(logits).
        case tokens([(token: Int, probability: Float)])
        /// KL(reference ‖ model), with the reference's logits from its stream before the last norm (hidden size).
        case stream([Float])
        /// KL(model ‖ reference), with the reference's logits as in `stream`.
        case towardStream([Float])

        /// The reference's stream, if there is one.
        var reference: [Float]? {
            switch self {
            case .tokens: nil
            case .stream(let stream), .towardStream(let stream): stream
            }
        }
    }

    package let row: Int
    /// What the loss is multiplied by before its gradient is taken.
    package let weight: Float
    package let kind: Kind

    package init(row: Int, weight: Float, kind: Kind) {
        self.row = row
        self.weight = weight
        self.kind = kind
    }

    /// One token that is to follow.
    package init(token: Int, row: Int, weight: Float = 1) {
        self.init(row: row, weight: weight, kind: .tokens([(token: token, probability: Float(1))]))
    }
}

/// The last norm and the head, forward and backward at once, a bounded number of logits at a time.
final class HeadPass {
    private let decoder: Decoder
    private let runner: BlockRunner
    /// (rows of a piece, D)
    private let stream: ActivationMatrix
    private let normed: ActivationMatrix
    private let normedGradient: ActivationMatrix
    private let streamGradient: ActivationMatrix
    /// (rows of a piece, V)
    private let logits: ActivationMatrix
    private let referenceLogits: ActivationMatrix
    /// (rows of a piece, V): a copy of capped logits, which their gradient takes the place of.
    private let cappedLogits: ActivationMatrix

    /// The most logits computed at a time: 64 MB.
    private static let logitsPerPiece = 1 << 24

    init(_ decoder: Decoder, runner: BlockRunner) {
        let sizes = decoder.configuration.sizes
        self.decoder = decoder
        self.runner = runner
        stream = ActivationMatrix(width: sizes.hiddenSize)
        normed = ActivationMatrix(width: sizes.hiddenSize)
        normedGradient = ActivationMatrix(width: sizes.hiddenSize)
        streamGradient = ActivationMatrix(width: sizes.hiddenSize)
        logits = ActivationMatrix(width: sizes.vocabularySize)
        referenceLogits = ActivationMatrix(width: sizes.vocabularySize)
        cappedLogits = ActivationMatrix(width: sizes.vocabularySize)
    }

    /// The losses of the targets, without their weights; see `GradientPass.lossesOnLogits`.
    ///
    /// - Parameters:
    ///   - source: (rows, D), the last block's output.
    ///   - gradient: (rows, D), where its gradient is added.
    func losses(
        _ targets: [LogitTarget], stream source: ActivationMatrix, reference: Decoder?,
        gradient: ActivationMatrix?, sink: GradientSink
    ) -> [Double] {
        let limit = max(1, Self.logitsPerPiece / logits.width)
        var losses: [Double] = []
        for first in stride(from: 0, to: targets.count, by: limit) {
            let piece = Array(targets[first..<min(targets.count, first + limit)])
            losses += forward(piece, source, reference)
            if let gradient { backward(piece, addedTo: gradient, sink) }
        }
        return losses
    }

    /// Computes the piece's logits and losses, and leaves the losses' gradients in the logits' place.
    private func forward(
        _ targets: [LogitTarget], _ source: ActivationMatrix, _ reference: Decoder?
    ) -> [Double] {
        let weights = decoder.weights
        let width = source.width
        for matrix in [stream, normed, logits] { matrix.reserve(targets.count) }
        for (index, target) in targets.enumerated() {
            stream.row(index).update(from: source.row(target.row), count: width)
        }
        runner.norm(targets.count, weights.outputNorm, from: stream, into: normed)
        runner.projectLogits(targets.count, weights.head, from: normed, into: logits)
        if decoder.configuration.sizes.logitCap != nil {
            cappedLogits.reserve(targets.count)
            cappedLogits.row(0).update(
                from: logits.row(0), count: targets.count * logits.width)
        }
        let places = computeReference(targets, reference)
        return runner.crew.map(targets.count) { [logits, referenceLogits] index in
            let row = logits.row(index)
            switch targets[index].kind {
            case .tokens(let tokens):
                return crossEntropyBackward(
                    row, count: logits.width, targets: tokens, weight: targets[index].weight)
            case .stream:
                return divergenceBackward(
                    row, reference: referenceLogits.row(places[index]), count: logits.width,
                    weight: targets[index].weight)
            case .towardStream:
                return reverseDivergenceBackward(
                    row, reference: referenceLogits.row(places[index]), count: logits.width,
                    weight: targets[index].weight)
            }
        }
    }

    /// The logits of the reference for the targets that compare with it.
    ///
    /// - Returns: each target's row among them.
    private func computeReference(_ targets: [LogitTarget], _ reference: Decoder?) -> [Int] {
        var places: [Int] = []
        var streams: [[Float]] = []
        for target in targets {
            places.append(streams.count)
            if let stream = target.kind.reference { streams.append(stream) }
        }
        guard !streams.isEmpty else { return places }
        let weights = (reference ?? decoder).weights
        referenceLogits.reserve(streams.count)
        normedGradient.reserve(streams.count)
        streamGradient.reserve(streams.count)
        for (index, stream) in streams.enumerated() {
            precondition(stream.count == normedGradient.width)
            stream.withUnsafeBufferPointer { values in
                guard let start = values.baseAddress else { return }
                streamGradient.row(index).update(from: start, count: values.count)
            }
        }
        runner.norm(streams.count, weights.outputNorm, from: streamGradient, into: normedGradient)
        runner.projectLogits(
            streams.count, weights.head, from: normedGradient, into: referenceLogits)
        return places
    }

    /// Takes the gradient in the logits' place back to the stream.
    private func backward(
        _ targets: [LogitTarget], addedTo gradient: ActivationMatrix, _ sink: GradientSink
    ) {
        let weights = decoder.weights
        let width = gradient.width
        normedGradient.reserve(targets.count)
        streamGradient.reserve(targets.count)
        runner.logitsBackward(targets.count, gradient: logits, logits: cappedLogits)
        runner.projectBackward(
            targets.count, weights.head, weights.head.role, input: normed, outputGradient: logits,
            into: normedGradient, accumulating: false, sink)
        streamGradient.row(0).update(repeating: 0, count: targets.count * width)
        runner.normBackward(
            targets.count, weights.outputNorm, WeightRole(.outputNorm), input: stream,
            outputGradient: normedGradient, addedTo: streamGradient, sink)
        for (index, target) in targets.enumerated() {
            addForward(gradient.row(target.row), streamGradient.row(index), count: width)
        }
    }
}
