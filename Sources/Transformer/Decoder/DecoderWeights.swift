package import Formats

/// A projection: a matrix, and a bias where the checkpoint has one.
package struct Projection: Sendable {
    /// Which weight the matrix is.
    package let role: WeightRole
    /// (outputs, inputs)
    package let weight: WeightMatrix
    /// (outputs)
    package let bias: FloatBuffer?
    /// A low-rank update beside the matrix.
    package let adapter: LowRankAdapter?
}

/// A norm: what normalised rows are multiplied by, and for layer norms what is added.
package struct NormWeights: Sendable {
    package let weight: FloatBuffer
    package let bias: FloatBuffer?
}

/// The weights of one block. Norms that the family does not have are nil.
package struct BlockWeights: Sendable {
    package let index: Int
    /// Before the mixer.
    package let attentionNorm: NormWeights?
    package let mixer: MixerWeights
    /// Of what the mixer adds to the stream.
    package let attentionPostNorm: NormWeights?
    package let feedForwardNorm: NormWeights?
    /// Which norm that is: attention's where a parallel block has no other.
    package let feedForwardNormSlot: BlockSlot
    package let feedForward: FeedForwardWeights
    /// Of what the feed-forward part adds to the stream.
    package let feedForwardPostNorm: NormWeights?
    /// What makes use of the block's own input.
    package let perLayerInput: PerLayerInputWeights?
    /// What the stream is multiplied by in the end; nil where it is not.
    package let outputScale: Float?
}

/// The weights of a whole decoder.
///
/// Matrices stay in the file's type, mapped, unless the source holds them in memory; vectors are copied.
package struct DecoderWeights: Sendable {
    /// (vocabulary, hidden size)
    package let embedding: WeightMatrix
    /// (positions, hidden size), added to the embeddings; nil where positions are rotations.
    package let positions: WeightMatrix?
    package let blocks: [BlockWeights]
    /// What makes the blocks' own inputs; nil where they have none.
    package let perLayer: PerLayerWeights?
    package let outputNorm: NormWeights
    /// (vocabulary, hidden size): the checkpoint's own, else the embedding.
    ///
    /// Its role is the embedding's where the two are tied.
    package let head: Projection

    /// Takes every weight from the source and checks its presence and shape.
    ///
    /// - Throws: `DecoderError.missingWeight`, `.wrongShape`, and what the source throws.
    package init(_ source: some WeightSource, _ configuration: DecoderConfiguration) throws {
        let sizes = configuration.sizes
        let loader = WeightLoader(source: source, configuration: configuration)
        embedding = try loader.matrix(
            WeightRole(.tokenEmbedding), rows: sizes.vocabularySize, columns: sizes.hiddenSize)
        positions =
            configuration.positions == .learned
            ? try loader.matrix(
                WeightRole(.positionEmbedding), rows: sizes.contextLength,
                columns: sizes.hiddenSize) : nil
        perLayer = try loader.perLayer()
        outputNorm = try loader.norm(.outputNorm, count: sizes.hiddenSize)
        // As transformers does, a head of its own wins over a flag that says it is tied.
        let output = WeightRole(.output)
        let ownHead = try loader.optionalMatrix(
            output, rows: sizes.vocabularySize, columns: sizes.hiddenSize)
        guard ownHead != nil || sizes.tiesEmbeddings else {
            throw DecoderError.missingWeight(file: source.path, role: output)
        }
        head = Projection(
            role: ownHead == nil ? WeightRole(.tokenEmbedding) : output,
            weight: ownHead ?? embedding,
            bias: try loader.optionalVector(
                WeightRole(.output, .bias), count: sizes.vocabularySize),
            adapter: nil)
        var blocks: [BlockWeights] = []
        for index in 0..<sizes.blockCount {
            blocks.append(try loader.block(index))
        }
        self.blocks = blocks
    }
}

/// Fetches weights by role and refuses those that do not fit.
private struct WeightLoader<Source: WeightSource> {
    let source: Source
    let configuration: DecoderConfiguration

    func block(_ index: Int) throws -> BlockWeights {
        let normSlot = try feedForwardNormSlot(index)
        return BlockWeights(
            index: index,
            attentionNorm: try optionalNorm(index, .attentionNorm),
            mixer: try mixer(index),
            attentionPostNorm: try optionalNorm(index, .attentionPostNorm),
            feedForwardNorm: try optionalNorm(index, normSlot),
            feedForwardNormSlot: normSlot,
            feedForward: try feedForward(index),
            feedForwardPostNorm: try optionalNorm(index, .feedForwardPostNorm),
            perLayerInput: try perLayerInput(index),
            outputScale: try optionalVector(.block(index, .outputScale), count: 1)?.values.first)
    }

