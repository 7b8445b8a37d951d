/// The type that a mix gives matrices of a category where conditions hold.
struct MixRule: Sendable, Hashable {
    /// What a matrix's block or model must be for a rule to hold.
    enum Condition: Sendable, Hashable {
        /// The first eighth of the blocks, the last eighth, and every third one between them.
        case isSensitive
        /// Fewer than so many matrices of its category come before it.
        case follows(fewerThan: Int)
        /// Fewer matrices of its category come before it than this part of them.
        case followsFewer(thanPart: Int)
        /// In the first n-th of the blocks.
        case isInFirst(part: Int)
        /// Neither in the first eighth of the blocks nor in the last one.
        case isInMiddle
        /// So many heads share keys and values, or more of them.
        case sharesHeads(Int)
        /// So many heads share keys and values, or there are so many experts.
        case sharesHeadsOrExperts(Int)
        /// There are exactly so many experts.
        case hasExperts(Int)
        /// Whether values are weighted by an importance matrix.
        case hasImportance(Bool)
    }

    let category: TensorCategory
    let type: ElementType
    let conditions: [Condition]

    init(_ category: TensorCategory, _ type: ElementType, _ conditions: Condition...) {
        self.category = category
        self.type = type
        self.conditions = conditions
    }
}

/// The numbers of a model that mixes of types depend on.
package struct MixModel: Sendable, Hashable {
    /// How many blocks the model has.
    package let blocks: Int
    /// How many heads of queries share a head of keys and values; 0 where there is none.
    package let headsPerGroup: Int
    /// How many experts a block has, 0 of a dense model.
    package let experts: Int
    /// Whether llama.cpp takes the model for one of 70 billion parameters, whose values are small beside the rest.
    package let is70B: Bool

    /// Reads the numbers that llama.cpp reads from a GGUF file's metadata.
    package init(_ metadata: GGUFMetadata) {
        let family = metadata["general.architecture"]?.text ?? ""
        func number(_ key: String) -> Int? {
            let value = metadata["\(family).\(key)"]
            return value?.integer ?? value?.array?.integers?.first
        }
        blocks = max(0, number("block_count") ?? 0)
        experts = max(0, number("expert_count") ?? 0)
        let heads = number("attention.head_count") ?? 0
        let groups = number("attention.head_count_kv") ?? heads
        headsPerGroup = groups > 0 && heads >= 0 ? heads / groups : 0
        is70B =
            switch family {
            case "llama": blocks == 80 && heads != groups
            case "qwen2", "deci", "olmo": blocks == 80
            case "jais2": blocks == 68
            default: false
            }
    }
}

/// Where a matrix stands among those of its category.
struct MixPlace {
    /// The number of its block; in a dense model, how many of its category come before it, which is the same where each
    /// block has one.
    let index: Int
    /// How many there are: of values their matrices, of all others the blocks.
    let count: Int
    /// How many of its category come before it.
    let order: Int
}

extension MixRule.Condition {
    func holds(at place: MixPlace, in model: MixModel, hasImportance: Bool) -> Bool {
        let (index, count) = (place.index, place.count)
        return switch self {
        case .isSensitive:
            index < count / 8 || index >= 7 * count / 8 || (index - count / 8) % 3 == 2
        case .follows(let number): place.order < number
        case .followsFewer(let part): place.order < count / part
        case .isInFirst(let part): index < count / part
        case .isInMiddle: index >= count / 8 && index < 7 * count / 8
        case .sharesHeads(let least): model.headsPerGroup >= least
        case .sharesHeadsOrExperts(let least):
            model.headsPerGroup >= least || model.experts >= least
        case .hasExperts(let number): model.experts == number
        case .hasImportance(let wanted): hasImportance == wanted
        }
    }
}
