import Formats
import Transformer

/// The models of a verification, run side by side on the same tokens, some positions at a time: what is held in memory
/// does not grow with a text, but for the keys and values of the runs.
struct ComparedModels {
    /// The base as it is.
    let base: Decoder
    /// The base with its weights rounded as the edited file has them; nil where nothing is rounded.
    let rounded: Decoder?
    /// The same with the weights in place of those that hold the edit rounded as those are; nil where none is.
    let noisy: Decoder?
    let edited: Decoder
    let interventions: [Intervention]

    /// The most numbers of one run that are held at a time.
    private static let numbersPerPart = 1 << 25

    /// What the edited model is held against.
    var reference: Decoder { rounded ?? base }

    /// - Parameter weights: what the tensors of the edited file are.
    init(
        base: Checkpoint, edited: Checkpoint, weights: WeightComparison,
        interventions: [Intervention], crew: WorkCrew
    ) throws {
        self.base = try Decoder(checkpoint: base, crew: crew)
        self.edited = try Decoder(checkpoint: edited, crew: crew)
        self.interventions = interventions
        guard weights.canStandForBase else {
            (rounded, noisy) = (nil, nil)
            return
        }
        var numbers = self.base.configuration.sizes
        numbers.tiesEmbeddings = self.edited.configuration.sizes.tiesEmbeddings
        let configuration = try DecoderConfiguration(
            numbers, architecture: edited.requireArchitecture(), format: edited.format,
            file: base.path)
        let expected = try ExpectedRows(interventions, self.base.configuration)
        func decoder(_ types: [WeightRole: ElementType]) throws -> Decoder {
            try Decoder(
                configuration,
                weights: RoundedWeights(
                    base: base, edited: edited, changed: weights.changedRoles, rounded: types,
                    expected: expected),
                crew: crew)
        }
        rounded = try decoder([:])
        let types = interventions.isEmpty ? [:] : weights.roundedTypes
        noisy = types.isEmpty ? nil : try decoder(types)
    }

    /// What the rounding of the matrices that hold the edit moves the steered model by; nil where none is rounded.
    func noise(on texts: [ComparedText]) throws -> StorageNoiseMeasurement? {
        guard let noisy else { return nil }
        var noise = StreamComparison(blockCount: base.configuration.sizes.blockCount)
        var effects = noise
        for text in texts where !text.isAddedForLength {
            let steered = try Trace(of: text.tokens, in: reference, interventions: interventions)
            let plain = try Trace(of: text.tokens, in: reference)
            let rounded = try Trace(of: text.tokens, in: noisy, interventions: interventions)
            noise.add(reference: steered, other: rounded)
            effects.add(reference: steered, other: plain)
        }
        return StorageNoiseMeasurement(noise: noise, effects: effects)
    }

    /// Compares the models on a text.
    ///
    /// - Parameter advance: called with the number of positions compared since.
    func compare(
        _ text: ComparedText, wrongs: [[Intervention]], into sums: inout ComparisonSums,
        advance: (Int) -> Void
    ) throws {
        let sizes = base.configuration.sizes
        let perToken = sizes.hiddenSize * (2 * sizes.blockCount + 1) + sizes.vocabularySize
        let step = max(8, min(512, Self.numbersPerPart / perToken))
        let isSteered = !interventions.isEmpty
        let nulled = interventions.map { intervention in
            var copy = intervention
            copy.strength = 0
            return copy
        }
        let keepsUnchanged = !sums.linear.isEmpty
        var runs = [
            Run(reference, interventions, keepsUnchanged: keepsUnchanged), Run(edited, []),
        ]
        if isSteered { runs.append(Run(reference, [])) }
        let controls =
            text.isAddedForLength
            ? [] : wrongs.map { Run(reference, $0) } + (isSteered ? [Run(reference, nulled)] : [])
        runs += controls
        let unrounded = rounded == nil ? nil : Run(base, interventions)
        let count = text.tokens.count
        for start in stride(from: 0, to: count, by: step) {
            let part = Array(text.tokens[start..<min(start + step, count)])
            let traces = try runs.map { try $0.trace(part, isWhole: part.count == count, count) }
            let (steered, found) = (traces[0], traces[1])
            let plain = isSteered ? traces[2] : steered
            sums.effects.add(reference: steered, other: plain)
            sums.errors.add(reference: steered, other: found)
            sums.additions.add(steered: steered, edited: found)
            sums.linear.add(steered: steered, edited: found)
            if let unrounded {
                let trace = try unrounded.trace(part, isWhole: part.count == count, count)
                sums.costs.add(reference: trace, other: found)
            }
            if !controls.isEmpty {
                let others = traces.suffix(controls.count)
                for (index, wrong) in others.prefix(wrongs.count).enumerated() {
                    sums.wrongs[index].add(reference: wrong, other: found)
                }
                if isSteered, let null = others.last {
                    sums.nullIsEqual = sums.nullIsEqual && null.entries == plain.entries
                }
            }
            advance(part.count)
        }
    }