    func perLayer() throws -> PerLayerWeights? {
        let sizes = configuration.sizes
        guard let width = sizes.perLayerInputSize else { return nil }
        let all = width * sizes.blockCount
        let role = WeightRole(.perLayerProjection)
        return PerLayerWeights(
            embedding: try matrix(
                WeightRole(.perLayerEmbedding), rows: sizes.vocabularySize, columns: all),
            projection: Projection(
                role: role, weight: try matrix(role, rows: all, columns: sizes.hiddenSize),
                bias: nil, adapter: try source.adapter(role)),
            norm: try norm(.perLayerProjectionNorm, count: width))
    }

    private func perLayerInput(_ index: Int) throws -> PerLayerInputWeights? {
        guard let width = configuration.sizes.perLayerInputSize else { return nil }
        let hidden = configuration.sizes.hiddenSize
        return PerLayerInputWeights(
            gate: try projection(index, .perLayerGate, rows: width, columns: hidden),
            output: try projection(index, .perLayerOutput, rows: hidden, columns: width),
            norm: try norm(.block(index, .perLayerNorm), count: hidden))
    }

    private func feedForwardNormSlot(_ index: Int) throws -> BlockSlot {
        let own = BlockSlot.feedForwardNorm
        guard configuration.sizes.isParallel, try source.vector(.block(index, own)) == nil else {
            return own
        }
        return .attentionNorm
    }

    private func mixer(_ index: Int) throws -> MixerWeights {
        switch configuration.sizes.kind(ofBlock: index).mixer {
        case .attention: .attention(try attention(index))
        case .shortConvolution: .shortConvolution(try shortConvolution(index))
        case .deltaNet: .deltaNet(try deltaNet(index))
        }
    }

    private func attention(_ index: Int) throws -> AttentionWeights {
        let hidden = configuration.sizes.hiddenSize
        let sizes = configuration.sizes(ofBlock: index)
        let (query, keyValue) = (sizes.queryWidth, sizes.keyValueWidth)
        return AttentionWeights(
            heads: try heads(index),
            queryNorm: try headNorm(index, .attentionQueryNorm, width: query),
            keyNorm: try headNorm(index, .attentionKeyNorm, width: keyValue),
            sinks: configuration.slots(ofBlock: index).contains(.attentionSinks)
                ? try vector(
                    .block(index, .attentionSinks), count: configuration.sizes.headCount) : nil,
            valueNorm: configuration.normsValues
                ? NormWeights(
                    weight: FloatBuffer([Float](repeating: 1, count: sizes.headSize)), bias: nil)
                : nil,
            keySource: configuration.sizes.kind(ofBlock: index).keySource,
            output: try projection(index, .attentionOutput, rows: hidden, columns: query))
    }

    private func shortConvolution(_ index: Int) throws -> ShortConvolutionWeights {
        let hidden = configuration.sizes.hiddenSize
        let shape = ConvolutionShape(
            channels: hidden, taps: configuration.sizes.convolutionLength ?? 1)
        return ShortConvolutionWeights(
            input: try projection(index, .convolutionInput, rows: 3 * hidden, columns: hidden),
            taps: try vector(.block(index, .convolutionTaps), count: hidden * shape.taps),
            bias: try optionalVector(.block(index, .convolutionTaps, .bias), count: hidden),
            shape: shape,
            output: try projection(index, .convolutionOutput, rows: hidden, columns: hidden))
    }

    private func deltaNet(_ index: Int) throws -> DeltaNetWeights {
        let hidden = configuration.sizes.hiddenSize
        let shape = configuration.deltaRule
        let (width, values, heads) = (
            configuration.sizes.deltaNet?.width ?? 0, shape.valueWidth, shape.valueHeads
        )
        let taps = configuration.sizes.deltaNet?.taps ?? 0
        return DeltaNetWeights(
            inputs: try deltaInputs(index, width: width, values: values),
            rates: try deltaRates(index, heads: heads),
            taps: try vector(.block(index, .deltaTaps), count: width * taps),
            rate: try vector(.block(index, .deltaRate), count: heads),
            decayBias: try vector(.block(index, .deltaDecayBias), count: heads),
            norm: try norm(WeightRole.block(index, .deltaNorm).slot, count: shape.valueSize),
            output: try projection(index, .deltaOutput, rows: hidden, columns: values))
    }

