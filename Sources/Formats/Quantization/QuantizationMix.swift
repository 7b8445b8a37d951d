/// A mix of element types under one name, as `llama-quantize` makes them: most matrices in one type, those that spoil
/// more in finer ones.
///
/// The table follows `llama_tensor_get_type` of llama.cpp (`llama-quant.cpp`), for the same types in the same places.
package struct QuantizationMix: Sendable, Hashable {
    /// In lower case, as users type it: `q4_k_m`.
    package let name: String
    /// The number that stands in `general.file_type` (`llama_ftype`).
    package let fileType: UInt32
    /// The type of what no rule names.
    package let base: ElementType
    /// The type of the head, and of an embedding that is the head as well.
    let head: ElementType
    /// In order: the first that holds for a matrix counts.
    let rules: [MixRule]
    /// What mixtures of eight experts take, whose attention is small beside the rest; nil where they take what others do.
    let ofEightExperts: EightExperts

    /// What becomes of the attention of a mixture of eight experts.
    enum EightExperts: Sendable, Hashable {
        /// Keys and values in Q8_0, the output projection as the rules say or not.
        case fine(output: ElementType?)
        /// Keys in Q4_K and the output projection in Q5_K.
        case coarse
    }

    init(
        _ name: String, _ fileType: UInt32, _ base: ElementType, head: ElementType = .q6K,
        _ rules: [MixRule] = [], ofEightExperts: EightExperts = .fine(output: nil)
    ) {
        self.name = name
        self.fileType = fileType
        self.base = base
        self.head = head
        self.rules = rules
        self.ofEightExperts = ofEightExperts
    }

    /// The mix of this name, or of the name of a type that stands for its usual mix: `q4_k` is `q4_k_m`.
    package init?(named name: String) {
        let whole = Self.aliases[name] ?? name
        guard let mix = Self.all.first(where: { $0.name == whole }) else { return nil }
        self = mix
    }

    /// The mixes that a file with this number in `general.file_type` may be.
    package static func mixes(ofFileType number: UInt32) -> [QuantizationMix] {
        all.filter { $0.fileType == number }
    }

    private static let aliases = ["q3_k": "q3_k_m", "q4_k": "q4_k_m", "q5_k": "q5_k_m"]

    /// Whether only experts are stored in the mix's type, all else in Q8_0.
    var isOfExperts: Bool { name == "mxfp4_moe" }

    /// Whether matrices of such a type need an importance matrix in this mix, but for embeddings and heads: what is
    /// quantised so coarsely without one is of no use.
    package func needsImportance(_ type: ElementType) -> Bool {
        switch type {
        case .iq3XXS, .iq2XXS, .iq2XS, .iq2S, .iq1M, .iq1S: true
        case .q2K: name == "q2_k_s"
        default: false
        }
    }
}

extension QuantizationMix: CustomStringConvertible {
    package var description: String { name }
}

extension QuantizationMix {
    /// All mixes, from the smallest bits a weight on.
    package static let all: [QuantizationMix] =
        ofOneBit + ofTwoBits + ofThreeBits + ofFourBits + ofMoreBits

    private static let ofOneBit = [
        QuantizationMix("q1_0", 40, .q1_0),
        QuantizationMix("iq1_s", 24, .iq1S, head: .q5K, ofOneBitRules, ofEightExperts: .coarse),
        QuantizationMix("iq1_m", 31, .iq1M, head: .q5K, ofOneBitRules, ofEightExperts: .coarse),
        QuantizationMix("tq1_0", 36, .tq1_0, [MixRule(.tokenEmbedding, .q4K)]),
    ]

    private static let ofTwoBits = [
        QuantizationMix("q2_0", 41, .q2_0, [MixRule(.tokenEmbedding, .q4K)]),
        QuantizationMix("tq2_0", 37, .tq2_0, [MixRule(.tokenEmbedding, .q4K)]),
        QuantizationMix(
            "iq2_xxs", 19, .iq2XXS, head: .q5K, ofTwoBitRules(.q2K), ofEightExperts: .coarse),
        QuantizationMix(
            "iq2_xs", 20, .iq2XS, head: .q5K, ofTwoBitRules(.q2K), ofEightExperts: .coarse),
        QuantizationMix(
            "iq2_s", 28, .iq2XS, head: .q5K,
            ofTwoBitRules(.iq3S) + [MixRule(.attentionOutput, .iq3S)], ofEightExperts: .coarse),
        QuantizationMix(
            "iq2_m", 29, .iq2S, head: .q5K,
            ofTwoBitRules(.iq3S) + [MixRule(.attentionOutput, .iq3S)], ofEightExperts: .coarse),
        QuantizationMix(
            "q2_k_s", 21, .q2K,
            [
                MixRule(.attentionValue, .q4K, .sharesHeads(4)),
                MixRule(.feedForwardDown, .q4K, .isInFirst(part: 8)),
            ]),
        QuantizationMix(
            "q2_k", 10, .q2K,
            [
                MixRule(.attentionValue, .q4K, .sharesHeads(4)), MixRule(.attentionValue, .q3K),
                MixRule(.feedForwardDown, .q3K), MixRule(.attentionOutput, .q3K),
            ], ofEightExperts: .fine(output: .q5K)),
    ]

