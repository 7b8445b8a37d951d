package import Formats
package import Transformer

/// Finding a behaviour direction in a model by contrast pairs.
package struct Extraction: Sendable {
    /// What to look for and how.
    package struct Options: Sendable {
        package var method: ExtractionMethod
        package var position: Position
        package var site: Site
        /// Nil: all.
        package var blocks: [Int]?
        package var normalization: Normalization
        /// What the directions shall have nothing of.
        package var nuisance: Nuisance

        package init(
            method: ExtractionMethod = .mean, position: Position = .index(-1),
            site: Site = .residPost,
            blocks: [Int]? = nil, normalization: Normalization = .none, nuisance: Nuisance = .none
        ) {
            self.method = method
            self.position = position
            self.site = site
            self.blocks = blocks
            self.normalization = normalization
            self.nuisance = nuisance
        }

        /// The blocks that a model of these sizes is looked at in.
        ///
        /// - Throws: `VectorError.noSuchBlock` for one that it does not have.
        func wantedBlocks(_ sizes: Hyperparameters) throws(VectorError) -> [Int] {
            let wanted = site == .embed ? [0] : blocks ?? Array(0..<sizes.blockCount)
            if let outside = wanted.first(where: { $0 >= sizes.blockCount || $0 < 0 }) {
                throw .noSuchBlock(
                    file: "--blocks", block: outside, blockCount: sizes.blockCount)
            }
            return wanted
        }
    }

    /// What was found in one block.
    package struct BlockResult: Sendable {
        package let block: Int
        /// Length of the direction before normalisation: the mean projection of the differences on it.
        package let length: Double
        /// Mean norm of the activations.
        package let activationNorm: Double
        /// Share of pairs whose difference points along the direction, by more than rounding; nil for one pair, which
        /// always does.
        package let signAgreement: Double?
        /// The share of the direction's length that projecting nuisance directions out took; nil where the block has
        /// none.
        package let lengthLost: Double?
        /// On pairs held out by cross-validation; nil where there is only one pair.
        package let heldOut: Separation?
        /// What that was measured from: each pair's sides projected on the direction found without its group, in the
        /// order of the pairs; empty where `heldOut` is nil.
        package let heldOutPairs: [ProjectedPair]
    }

    /// The two sides of a pair along a direction, in the unit of the activations.
    package struct ProjectedPair: Sendable {
        package let positive: Double
        package let negative: Double
    }

    package let vector: SteeringVector
    package let blocks: [BlockResult]
    package let tokenCount: Int
    /// How many pairs the directions are of: those whose sides differ up to the tokens compared.
    package var pairCount: Int { places.count }
    /// Where each of these pairs was written down.
    package let places: [String]
    /// How many lines of a file they come from: pairs of one line do not tell twice.
    package let groupCount: Int

    /// The number of folds of the cross-validation.
    package static let folds = 5

    /// Activations held at a time, in bytes: where more are wanted, the prompts run again for the rest.
    package static let standardSampleBytes = 1 << 30

    /// Extracts a vector.
    ///
    /// - Parameters:
    ///   - prompts: the tokens of each pair's two sides.
    ///   - base: the model, kept in the vector.
    ///   - progress: called with tokens done and tokens in all.
    /// - Throws: `VectorError.noSuchBlock`, `PromptError.noSuchToken`, `ExtractionError.identicalPairs` where no pair's
    ///   sides differ, `.noDirection` and `.onlyRounding` where they do not differ in a block; what the decoder throws.
    package init(
        decoder: Decoder, crew: WorkCrew,
        prompts: [(positive: TokenSequence, negative: TokenSequence)], options: Options,
        base: BaseIdentity, progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let found = try Self.extractions(
            at: [options.position], decoder: decoder, crew: crew, prompts: prompts,
            options: options, base: base, progress: progress)
        guard let only = found.first else { throw ExtractionError.noPairs }
        self = only
    }

    private init(
        vector: SteeringVector, blocks: [BlockResult], tokenCount: Int, places: [String],
        groupCount: Int
    ) {
        self.vector = vector
        self.blocks = blocks
        self.tokenCount = tokenCount
        self.places = places
        self.groupCount = groupCount
    }

    /// Extracts a vector at each of some positions.
    ///
    /// - Parameters: as of `init`, the position of the options aside.
    /// - Throws: as `init`.
    package static func extractions(
        at positions: [Position], decoder: Decoder, crew: WorkCrew,
        prompts: [(positive: TokenSequence, negative: TokenSequence)], options: Options,
        base: BaseIdentity, sampleBytes: Int = standardSampleBytes,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [Extraction] {
        let sizes = decoder.configuration.sizes
        let wanted = try options.wantedBlocks(sizes)
        guard !prompts.isEmpty else { throw ExtractionError.noPairs }
        let distinct = try positions.map { try distinctPairs(prompts, at: $0) }
        let recorder = ActivationRecorder(decoder: decoder, site: options.site, blocks: wanted)
        let sides = prompts.map(\.positive) + prompts.map(\.negative)
        let tokenCount = sides.reduce(0) { $0 + $1.tokens.count }
        let bytesPerPosition = sides.count * wanted.count * sizes.hiddenSize * 4
        let together = max(1, sampleBytes / max(bytesPerPosition, 1))
        let groups = stride(from: 0, to: positions.count, by: together).map {
            positions[$0..<min(positions.count, $0 + together)]
        }
        return try groups.enumerated().flatMap { run, group in
            let activations = try recorder.activations(at: Array(group), of: sides) { done, total in
                progress((run * total + done) / groups.count, total)
            }
            return try zip(group.indices, activations).map { index, samples in
                var options = options
                options.position = positions[index]
                let chosen = distinct[index]
                return try Extraction(
                    samples.mapValues { $0.pairs(chosen) },
                    groups: Self.groups(of: chosen.map { prompts[$0] }),
                    places: chosen.map { prompts[$0].positive.place }, blocks: wanted,
                    tokenCount: tokenCount,
                    options: options, crew: crew, base: base)
            }
        }
    }

    /// Finds the direction of every block.
    ///
    /// - Parameters:
    ///   - samples: by block, the positive sides and then the negative ones.
    ///   - groups: by pair: pairs of one group are held out together.
    ///   - places: by pair, where it was written down.
    init(
        _ samples: [Int: SampleMatrix], groups: [Int], places: [String], blocks wanted: [Int],
        tokenCount: Int, options: Options, crew: WorkCrew, base: BaseIdentity
    ) throws {
        let folds = Self.folds
        let found = crew.map(wanted.count) { index in
            samples[wanted[index]].map {
                BlockAnalysis($0, groups: groups, block: wanted[index], options: options)
                    .outcome(folds: folds)
            }
        }
        var directions: [Int: [Float]] = [:]
        var results: [BlockResult] = []
        for (index, block) in wanted.enumerated() {
            switch found[index] {
            case .found(let result, let direction):
                results.append(result)
                directions[block] = direction
            case .nothingLeft:
                throw ExtractionError.nothingLeft(block: block, position: options.position)
            case .onlyRounding(let length, let floor, let norm):
                throw ExtractionError.onlyRounding(
                    block: block, position: options.position, length: length, floor: floor,
                    streamNorm: norm)
            case .noDirection, nil:
                throw ExtractionError.noDirection(block: block, position: options.position)
            }
        }
        func byBlock(_ value: (BlockResult) -> Double) -> [Int: Float] {
            Dictionary(uniqueKeysWithValues: results.map { ($0.block, Float(value($0))) })
        }
        let isProjected = !options.nuisance.names.isEmpty
        self.init(
            vector: SteeringVector(
                site: options.site, directions: directions,
                provenance: SteeringVector.Provenance(
                    modelHint: base.modelHint, method: options.method.rawValue,
                    token: options.method == .latent ? nil : options.position.text,
                    normalization: options.normalization.rawValue,
                    baseName: base.name, baseHash: base.hash, baseSample: base.sample,
                    pairCount: groups.count,
                    projectedOut: options.nuisance.names,
                    lengthLost: isProjected ? byBlock { $0.lengthLost ?? 0 } : [:],
                    signAgreement: groups.count > 1 ? byBlock { $0.signAgreement ?? 0 } : [:],
                    // Of latent vectors it is the length of what was sought, not of the stream.
                    activationNorm: options.method == .latent ? [:] : byBlock(\.activationNorm))),
            blocks: results, tokenCount: tokenCount, places: places,
            groupCount: Set(groups).count)
    }
}
