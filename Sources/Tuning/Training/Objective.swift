package import Formats
package import Transformer

/// One term of what tuning minimises.
///
/// Representation terms are those of Representation Tuning (arXiv 2409.06927): they act on the residual stream at a
/// site of some blocks, token terms on the logits.
package struct ObjectiveTerm: Sendable, Hashable {
    /// The objectives there are, by the words that options and records have for them.
    package enum Kind: String, Sendable, CaseIterable {
        case toward, away, shift, contrast, token, soft, keep
        case keepSteered = "keep-steered"

        /// Whether it is about the residual stream rather than the logits.
        package var isRepresentation: Bool { readsVector || self == .contrast }

        /// Whether it is about a vector.
        package var readsVector: Bool {
            self == .toward || self == .away || self == .shift
        }
    }

    /// What the term's loss measures.
    package enum Goal: Sendable, Hashable {
        /// (1 − cos(h, v)) / 2 for each block that has a direction; nothing pulls beyond a cosine of `limit`.
        case toward([Int: [Float]], limit: Float)
        /// |cos(h, v)| for each block that has a direction.
        case away([Int: [Float]])
        /// ‖h − (h₀ + v)‖ for each block that has a direction, h₀ the untuned model's stream at the same token: LoRRA with a
        /// reading vector (arXiv 2310.01405).
        case shift([Int: [Float]])
        /// ‖h − (h₀ + strength · (h⁺ − h⁻))‖ for each of the blocks at the tokens of the completion, h₀, h⁺ and h⁻ the
        /// untuned model's streams at the same tokens after the example's prompt and the two that contrast: LoRRA
        /// (arXiv 2310.01405, section 3.2.1).
        case contrast(blocks: [Int], strength: Float)
        /// Cross-entropy of the completion's tokens.
        case token
        /// Cross-entropy of the choices as completions, with their probabilities.
        case soft
        /// KL(untuned ‖ tuned) at every position of ordinary text.
        case keep
        /// KL(tuned and steered ‖ untuned, not steered) at every position of the examples: KL-then-steer
        /// (arXiv 2406.15518).
        case keepSteered

        package var kind: Kind {
            switch self {
            case .toward: .toward
            case .away: .away
            case .shift: .shift
            case .contrast: .contrast
            case .token: .token
            case .soft: .soft
            case .keep: .keep
            case .keepSteered: .keepSteered
            }
        }

        /// The directions of a term that has a vector, by block.
        var directions: [Int: [Float]]? {
            switch self {
            case .toward(let directions, _), .away(let directions), .shift(let directions):
                directions
            case .contrast, .token, .soft, .keep, .keepSteered: nil
            }
        }

        /// The blocks in which a representation term reads the stream, ascending; nil for terms that read logits.
        var blocks: [Int]? {
            if case .contrast(let blocks, _) = self { blocks } else { directions?.keys.sorted() }
        }
    }

    /// The last token of the prompt.
    package static let usualPosition = Position.beforeCompletion(1)

    package var goal: Goal
    /// What the loss is multiplied by in the total.
    package var weight: Float
    /// Where representation terms read the stream.
    package var site: Site
    /// At which tokens of the example; losses of several tokens are averaged. A contrast has no others than the
    /// completion's, which follow prompts of any length.
    package var position: Position
    /// The projections and other weights that the term's gradient may reach, a bias with its projection; of a matrix that
    /// holds several projections, those of them that are named. Nil for all that are tuned.
    package var reach: Set<WeightRole>?

    package init(
        _ goal: Goal, weight: Float = 1, site: Site = .residPost,
        position: Position = usualPosition, reach: Set<WeightRole>? = nil
    ) {
        self.goal = goal
        self.weight = weight
        self.site = site
        self.position = position
        self.reach = reach
    }

    /// Refuses directions that do not fit, and terms that can reach none of the weights that are tuned.
    func check(_ model: TuningModel) throws(TrainingError) {
        guard let blocks = goal.blocks else { return }
        let sizes = model.decoder.configuration.sizes
        guard !blocks.isEmpty else { throw .noVector(block: 0, blocks: []) }
        let roles = model.parameters.filter { $0.sections.contains(where: reaches) }.map(\.role)
        for block in blocks {
            guard (0..<sizes.blockCount).contains(block) else {
                throw .noSuchBlock(block: block, blockCount: sizes.blockCount)
            }
            if let direction = goal.directions?[block] {
                guard direction.count == sizes.hiddenSize else {
                    throw .wrongWidth(block: block, width: direction.count, model: sizes.hiddenSize)
                }
                guard direction.contains(where: { $0 != 0 }), direction.allSatisfy(\.isFinite)
                else { throw .noLength(block: block) }
            }
            guard roles.contains(where: { acts($0, on: block) }) else {
                throw .unreachable(goal: goal.kind.rawValue, site: site.rawValue, block: block)
            }
        }
    }

    /// Whether the term's gradient may reach these rows.
    func reaches(_ section: TunedParameter.Section) -> Bool {
        reach.map { !$0.isDisjoint(with: section.roles) } ?? true
    }

    /// Whether a weight has an influence on the stream at the term's site of a block.
    private func acts(_ role: WeightRole, on block: Int) -> Bool {
        guard let depth = role.depth else { return false }
        guard case .block(_, let slot) = role.slot else { return true }
        if site == .embed { return false }
        return depth == block ? slot.isOfFirstHalf || site == .residPost : depth < block
    }
}

