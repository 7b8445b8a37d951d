/// Gives the matrices of one output their types by a mix, one after the other: mixes count.
struct MixAssignment {
    /// A matrix that gets a type.
    struct Matrix {
        let name: String
        let shape: [Int]

        var category: TensorCategory { TensorCategory(named: name) }
        var columns: Int { shape.last ?? 0 }
        /// Whether it is the matrices of several experts.
        var isStack: Bool { shape.count > 2 && shape[0] > 1 }

        /// By the number of the block and the name; what is in no block comes first.
        static func precedes(_ left: Matrix, _ right: Matrix) -> Bool {
            let blocks = (left.block ?? -1, right.block ?? -1)
            guard blocks.0 == blocks.1 else { return blocks.0 < blocks.1 }
            return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }

        /// The number of its block, or nil.
        var block: Int? {
            guard name.hasPrefix("blk.") else { return nil }
            return Int(name.dropFirst(4).prefix { $0 != "." })
        }
    }

    private let mix: QuantizationMix
    private let model: MixModel
    /// The type that is asked for the head, and for an embedding that is the head as well.
    private let head: ElementType?
    private let hasImportance: Bool
    /// Whether the embedding is the head.
    private let isTied: Bool
    private let valueCount: Int
    private var counts: [TensorCategory: Int] = [:]

    /// - Parameter matrices: all of the output, for what depends on how many there are.
    init(
        _ mix: QuantizationMix, _ model: MixModel, matrices: [Matrix], head: ElementType?,
        hasImportance: Bool
    ) {
        self.mix = mix
        self.model = model
        self.head = head
        self.hasImportance = hasImportance
        isTied = !matrices.contains { $0.category == .output }
        valueCount = matrices.count { $0.category == .attentionValue }
    }

    /// The type of a matrix, whatever its width: the next of its category, in the order of blocks and names.
    mutating func type(of matrix: Matrix) -> ElementType {
        let category = matrix.category
        if category == .output || (isTied && category == .tokenEmbedding) {
            return head ?? headType(matrix)
        }
        if mix.isOfExperts { return matrix.isStack ? mix.base : .q8_0 }
        let place = place(of: matrix, category)
        let rule = mix.rules.first { rule in
            rule.category == category
                && rule.conditions.allSatisfy {
                    $0.holds(at: place, in: model, hasImportance: hasImportance)
                }
        }
        return adjusted(rule?.type ?? mix.base, category)
    }

    private func headType(_ matrix: Matrix) -> ElementType {
        matrix.columns % mix.base.elementsPerBlock == 0 ? mix.head : .q8_0
    }

    private mutating func place(of matrix: Matrix, _ category: TensorCategory) -> MixPlace {
        let order = counts[category, default: 0]
        counts[category] = order + 1
        let isOfExperts = model.experts > 1 && category != .attentionValue
        return MixPlace(
            index: isOfExperts ? matrix.block ?? order : order,
            count: category == .attentionValue ? valueCount : model.blocks, order: order)
    }

    /// What models of special shapes take in place of the mix's type for their attention.
    private func adjusted(_ type: ElementType, _ category: TensorCategory) -> ElementType {
        let hasEight = model.experts == 8
        switch (mix.ofEightExperts, category) {
        case (.coarse, .attentionKey) where hasEight: return .q4K
        case (.coarse, .attentionOutput) where hasEight: return .q5K
        case (.fine, .attentionKey) where hasEight, (.fine, .attentionValue) where hasEight:
            return .q8_0
        case (.fine(let output), .attentionOutput) where hasEight: return output ?? mix.base
        case (.fine, .attentionValue) where model.is70B && (type == .q3K || type == .q4K):
            return .q5K
        default: return type
        }
    }
}

extension ElementType {
    /// The type that takes this one's place in rows of so many elements, which may be no whole number of its blocks.
    package func fitting(columns: Int) -> ElementType {
        if columns % elementsPerBlock == 0 { return self }
        let other = narrowerBlock
        return columns % other.elementsPerBlock == 0 ? other : .f16
    }

    /// A type of shorter blocks and about as many bits; its own where there is none.
    private var narrowerBlock: ElementType {
        switch self {
        case .iq1S, .iq1M, .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S, .iq4XS: .iq4NL
        case .q1_0, .q2_0, .q2K, .q3K, .tq1_0, .tq2_0: .q4_0
        case .q4K: .q5_0
        case .q5K: .q5_1
        case .q6K: .q8_0
        case .nvfp4: .mxfp4
        default: self
        }
    }
}
