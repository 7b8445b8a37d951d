/// What a weight is for, whatever a file calls it. The one vocabulary of weights.
package struct WeightRole: Hashable, Sendable, CustomStringConvertible {
    /// Where in the model the weight stands.
    package enum Slot: Hashable, Sendable {
        case tokenEmbedding
        /// Learned positions, added to the token embeddings.
        case positionEmbedding
        case outputNorm
        /// The head that turns the last hidden state into logits; absent where it is tied to the embedding.
        case output
        /// Per-dimension divisors of the rotary frequencies (Llama 3's scaling as llama.cpp stores it).
        case ropeFrequencies
        /// The two lists of divisors of Phi-3's long rope, as llama.cpp stores them.
        case ropeFactorsLong
        case ropeFactorsShort
        /// For each token what every block gets beside the stream: rows of all blocks' inputs, one after the other.
        case perLayerEmbedding
        /// Makes another part of those inputs from the stream before the first block.
        case perLayerProjection
        /// The norm of each block's part of it.
        case perLayerProjectionNorm
        /// A weight of the block with this 0-based index.
        case block(Int, BlockSlot)
    }

    /// Which of a layer's tensors it is.
    package enum Part: String, Hashable, Sendable {
        case weight, bias
        /// What a GGUF file's matrix is multiplied by, one number for each expert: that of NVFP4, whose blocks' own scales
        /// are narrow.
        case scale
        /// What hardware that multiplies NVFP4 by NVFP4 divides activations by first; arithmetic in f32 does not need it.
        case inputScale = "input_scale"

        /// Whether it holds values of the layer and not what belongs to their storage.
        package var isOfValues: Bool { self == .weight || self == .bias }
    }

    package let slot: Slot
    package let part: Part
    /// Which expert's matrix, where it is one of those of an expert slot; nil for all of them together.
    package let expert: Int?

    package init(_ slot: Slot, _ part: Part = .weight, expert: Int? = nil) {
        self.slot = slot
        self.part = part
        self.expert = expert
    }

    /// A weight of a block.
    package static func block(_ index: Int, _ slot: BlockSlot, _ part: Part = .weight) -> WeightRole
    {
        WeightRole(.block(index, slot), part)
    }

    /// The matrix in which experts' gate or up matrices may lie together by turns.
    var fusedExperts: WeightRole? {
        switch slot {
        case .block(let block, .expertGate), .block(let block, .expertUp):
            .block(block, .expertGateUpByTurns, part)
        default: nil
        }
    }

    /// The same weight of all experts together.
    package var ofAllExperts: WeightRole { WeightRole(slot, part) }

    /// The block the weight belongs to, or nil.
    package var block: Int? { if case .block(let index, _) = slot { index } else { nil } }

    /// The block whose input is the first stream that the weight changes the way to: −1 for what makes the embeddings,
    /// its own block's number inside a block, nil for what stands above the blocks.
    package var depth: Int? {
        switch slot {
        case .tokenEmbedding, .positionEmbedding, .perLayerEmbedding, .perLayerProjection,
            .perLayerProjectionNorm:
            -1
        case .block(let index, _): index
        case .output, .outputNorm, .ropeFrequencies, .ropeFactorsLong, .ropeFactorsShort: nil
        }
    }

    package var description: String {
        let place =
            switch slot {
            case .block(let index, let slot): "block \(index) \(slot.rawValue)"
            default: "\(slot)"
            }
        let owner = expert.map { " of expert \($0)" } ?? ""
        return "\(place) \(part.rawValue)\(owner)"
    }
}

/// A place for a weight inside a block.
package enum BlockSlot: String, Hashable, Sendable, CaseIterable {
    case attentionNorm, attentionQuery, attentionKey, attentionValue, attentionOutput
    /// Query, key and value in one matrix.
    case attentionQueryKeyValue
    /// A short convolution's: what its inputs and gates come from, a few taps for each channel, and what joins the stream.
    case convolutionInput, convolutionTaps, convolutionOutput
    /// Query and the gate on attention's output in one matrix, head by head.
    case attentionQueryGate
    /// A gated delta net's queries, keys and values in one matrix, and the gate on its output.
    case deltaQueryKeyValue, deltaGate
    /// Both in one matrix, head of keys by head: its query, its key, its values, their gates.
    case deltaQueryKeyValueGate
    /// What its states decay by and how strongly rows are written to them, a row for each head.
    case deltaDecay, deltaStrength
    /// Both in one matrix, head of keys by head: the strengths of its values, then their decays.
    case deltaStrengthDecay
    /// A few taps for each channel of queries, keys and values.
    case deltaTaps
    /// A number for each head: what decays' exponents are multiplied by, and what is added before.
    case deltaRate, deltaDecayBias
    /// Of each head's output, and what joins the stream.
    case deltaNorm, deltaOutput
    /// Norms of queries and keys before their rotation.
    case attentionQueryNorm, attentionKeyNorm
    /// A score for each head that takes a share of its attention and has no value.
    case attentionSinks
    /// Norms of what a sub-layer adds to the stream.
    case attentionPostNorm, feedForwardPostNorm
    case feedForwardNorm, feedForwardGate, feedForwardUp, feedForwardDown
    /// Gate and up in one matrix, the gate's rows first.
    case feedForwardGateUp
    /// The scores by which a token's experts are chosen.
    case expertRouter
    /// What is added to the experts' scores where a token's are chosen, and not to their shares.
    case expertChoiceBias
    /// One matrix for each expert, one after the other.
    case expertGate, expertUp, expertDown
    /// Gate and up of each expert in one matrix, the gate's rows first, or their rows by turns.
    case expertGateUp, expertGateUpByTurns
    /// Norms of what the router and the experts read, and of what the experts and the dense part beside them give together,
    /// where each has its own.
    case expertRouterNorm, expertNorm, expertPostNorm, densePostNorm
    /// A number for each expert that its share is multiplied by.
    case expertScale
    /// The feed-forward part that every token goes through beside its experts.
    case sharedExpertGate, sharedExpertUp, sharedExpertDown
    /// The row whose sigmoid its output is multiplied by.
    case sharedExpertRouter
    /// What the block makes of the stream to multiply its own input with, what it makes of the product, and the norm of that.
    case perLayerGate, perLayerOutput, perLayerNorm
    /// The number that the stream is multiplied by at the end of the block.
    case outputScale
    /// What stands before and after a block that predicts further tokens: norms of the next token's embedding and of the
    /// model's output, what makes the block's input of both, and a norm before the model's head.
    case predictionEmbeddingNorm, predictionStreamNorm, predictionInput, predictionNorm
}