    /// One decoder with its interventions, and what it has seen of the text.
    private struct Run {
        let decoder: Decoder
        let interventions: [Intervention]
        let keepsUnchanged: Bool
        let cache: SequenceCache

        init(
            _ decoder: Decoder, _ interventions: [Intervention], keepsUnchanged: Bool = false
        ) {
            self.decoder = decoder
            self.interventions = interventions
            self.keepsUnchanged = keepsUnchanged
            cache = SequenceCache(decoder.configuration)
        }

        func trace(_ tokens: [Int], isWhole: Bool, _ length: Int) throws -> Trace {
            try Trace(
                of: tokens, in: decoder, interventions: interventions,
                continuing: isWhole ? nil : cache, sequenceLength: length,
                keepsUnchanged: keepsUnchanged)
        }
    }
}

/// What the runs of a verification differ by, summed over the texts.
struct ComparisonSums {
    /// The steered base, rounded as the edited file is, against the edited model.
    var errors: StreamComparison
    /// The steered base against the plain one, both rounded as the edited file is.
    var effects: StreamComparison
    /// The steered base as it is against the edited model: what rounding costs.
    var costs: StreamComparison
    /// Each control against the edited model.
    var wrongs: [StreamComparison]
    var additions: AdditionSamples
    var linear: LinearSamples
    /// Whether the base with strength 0 had the plain base's bits.
    var nullIsEqual = true

    /// - Throws: `ForwardError` for interventions that do not fit the model.
    init(
        _ configuration: DecoderConfiguration, interventions: [Intervention],
        added: [Int: [Float]], wrongCount: Int
    ) throws(ForwardError) {
        errors = StreamComparison(blockCount: configuration.sizes.blockCount)
        effects = errors
        costs = errors
        wrongs = Array(repeating: errors, count: wrongCount)
        additions = AdditionSamples(added: added)
        linear = try LinearSamples(interventions, configuration)
    }

    /// The strengths found.
    ///
    /// - Parameters:
    ///   - storage: the unit roundoff of the type that holds the vectors
    ///   - rounding: what f32 leaves of the stream, as a share of its length
    func strengths(
        vectorStorage: Double, matrixStorage: Double, rounding: Double
    ) -> [StrengthRow] {
        let added = additions.measurements(storage: vectorStorage).sorted { $0.key < $1.key }
        return added.map { place, found in
            StrengthRow(operation: .add, block: place < 0 ? nil : place, measurement: found)
        } + linear.measurements(storage: matrixStorage, rounding: rounding)
    }
}

/// How far rounding moves a model: the base as it is against the base with its weights rounded, both with the edit.
package struct RoundingCost: Sendable {
    package let logits: LogitComparison
    /// The largest ‖Δ‖ / ‖stream‖ over all blocks and tokens.
    package let stream: Double

    init(_ costs: StreamComparison) {
        logits = costs.logits
        stream = costs.blocks.map(\.largestRelative).max() ?? 0
    }
}

/// How far rounding the matrices that hold an edit moves the steered base, measured by rounding the base's.
struct StorageNoiseMeasurement {
    /// The largest ‖Δ‖ / ‖stream‖, and of the logits.
    let relative: Double
    /// The largest share of what steering changes, block by block, in medians, and over all logits.
    let effectShare: Double

    init(noise: StreamComparison, effects: StreamComparison) {
        relative = max(
            noise.blocks.map(\.largestRelative).max() ?? 0, noise.logits.relative)
        let shares = zip(noise.blocks, effects.blocks).compactMap { noise, effect in
            effect.medianDistance > 0 ? noise.medianDistance / effect.medianDistance : nil
        }
        let squares = (noise.logits.squaredDifference, effects.logits.squaredDifference)
        let logits = squares.1 > 0 ? (squares.0 / squares.1).squareRoot() : 0
        effectShare = max(shares.max() ?? 0, logits)
    }
}