    private func deltaInputs(
        _ index: Int, width: Int, values: Int
    ) throws -> DeltaNetWeights.Inputs {
        let hidden = configuration.sizes.hiddenSize
        let fused = BlockSlot.deltaQueryKeyValueGate
        guard !configuration.slots.contains(fused) else {
            return .fused(
                try projection(index, fused, rows: width + values, columns: hidden))
        }
        return .separate(
            queryKeyValue: try projection(
                index, .deltaQueryKeyValue, rows: width, columns: hidden),
            gate: try projection(index, .deltaGate, rows: values, columns: hidden))
    }

    private func deltaRates(_ index: Int, heads: Int) throws -> DeltaNetWeights.Rates {
        let hidden = configuration.sizes.hiddenSize
        guard !configuration.slots.contains(.deltaStrengthDecay) else {
            return .fused(
                try projection(index, .deltaStrengthDecay, rows: 2 * heads, columns: hidden))
        }
        return .separate(
            decay: try projection(index, .deltaDecay, rows: heads, columns: hidden),
            strength: try projection(index, .deltaStrength, rows: heads, columns: hidden))
    }

    private func heads(_ index: Int) throws -> HeadWeights {
        let hidden = configuration.sizes.hiddenSize
        let sizes = configuration.sizes(ofBlock: index)
        let (query, keyValue) = (sizes.queryWidth, sizes.keyValueWidth)
        if configuration.slots(ofBlock: index).contains(.attentionQueryKeyValue) {
            return .fused(
                try projection(
                    index, .attentionQueryKeyValue, rows: query + 2 * keyValue, columns: hidden))
        }
        if configuration.slots(ofBlock: index).contains(.attentionQueryGate) {
            return .gated(
                queryGate: try projection(
                    index, .attentionQueryGate, rows: 2 * query, columns: hidden),
                key: try projection(index, .attentionKey, rows: keyValue, columns: hidden),
                value: try projection(index, .attentionValue, rows: keyValue, columns: hidden))
        }
        let kind = configuration.sizes.kind(ofBlock: index)
        let queries = try projection(index, .attentionQuery, rows: query, columns: hidden)
        guard kind.keySource == nil else { return .queries(queries) }
        let keys = try projection(index, .attentionKey, rows: keyValue, columns: hidden)
        guard !kind.valuesAreKeys else { return .valuesAreKeys(query: queries, key: keys) }
        return .separate(
            query: queries, key: keys,
            value: try projection(index, .attentionValue, rows: keyValue, columns: hidden))
    }

    private func feedForward(_ index: Int) throws -> FeedForwardWeights {
        let hidden = configuration.sizes.hiddenSize
        let width = configuration.sizes(ofBlock: index).feedForwardSize
        let slots = configuration.slots(ofBlock: index)
        if let experts = configuration.sizes.experts(ofBlock: index) {
            return .mixture(try mixture(index, experts))
        }
        let down = try projection(index, .feedForwardDown, rows: hidden, columns: width)
        if slots.contains(.feedForwardGateUp) {
            let gateUp = try projection(
                index, .feedForwardGateUp, rows: 2 * width, columns: hidden)
            return .fusedGated(gateUp: gateUp, down: down)
        }
        let up = try projection(index, .feedForwardUp, rows: width, columns: hidden)
        guard slots.contains(.feedForwardGate) else { return .plain(up: up, down: down) }
        let gate = try projection(index, .feedForwardGate, rows: width, columns: hidden)
        return .gated(gate: gate, up: up, down: down)
    }

    private func mixture(_ index: Int, _ experts: Experts) throws -> MixtureWeights {
        let (hidden, width) = (configuration.sizes.hiddenSize, experts.feedForwardSize)
        let choiceBias = WeightRole.block(index, .expertChoiceBias)
        return MixtureWeights(
            router: try projection(index, .expertRouter, rows: experts.count, columns: hidden),
            choiceBias: configuration.slots.contains(.expertChoiceBias)
                ? try vector(choiceBias, count: experts.count) : nil,
            experts: try (0..<experts.count).map { expert in
                ExpertWeights(
                    inner: try inner(index, expert, width: width),
                    down: try projection(
                        index, .expertDown, rows: hidden, columns: width, expert: expert))
            },
            shared: experts.isBesideDense
                ? try dense(index)
                : try experts.sharedFeedForwardSize.map { try shared(index, width: $0) },
            ownNorms: experts.isBesideDense ? try mixtureNorms(index, experts.count) : nil)
    }

    private func mixtureNorms(_ index: Int, _ experts: Int) throws -> MixtureNorms {
        let hidden = configuration.sizes.hiddenSize
        return MixtureNorms(
            router: try norm(.block(index, .expertRouterNorm), count: hidden),
            experts: try norm(.block(index, .expertNorm), count: hidden),
            expertsOutput: try norm(.block(index, .expertPostNorm), count: hidden),
            denseOutput: try norm(.block(index, .densePostNorm), count: hidden),
            scale: try vector(.block(index, .expertScale), count: experts))
    }