    private static let ofThreeBits = [
        QuantizationMix(
            "iq3_xxs", 23, .iq3XXS, head: .q5K,
            [
                MixRule(.tokenEmbedding, .iq3S),
                MixRule(.attentionValue, .q4K, .sharesHeads(4)),
                MixRule(.attentionValue, .iq3S, .hasImportance(false)),
                MixRule(.attentionKey, .iq2S), MixRule(.attentionQuery, .iq2S),
                MixRule(.feedForwardDown, .q4K, .hasImportance(false), .isInFirst(part: 8)),
                MixRule(.feedForwardDown, .q3K, .hasImportance(false)),
                MixRule(.attentionOutput, .iq3S),
            ], ofEightExperts: .fine(output: .q5K)),
        QuantizationMix(
            "iq3_xs", 22, .iq3S,
            [
                MixRule(.attentionValue, .q4K, .sharesHeads(4)),
                MixRule(.attentionKey, .iq3XXS), MixRule(.attentionQuery, .iq3XXS),
                MixRule(.feedForwardGate, .iq3XXS, .isInMiddle),
                MixRule(.feedForwardUp, .iq3XXS, .isInMiddle),
            ], ofEightExperts: .fine(output: .q5K)),
        QuantizationMix("q3_k_s", 11, .q3K, ofEightExperts: .fine(output: .q5K)),
        QuantizationMix(
            "iq3_s", 26, .iq3S, [MixRule(.attentionValue, .q4K, .sharesHeads(4))],
            ofEightExperts: .fine(output: .q5K)),
        QuantizationMix(
            "iq3_m", 27, .iq3S,
            [
                MixRule(.attentionValue, .q4K),
                MixRule(.feedForwardDown, .q4K, .isInFirst(part: 8)),
                MixRule(.feedForwardDown, .q4K, .hasExperts(8), .isSensitive),
                MixRule(.attentionOutput, .q4K),
            ], ofEightExperts: .fine(output: .q5K)),
        QuantizationMix(
            "q3_k_m", 12, .q3K,
            [
                MixRule(.attentionValue, .q5K, .follows(fewerThan: 2)),
                MixRule(.attentionValue, .q4K),
                MixRule(.feedForwardDown, .q5K, .isInFirst(part: 16)),
                MixRule(.feedForwardDown, .q4K), MixRule(.attentionOutput, .q4K),
            ], ofEightExperts: .fine(output: .q5K)),
        QuantizationMix(
            "q3_k_l", 13, .q3K,
            [
                MixRule(.attentionValue, .q5K), MixRule(.feedForwardDown, .q5K),
                MixRule(.attentionOutput, .q5K),
            ]),
    ]

    private static let ofFourBits = [
        QuantizationMix("iq4_xs", 30, .iq4XS, nonLinearRules, ofEightExperts: .fine(output: .q5K)),
        QuantizationMix("mxfp4", 38, .mxfp4),
        QuantizationMix("mxfp4_moe", 38, .mxfp4, head: .q8_0),
        QuantizationMix("q4_0", 2, .q4_0, guardedRules(.q4_1)),
        QuantizationMix("iq4_nl", 25, .iq4NL, nonLinearRules, ofEightExperts: .fine(output: .q5K)),
        QuantizationMix("nvfp4", 39, .nvfp4),
        QuantizationMix(
            "q4_k_s", 14, .q4K,
            [
                MixRule(.attentionValue, .q5K, .follows(fewerThan: 4)),
                MixRule(.feedForwardDown, .q5K, .isInFirst(part: 8)),
            ], ofEightExperts: .fine(output: .q5K)),
        QuantizationMix("q4_k_m", 15, .q4K, sensitiveRules, ofEightExperts: .fine(output: .q5K)),
        QuantizationMix("q4_1", 3, .q4_1),
    ]

    private static let ofMoreBits = [
        QuantizationMix("q5_0", 8, .q5_0, guardedRules(.q5_1)),
        QuantizationMix("q5_k_s", 16, .q5K),
        QuantizationMix("q5_k_m", 17, .q5K, sensitiveRules),
        QuantizationMix("q5_1", 9, .q5_1),
        QuantizationMix("q6_k", 18, .q6K),
        QuantizationMix("q8_0", 7, .q8_0, head: .q8_0),
    ]

    private static let ofOneBitRules =
        ofTwoBitRules(.q2K) + [MixRule(.attentionOutput, .iq2XXS)]

    /// - Parameter finer: the type of what one or two bits a weight would spoil.
    private static func ofTwoBitRules(_ finer: ElementType) -> [MixRule] {
        [
            MixRule(.tokenEmbedding, finer),
            MixRule(.attentionValue, .q4K, .sharesHeadsOrExperts(4)),
            MixRule(.attentionValue, finer),
            MixRule(.feedForwardDown, finer, .followsFewer(thanPart: 8)),
        ]
    }

    private static let nonLinearRules = [
        MixRule(.attentionValue, .q5K, .sharesHeads(4)),
        MixRule(.feedForwardDown, .q5K, .isInFirst(part: 8), .hasImportance(false)),
    ]

    private static let sensitiveRules = [
        MixRule(.attentionValue, .q6K, .isSensitive), MixRule(.feedForwardDown, .q6K, .isSensitive),
    ]

    /// For the first matrices that go astray where importance weighs their values.
    private static func guardedRules(_ ranged: ElementType) -> [MixRule] {
        [MixRule(.feedForwardDown, ranged, .isInFirst(part: 8), .hasImportance(true))]
    }
}