/// Two forms of an example's prompt, as tokens: they differ in what its completion is to be moved along.
package struct ContrastPrompts: Sendable, Hashable {
    package let positive: [Int]
    package let negative: [Int]

    package init(positive: [Int], negative: [Int]) {
        self.positive = positive
        self.negative = negative
    }
}

/// One example of the tuning data, as tokens.
package struct TuningExample: Sendable {
    package let prompt: [Int]
    package let completion: [Int]
    /// For soft targets: completions and their probabilities.
    package let choices: [(tokens: [Int], probability: Float)]
    /// For contrasts: the prompt in its two other forms.
    package var contrast: ContrastPrompts?
    /// File and line, for messages.
    package let place: String

    package init(
        prompt: [Int], completion: [Int], choices: [(tokens: [Int], probability: Float)] = [],
        contrast: ContrastPrompts? = nil, place: String
    ) {
        self.prompt = prompt
        self.completion = completion
        self.choices = choices
        self.contrast = contrast
        self.place = place
    }

    /// The prompt with its completion.
    var sequence: TokenSequence {
        TokenSequence(prompt: prompt, completion: completion, place: place)
    }
}

/// What one step of tuning sees.
package struct TuningBatch: Sendable {
    package var examples: [TuningExample]
    /// Windows of ordinary text, for `keep`.
    package var texts: [[Int]]
    /// What the tuned model is steered with meanwhile.
    package var steering: [Intervention]

    package init(
        examples: [TuningExample], texts: [[Int]] = [], steering: [Intervention] = []
    ) {
        self.examples = examples
        self.texts = texts
        self.steering = steering
    }
}

/// The losses of one batch.
package struct StepLosses: Sendable, Hashable {
    /// The mean loss of each term, without its weight.
    package var terms: [Double]
    /// The sum of the terms with their weights.
    package var total: Double
    /// The mean cosine of stream and direction at the places of the terms that turn it, by block.
    package var cosines: [Int: Double]
    /// How many tokens went through the model.
    package var tokens: Int

    /// The mean of the blocks' cosines; nil without representation terms.
    package var cosine: Double? {
        // In the order of the blocks: a dictionary's own differs from run to run, and with it the last bits.
        cosines.isEmpty
            ? nil
            : cosines.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value } / Double(cosines.count)
    }
}