extension WeightRole.Slot {
    /// Whether the weight is a matrix.
    var isMatrix: Bool {
        switch self {
        case .tokenEmbedding, .positionEmbedding, .output, .perLayerEmbedding, .perLayerProjection:
            true
        case .block(_, let slot): slot.isProjection
        default: false
        }
    }

    /// Whether llama.cpp takes a scale beside the matrix.
    var takesScale: Bool {
        switch self {
        case .output: true
        case .block(_, let slot):
            slot.isProjection && !slot.isRouter && slot != .convolutionInput
                && slot != .convolutionOutput
        default: false
        }
    }

    /// Whether there is one such weight for each expert.
    package var isOfExperts: Bool {
        switch self {
        case .block(_, .expertGate), .block(_, .expertUp), .block(_, .expertDown),
            .block(_, .expertGateUp), .block(_, .expertGateUpByTurns):
            true
        default: false
        }
    }
}

extension BlockSlot {
    /// Whether the weight is a norm's.
    package var isNorm: Bool {
        switch self {
        case .attentionNorm, .attentionQueryNorm, .attentionKeyNorm, .attentionPostNorm,
            .feedForwardNorm, .feedForwardPostNorm, .deltaNorm, .perLayerNorm,
            .predictionEmbeddingNorm, .predictionStreamNorm, .predictionNorm,
            .expertRouterNorm, .expertNorm, .expertPostNorm, .densePostNorm:
            true
        default: false
        }
    }

    /// Whether the weight is a projection's matrix.
    package var isProjection: Bool {
        !isNorm
            && ![
                .convolutionTaps, .deltaTaps, .deltaRate, .deltaDecayBias, .expertChoiceBias,
                .attentionSinks, .outputScale, .expertScale,
            ].contains(self)
    }

    /// Whether the weight decides which experts a token goes through, or how much comes of one.
    package var isRouter: Bool { self == .expertRouter || self == .sharedExpertRouter }

    /// The projections that the matrix of this place holds, in the order of its rows: several where they are fused,
    /// else the place itself.
    package var parts: [BlockSlot] {
        switch self {
        case .attentionQueryKeyValue: [.attentionQuery, .attentionKey, .attentionValue]
        case .feedForwardGateUp: [.feedForwardGate, .feedForwardUp]
        case .expertGateUp, .expertGateUpByTurns: [.expertGate, .expertUp]
        case .deltaQueryKeyValueGate: [.deltaQueryKeyValue, .deltaGate]
        case .deltaStrengthDecay: [.deltaStrength, .deltaDecay]
        default: [self]
        }
    }

    /// Whether the weight belongs to the first half of a block: attention, or what stands in its place.
    package var isOfFirstHalf: Bool {
        switch self {
        case .attentionNorm, .attentionQuery, .attentionKey, .attentionValue, .attentionOutput,
            .attentionQueryKeyValue, .attentionQueryNorm, .attentionKeyNorm, .attentionPostNorm,
            .attentionSinks, .convolutionInput, .convolutionTaps, .convolutionOutput,
            .attentionQueryGate,
            .deltaQueryKeyValue, .deltaGate, .deltaQueryKeyValueGate, .deltaDecay, .deltaStrength,
            .deltaStrengthDecay, .deltaTaps, .deltaRate,
            .deltaDecayBias, .deltaNorm, .deltaOutput,
            .predictionEmbeddingNorm, .predictionStreamNorm, .predictionInput:
            true
        case .feedForwardNorm, .feedForwardGate, .feedForwardUp, .feedForwardDown,
            .feedForwardGateUp, .feedForwardPostNorm, .expertRouter, .expertChoiceBias, .expertGate,
            .expertUp, .expertDown, .expertGateUp, .expertGateUpByTurns, .expertRouterNorm,
            .expertNorm, .expertPostNorm, .densePostNorm, .expertScale, .sharedExpertGate,
            .sharedExpertUp,
            .sharedExpertDown, .sharedExpertRouter, .perLayerGate, .perLayerOutput, .perLayerNorm,
            .outputScale, .predictionNorm:
            false
        }
    }
}
