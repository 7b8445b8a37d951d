import Formats
package import Transformer

/// Forced choices as scalings are learned from them: the tokens of each choice after its prompt, and which is wanted.
package struct ScalingProbe: Sendable {
    /// At least two.
    package let choices: [TokenSequence]
    package let wanted: Int

    package init(choices: [TokenSequence], wanted: Int) {
        self.choices = choices
        self.wanted = wanted
    }

    /// Renders probes.
    ///
    /// - Throws: `PromptError.noTokens` for a choice that gives no tokens; what rendering throws.
    package static func rendered(
        _ probes: [Probe], renderer: PromptRenderer, asChat: Bool
    ) throws -> [ScalingProbe] {
        var rest = try ProbeResult.sequences(probes, renderer: renderer, asChat: asChat)[...]
        return probes.map { probe in
            defer { rest = rest.dropFirst(probe.choices.count) }
            return ScalingProbe(
                choices: Array(rest.prefix(probe.choices.count)), wanted: probe.correct)
        }
    }

    var tokenCount: Int { choices.reduce(0) { $0 + $1.tokens.count } }
}

/// The loss by which factors of sub-layers' outputs are learned, after arXiv 2410.04962, and its gradient.
///
/// For β = 1, which is to make the wanted choice the likelier one, and β = −1, the opposite, in equal parts:
///
/// - effectiveness: max(0, m − β · margin), the mean over probes, with the margin that `eval` has: log p of the wanted
///   choice less that of the likeliest other one, each summed over the choice's tokens. The paper's choices are single
///   tokens, of which the same difference is one of logits.
/// - faithfulness: KL(plain ‖ scaled) of the next token, the mean over positions of ordinary texts; without texts over all
///   positions of the prompts but the last, where the choices are made.
///
/// Minimality, Σ |α|, is not smooth; whoever takes the steps sees to it.
package final class ScalingObjective {
    /// The loss of a batch.
    package struct Losses: Sendable, Hashable {
        package var effectiveness = 0.0
        package var faithfulness = 0.0
        /// The mean of β · margin.
        package var margin = 0.0

        /// The smooth part of the loss.
        package func total(faithfulness weight: Double) -> Double {
            effectiveness + weight * faithfulness
        }
    }

    /// What a batch is made of.
    package struct Batch: Sendable {
        package var probes: [ScalingProbe]
        /// Ordinary texts; where there are none, the probes' prompts stand in for them.
        package var texts: [[Int]]

        package init(probes: [ScalingProbe], texts: [[Int]] = []) {
            self.probes = probes
            self.texts = texts
        }
    }

    private static let betas: [Float] = [1, -1]

    package let places: [StreamSite]
    private let decoder: Decoder
    private let pass: GradientPass
    private let margin: Double
    private let faithfulness: Double

    /// - Parameters:
    ///   - places: where sub-layers end whose outputs are scaled.
    ///   - margin: m, in nats.
    ///   - faithfulness: the weight of that loss; 0 leaves it out.
    package init(
        _ decoder: Decoder, places: [StreamSite], margin: Double, faithfulness: Double
    ) throws {
        self.decoder = decoder
        self.places = places
        self.margin = margin
        self.faithfulness = faithfulness
        pass = try GradientPass(decoder)
    }

    /// The interventions of some α.
    private func interventions(_ alphas: [Float], beta: Float) -> [Intervention] {
        zip(places, alphas).map { place, alpha in
            Intervention(
                site: place.site, block: place.block, operation: .scaleOutput, vector: [],
                strength: beta * alpha)
        }
    }

    /// The losses of a batch and the gradient of its smooth loss.
    ///
    /// - Parameter alphas: one for each place.
    /// - Returns: the losses, and d loss / d α of each place.
    /// - Throws: what the decoder throws.
    package func gradient(
        of batch: Batch, at alphas: [Float]
    ) throws -> (losses: Losses, gradient: [Double]) {
        precondition(alphas.count == places.count && !batch.probes.isEmpty)
        var sums = Sums(gradient: [Double](repeating: 0, count: places.count))
        let share = 1 / Double(Self.betas.count)
        let probeShare = share / Double(batch.probes.count)
        let positions =
            batch.texts.isEmpty
            ? batch.probes.reduce(0) { $0 + Self.promptPositions($1) }
            : batch.texts.reduce(0) { $0 + $1.count }
        let textShare = positions > 0 ? share / Double(positions) : 0
        for pass in PassPlan.passes(batch.probes.map(\.tokenCount)) {
            let probes = Array(batch.probes[pass])
            try add(
                probes, alphas, probeShare, batch.texts.isEmpty ? textShare : 0, to: &sums)
        }
        for pass in PassPlan.passes(batch.texts.map(\.count)) where faithfulness > 0 {
            try add(Array(batch.texts[pass]), alphas, textShare, to: &sums)
        }
        return (sums.losses, sums.gradient)
    }

    // MARK: - Passes

    private struct Sums {
        var losses = Losses()
        var gradient: [Double]
    }

    /// The positions of a probe's prompt at which no choice begins.
    private static func promptPositions(_ probe: ScalingProbe) -> Int {
        max(0, (probe.choices.first?.promptCount ?? 0) - 1)
    }

    /// Adds a pass of probes; each counts `share`, and each position of a prompt `textShare`.
    private func add(
        _ probes: [ScalingProbe], _ alphas: [Float], _ share: Double, _ textShare: Double,
        to sums: inout Sums
    ) throws {
        let slices = probes.flatMap(\.choices).map { DecoderSlice($0.tokens) }
        var kept: [(slice: Int, tokens: Range<Int>)] = []
        var slice = 0
        for probe in probes {
            if textShare > 0, faithfulness > 0 {
                kept.append((slice, 0..<Self.promptPositions(probe)))
            }
            slice += probe.choices.count
        }
        let streams = try plainStreams(slices, kept)
        for beta in Self.betas {
            try pass.forward(slices, interventions: interventions(alphas, beta: beta))
            let choices = choiceTargets(probes, beta: beta, share, &sums.losses)
            let rest = faithTargets(kept, streams, textShare)
            takeBack(choices, rest, beta: beta, textShare, to: &sums)
        }
    }

    /// Adds a pass of texts, each position of which counts `share`.
    private func add(
        _ texts: [[Int]], _ alphas: [Float], _ share: Double, to sums: inout Sums
    ) throws {
        let slices = texts.map { DecoderSlice($0) }
        let kept = texts.enumerated().map { ($0.offset, 0..<$0.element.count) }
        let streams = try plainStreams(slices, kept)
        for beta in Self.betas {
            try pass.forward(slices, interventions: interventions(alphas, beta: beta))
            takeBack([], faithTargets(kept, streams, share), beta: beta, share, to: &sums)
        }
    }

    /// The plain model's stream before the last norm at some tokens of slices, in order.
    private func plainStreams(
        _ slices: [DecoderSlice], _ kept: [(slice: Int, tokens: Range<Int>)]
    ) throws -> [[Float]] {
        guard !kept.isEmpty else { return [] }
        try pass.forward(slices)
        let last = decoder.configuration.sizes.blockCount - 1
        return kept.flatMap { slice, tokens in
            tokens.map { token in
                pass.withStream(
                    .residPost, block: last, row: pass.sequences[slice].lowerBound + token
                ) { row in row.withUnsafeBufferPointer { Array($0) } }
            }
        }
    }

    private func faithTargets(
        _ kept: [(slice: Int, tokens: Range<Int>)], _ streams: [[Float]], _ share: Double
    ) -> [LogitTarget] {
        let rows = kept.flatMap { slice, tokens in
            tokens.map { pass.sequences[slice].lowerBound + $0 }
        }
        return zip(rows, streams).map { row, stream in
            LogitTarget(row: row, weight: Float(share * faithfulness), kind: .stream(stream))
        }
    }

    /// The tokens of choices whose probabilities are to be changed. Their losses are computed, and added.
    private func choiceTargets(
        _ probes: [ScalingProbe], beta: Float, _ share: Double, _ losses: inout Losses
    ) -> [LogitTarget] {
        let targets = zip(probes.flatMap(\.choices), pass.sequences).map { sequence, rows in
            // What comes first is predicted by nothing.
            (max(sequence.promptCount, 1)..<max(sequence.tokens.count, 1)).map { index in
                LogitTarget(token: sequence.tokens[index], row: rows.lowerBound + index - 1)
            }
        }
        let found = pass.lossesOnLogits(targets.flatMap(\.self))
        var logProbabilities: [Double] = []
        var first = 0
        for own in targets {
            logProbabilities.append(-found[first..<first + own.count].reduce(0, +))
            first += own.count
        }
        var changed: [LogitTarget] = []
        var start = 0
        for probe in probes {
            let own = start..<start + probe.choices.count
            start = own.upperBound
            let wanted = own.lowerBound + probe.wanted
            let others = own.filter { $0 != wanted }
            let best = others.max { logProbabilities[$0] < logProbabilities[$1] } ?? wanted
            let margin = logProbabilities[wanted] - logProbabilities[best]
            losses.margin += share * Double(beta) * margin
            let hinge = self.margin - Double(beta) * margin
            // A margin that is no number must show.
            guard !(hinge <= 0) else { continue }
            losses.effectiveness += share * hinge
            let weight = Float(share) * beta
            for (index, sign) in [(wanted, weight), (best, -weight)] {
                changed += targets[index].map {
                    LogitTarget(row: $0.row, weight: sign, kind: $0.kind)
                }
            }
        }
        return changed
    }

    /// Takes the losses back to the α.
    private func takeBack(
        _ choices: [LogitTarget], _ rest: [LogitTarget], beta: Float, _ share: Double,
        to sums: inout Sums
    ) {
        guard !choices.isEmpty || !rest.isEmpty else { return }
        var sink = GradientSink()
        let buffers = places.map { _ in FloatBuffer(count: 1) }
        for (place, buffer) in zip(places, buffers) {
            guard let slot = decoder.configuration.sizes.projection(before: place) else {
                continue
            }
            sink.outputStrengths[.block(place.block, slot)] = buffer
        }
        let gradients = StreamGradients(pass)
        let found = pass.lossesOnLogits(choices + rest, gradients: gradients)
        sums.losses.faithfulness += share * found.dropFirst(choices.count).reduce(0, +)
        pass.backward(gradients, into: sink)
        for (index, buffer) in buffers.enumerated() {
            sums.gradient[index] += Double(beta) * Double(buffer.floats[0])
        }
    }
}