    /// The block's dense part as one that every token goes through beside its experts.
    private func dense(_ index: Int) throws -> SharedExpertWeights {
        let hidden = configuration.sizes.hiddenSize
        let width = configuration.sizes(ofBlock: index).feedForwardSize
        return SharedExpertWeights(
            unit: ExpertWeights(
                inner: .separate(
                    gate: try projection(index, .feedForwardGate, rows: width, columns: hidden),
                    up: try projection(index, .feedForwardUp, rows: width, columns: hidden)),
                down: try projection(index, .feedForwardDown, rows: hidden, columns: width)),
            router: nil)
    }

    private func inner(_ index: Int, _ expert: Int, width: Int) throws -> ExpertWeights.Inner {
        let hidden = configuration.sizes.hiddenSize
        let fused = [BlockSlot.expertGateUp, .expertGateUpByTurns]
        if let slot = fused.first(where: configuration.slots.contains) {
            return .fused(
                try projection(index, slot, rows: 2 * width, columns: hidden, expert: expert))
        }
        return .separate(
            gate: try projection(index, .expertGate, rows: width, columns: hidden, expert: expert),
            up: try projection(index, .expertUp, rows: width, columns: hidden, expert: expert))
    }

    private func shared(_ index: Int, width: Int) throws -> SharedExpertWeights {
        let hidden = configuration.sizes.hiddenSize
        return SharedExpertWeights(
            unit: ExpertWeights(
                inner: .separate(
                    gate: try projection(index, .sharedExpertGate, rows: width, columns: hidden),
                    up: try projection(index, .sharedExpertUp, rows: width, columns: hidden)),
                down: try projection(index, .sharedExpertDown, rows: hidden, columns: width)),
            router: configuration.slots.contains(.sharedExpertRouter)
                ? try projection(index, .sharedExpertRouter, rows: 1, columns: hidden) : nil)
    }

    private func projection(
        _ index: Int, _ slot: BlockSlot, rows: Int, columns: Int, expert: Int? = nil
    ) throws -> Projection {
        let role = WeightRole(.block(index, slot), expert: expert)
        return Projection(
            role: role,
            weight: try matrix(role, rows: rows, columns: columns),
            bias: try optionalVector(WeightRole(role.slot, .bias, expert: expert), count: rows),
            adapter: try source.adapter(role))
    }

    private func optionalNorm(_ index: Int, _ slot: BlockSlot) throws -> NormWeights? {
        guard configuration.slots(ofBlock: index).contains(slot) else { return nil }
        return try norm(.block(index, slot), count: configuration.sizes.hiddenSize)
    }

    /// A norm of queries or keys, whose weight acts on each head or on all together.
    private func headNorm(
        _ index: Int, _ slot: BlockSlot, width: Int
    ) throws -> NormWeights? {
        guard configuration.slots(ofBlock: index).contains(slot) else { return nil }
        let role = WeightRole.block(index, slot)
        let found = try source.vector(role)?.count
        return try norm(
            role.slot,
            count: found == width ? width : configuration.sizes(ofBlock: index).headSize)
    }

    func norm(_ slot: WeightRole.Slot, count: Int) throws -> NormWeights {
        NormWeights(
            weight: try vector(WeightRole(slot), count: count),
            bias: try optionalVector(WeightRole(slot, .bias), count: count))
    }

    func matrix(_ role: WeightRole, rows: Int, columns: Int) throws -> WeightMatrix {
        guard let matrix = try optionalMatrix(role, rows: rows, columns: columns) else {
            throw DecoderError.missingWeight(file: source.path, role: role)
        }
        return matrix
    }

    func optionalMatrix(_ role: WeightRole, rows: Int, columns: Int) throws -> WeightMatrix? {
        guard let matrix = try source.matrix(role) else { return nil }
        try check(role, expected: [rows, columns], found: [matrix.rows, matrix.columns])
        return matrix
    }

    func vector(_ role: WeightRole, count: Int) throws -> FloatBuffer {
        guard let vector = try optionalVector(role, count: count) else {
            throw DecoderError.missingWeight(file: source.path, role: role)
        }
        return vector
    }

    func optionalVector(_ role: WeightRole, count: Int) throws -> FloatBuffer? {
        guard let vector = try source.vector(role) else { return nil }
        try check(role, expected: [count], found: [vector.count])
        return vector
    }

    private func check(_ role: WeightRole, expected: [Int], found: [Int]) throws(DecoderError) {
        guard expected == found else {
            throw .wrongShape(
                file: source.path, tensor: source.name(of: role), expected: expected, found: found)
        }
    }
}
