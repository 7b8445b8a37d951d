/// The type of a tensor's elements: every type of safetensors and of GGUF, by name and size.
///
/// A quantised type stores blocks: a block holds `elementsPerBlock` elements in `bitsPerBlock` bits.
/// Sources: the safetensors format description and ggml's type table (43 identifiers).
package enum ElementType: String, CaseIterable, Hashable, Sendable {
    case f64, f32, f16, bf16
    case i64, i32, i16, i8
    case u64, u32, u16, u8, bool
    case c64
    case f8E5M2 = "f8_e5m2"
    case f8E4M3 = "f8_e4m3"
    case f8E8M0 = "f8_e8m0"
    case f8E4M3FNUZ = "f8_e4m3fnuz"
    case f8E5M2FNUZ = "f8_e5m2fnuz"
    case f6E2M3 = "f6_e2m3"
    case f6E3M2 = "f6_e3m2"
    case f4
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q4_0, q4_1, q5_0, q5_1, q8_0, q8_1
    case q2K = "q2_k"
    case q3K = "q3_k"
    case q4K = "q4_k"
    case q5K = "q5_k"
    case q6K = "q6_k"
    case q8K = "q8_k"
    case iq2XXS = "iq2_xxs"
    case iq2XS = "iq2_xs"
    case iq3XXS = "iq3_xxs"
    case iq1S = "iq1_s"
    case iq4NL = "iq4_nl"
    case iq3S = "iq3_s"
    case iq2S = "iq2_s"
    case iq4XS = "iq4_xs"
    case iq1M = "iq1_m"
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case tq1_0, tq2_0
    case mxfp4, nvfp4
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case q1_0, q2_0

    /// The type's name in lower case, as users type it: `f32`, `q4_k`.
    package var name: String { rawValue }

    /// How many elements one block holds; 1 for plain types.
    package var elementsPerBlock: Int { layout.elements }

    /// How many bits one block takes; a plain type's block is one element.
    package var bitsPerBlock: Int { layout.bits }

    /// The identifier in a GGUF tensor description, or nil where GGUF has no such type.
    package var ggmlIdentifier: UInt32? { layout.ggml }

    /// The dtype string in a safetensors header, or nil where safetensors has no such type.
    package var safetensorsName: String? { layout.safetensors }

    /// Whether elements are stored in blocks that share scales.
    package var isQuantized: Bool { elementsPerBlock > 1 }

    /// Whether the type is an unquantised floating-point type of 16 bits or more.
    package var isPlainFloat: Bool {
        self == .f64 || self == .f32 || self == .f16 || self == .bf16
    }

    /// Whether elements are numbers that another type can take instead: floats of 8 bits or more, quantised blocks.
    package var canBeRetyped: Bool {
        isPlainFloat || isQuantized || self == .f8E4M3 || self == .f8E5M2
    }

    /// The type with this GGUF identifier, or nil where it is removed or unknown.
    package init?(ggmlIdentifier: UInt32) {
        guard let type = Self.byIdentifier[ggmlIdentifier] else { return nil }
        self = type
    }

    /// The type with this safetensors dtype string (upper case, exact).
    package init?(safetensorsName: String) {
        guard let type = Self.byDtype[safetensorsName] else { return nil }
        self = type
    }

    /// Bytes taken by `count` elements, or nil where they fill no whole number of blocks and bytes or the size
    /// overflows.
    package func byteCount(elements count: Int) -> Int? {
        guard count >= 0, count % elementsPerBlock == 0 else { return nil }
        let (bits, overflow) = (count / elementsPerBlock).multipliedReportingOverflow(
            by: bitsPerBlock)
        guard !overflow, bits % 8 == 0 else { return nil }
        return bits / 8
    }

    private static let byIdentifier = Dictionary(
        uniqueKeysWithValues: allCases.compactMap { type in type.ggmlIdentifier.map { ($0, type) } }
    )

    private static let byDtype = Dictionary(
        uniqueKeysWithValues: allCases.compactMap { type in type.safetensorsName.map { ($0, type) }
        })
}

extension ElementType {
    private typealias Layout = (elements: Int, bits: Int, ggml: UInt32?, safetensors: String?)

    /// One row per type: elements per block, bits per block, GGUF identifier, safetensors dtype.
    private var layout: Layout {
        switch self {
        case .f64: (1, 64, 28, "F64")
        case .f32: (1, 32, 0, "F32")
        case .f16: (1, 16, 1, "F16")
        case .bf16: (1, 16, 30, "BF16")
        case .i64: (1, 64, 27, "I64")
        case .i32: (1, 32, 26, "I32")
        case .i16: (1, 16, 25, "I16")
        case .i8: (1, 8, 24, "I8")
        case .u64: (1, 64, nil, "U64")
        case .u32: (1, 32, nil, "U32")
        case .u16: (1, 16, nil, "U16")
        case .u8: (1, 8, nil, "U8")
        case .bool: (1, 8, nil, "BOOL")
        case .c64: (1, 64, nil, "C64")
        case .f8E5M2: (1, 8, nil, "F8_E5M2")
        case .f8E4M3: (1, 8, nil, "F8_E4M3")
        case .f8E8M0: (1, 8, nil, "F8_E8M0")
        case .f8E4M3FNUZ: (1, 8, nil, "F8_E4M3FNUZ")
        case .f8E5M2FNUZ: (1, 8, nil, "F8_E5M2FNUZ")
        case .f6E2M3: (1, 6, nil, "F6_E2M3")
        case .f6E3M2: (1, 6, nil, "F6_E3M2")
        case .f4: (1, 4, nil, "F4")
        case .q4_0: (32, 18 * 8, 2, nil)
        case .q4_1: (32, 20 * 8, 3, nil)
        case .q5_0: (32, 22 * 8, 6, nil)
        case .q5_1: (32, 24 * 8, 7, nil)
        case .q8_0: (32, 34 * 8, 8, nil)
        case .q8_1: (32, 36 * 8, 9, nil)
        case .q2K: (256, 84 * 8, 10, nil)
        case .q3K: (256, 110 * 8, 11, nil)
        case .q4K: (256, 144 * 8, 12, nil)
        case .q5K: (256, 176 * 8, 13, nil)
        case .q6K: (256, 210 * 8, 14, nil)
        case .q8K: (256, 292 * 8, 15, nil)
        case .iq2XXS: (256, 66 * 8, 16, nil)
        case .iq2XS: (256, 74 * 8, 17, nil)
        case .iq3XXS: (256, 98 * 8, 18, nil)
        case .iq1S: (256, 50 * 8, 19, nil)
        case .iq4NL: (32, 18 * 8, 20, nil)
        case .iq3S: (256, 110 * 8, 21, nil)
        case .iq2S: (256, 82 * 8, 22, nil)
        case .iq4XS: (256, 136 * 8, 23, nil)
        case .iq1M: (256, 56 * 8, 29, nil)
        case .tq1_0: (256, 54 * 8, 34, nil)
        case .tq2_0: (256, 66 * 8, 35, nil)
        case .mxfp4: (32, 17 * 8, 39, nil)
        case .nvfp4: (64, 36 * 8, 40, nil)
        case .q1_0: (128, 18 * 8, 41, nil)
        case .q2_0: (64, 18 * 8, 42, nil)
        }
    }
}
