package import Formats
package import Transformer

/// How factors of sub-layers' outputs are learned.
package struct ScalingOptions: Sendable, Hashable {
    /// Nil: all of the model.
    package var blocks: [Int]?
    package var subLayers = ActivationScaling.SubLayer.allCases
    /// By how many nats the wanted choice is to lead, and with β = −1 to lag.
    package var margin = 5.0
    package var faithfulness = 10.0
    package var minimality = 0.3
    package var steps = 100
    package var learningRate = 0.02
    package var batch = 8
    /// Windows of ordinary text a step.
    package var textsPerStep = 2
    package var seed: UInt64 = 0

    /// Tokens of a window of ordinary text.
    package static let windowLength = 64
    /// The share of the probes, and of the text's windows, that is kept from learning.
    package static let heldOutShare = 0.25
    /// The fewest probes that can be divided.
    package static let fewestProbes = 4

    package init() {}
}

/// What is learned from and what is kept from it, by lot.
package struct ScalingSplit: Sendable, Hashable {
    package let learned: [Int]
    package let heldOut: [Int]

    /// - Parameters:
    ///   - count: at least two, or there is nothing to keep.
    ///   - stream: tells splits with the same seed apart.
    package init(of count: Int, seed: UInt64, stream: UInt64) {
        var order = SeededOrder(count: count, seed: seed, stream: stream)
        let kept = count < 2 ? 0 : max(1, Int(Double(count) * ScalingOptions.heldOutShare))
        let places = (0..<count).map { order.index(at: $0) }
        heldOut = places.prefix(kept).sorted()
        learned = places.dropFirst(kept).sorted()
    }

    package static let probes: UInt64 = 11
    package static let texts: UInt64 = 12
}

/// Learns the factors: AdamW without decay on the smooth loss, and the ℓ1 norm's minimality orthant-wise (Andrew and Gao
/// 2007): a factor moves by the least of the gradients there are at its place, stays at 0 while that is 0, and stops at 0
/// where a step would carry it to the other side. Factors therefore become 0 exactly.
package struct ScalingTraining {
    /// A step's losses, before it was made.
    package struct Step: Sendable, Hashable {
        package let losses: ScalingObjective.Losses
        /// Σ |α|
        package let size: Double
        package let total: Double
        package let nonZero: Int
    }

    private let objective: ScalingObjective
    private let options: ScalingOptions
    private let probes: [ScalingProbe]
    private let texts: [[Int]]
    private let parameters: [TunedParameter]
    private let optimizer: AdamW

    package var places: [StreamSite] { objective.places }

    /// - Parameters:
    ///   - probes: those that are learned from; at least one.
    ///   - texts: windows of ordinary text; none to keep to the probes' prompts.
    /// - Throws: `ForwardError.interventionBlock` for a block that the model has not, `TrainingError.nothingToTune` where
    ///   nothing is left to learn; what the decoder throws.
    package init(
        _ decoder: Decoder, file: String, probes: [ScalingProbe], texts: [[Int]],
        options: ScalingOptions, crew: WorkCrew
    ) throws {
        let count = decoder.configuration.sizes.blockCount
        let blocks = options.blocks ?? Array(0..<count)
        if let outside = blocks.first(where: { !(0..<count).contains($0) }) {
            throw ForwardError.interventionBlock(block: outside, blockCount: count)
        }
        let sites = ActivationScaling.SubLayer.allCases.filter(options.subLayers.contains)
        let places = blocks.flatMap { block in
            sites.map { StreamSite(site: $0.site, block: block) }
        }
        guard !places.isEmpty, !probes.isEmpty else {
            throw TrainingError.nothingToTune(file: file)
        }
        objective = try ScalingObjective(
            decoder, places: places, margin: options.margin, faithfulness: options.faithfulness)
        self.options = options
        self.probes = probes
        self.texts = texts
        let sizes = decoder.configuration.sizes
        parameters = places.compactMap { place in
            sizes.projection(before: place).map { slot in
                TunedParameter(
                    .block(place.block, slot), .whole, shape: [1], values: FloatBuffer(count: 1))
            }
        }
        optimizer = AdamW(
            parameters, options: AdamW.Options(weightDecay: 0), crew: crew)
    }

    /// Makes all steps.
    ///
    /// - Parameter report: called with every step's number and losses.
    /// - Returns: the α of `places`.
    /// - Throws: `ScalingError.diverged` where a loss is no number; what the decoder throws.
    package func run(report: (Int, Step) -> Void = { _, _ in }) throws -> [Float] {
        var order = BatchOrder(
            exampleCount: probes.count, batchSize: options.batch, textCount: texts.count,
            textsPerStep: options.textsPerStep, seed: options.seed)
        let schedule = LearningRateSchedule(.linear)
        for step in 0..<options.steps {
            let chosen = order.batch(at: step)
            let batch = ScalingObjective.Batch(
                probes: chosen.examples.map { probes[$0] }, texts: chosen.texts.map { texts[$0] })
            let alphas = parameters.map { $0.values.floats[0] }
            let (losses, gradient) = try objective.gradient(of: batch, at: alphas)
            let size = alphas.reduce(0) { $0 + Double(abs($1)) }
            let total =
                losses.total(faithfulness: options.faithfulness) + options.minimality * size
            guard total.isFinite, gradient.allSatisfy(\.isFinite) else {
                throw ScalingError.diverged(step: step)
            }
            report(
                step,
                Step(
                    losses: losses, size: size, total: total,
                    nonZero: alphas.count { $0 != 0 }))
            let rate = options.learningRate * schedule.factor(step: step, of: options.steps)
            update(alphas, gradient, learningRate: rate)
        }
        return parameters.map { $0.values.floats[0] }
    }

    private func update(_ alphas: [Float], _ gradient: [Double], learningRate: Double) {
        let least = zip(alphas, gradient).map { leastGradient($1, at: $0) }
        for (parameter, gradient) in zip(parameters, least) {
            parameter.gradient.floats[0] = Float(gradient)
        }
        optimizer.update(learningRates: parameters.map { _ in [learningRate] })
        for (index, parameter) in parameters.enumerated() {
            let side = alphas[index] != 0 ? Double(alphas[index]) : -least[index]
            if Double(parameter.values.floats[0]) * side <= 0 { parameter.values.floats[0] = 0 }
        }
    }

    /// The least of the gradients of the loss and λ |α| that there are at an α.
    private func leastGradient(_ gradient: Double, at alpha: Float) -> Double {
        let weight = options.minimality
        if alpha != 0 { return gradient + (alpha > 0 ? weight : -weight) }
        return gradient > weight
            ? gradient - weight : gradient < -weight ? gradient + weight : 0
    }
}
