/// A field of an element type's blocks: numbers of one kind that lie side by side. A patch codes each field on its own,
/// since scales and quants, or exponents and mantissas, have little in common.
package struct BlockField: Equatable {
    /// What the numbers are, which says what a small difference is.
    package enum Kind {
        /// Sign and magnitude: floating-point numbers.
        case float
        /// Two's complement or unsigned integers.
        case integer
        /// Two integers of four bits in a byte.
        case nibbles
        /// Anything else.
        case bits
    }

    /// Where the field begins in a block, in bytes.
    package let offset: Int
    /// The bytes of one number: 1, 2, 4 or 8.
    package let width: Int
    /// How many numbers a block has.
    package let count: Int
    package let kind: Kind
}

extension ElementType {
    /// The bytes of a block that patches divide data into; types below a byte are taken byte by byte.
    package var deltaBlockBytes: Int { max(1, bitsPerBlock % 8 == 0 ? bitsPerBlock / 8 : 1) }

    /// The fields of a block in the order in which patches hold them; they tile the block.
    package var deltaFields: [BlockField] {
        var fields: [BlockField] = []
        for (kind, width, count) in deltaLayout {
            let offset = fields.last.map { $0.offset + $0.width * $0.count } ?? 0
            fields.append(BlockField(offset: offset, width: width, count: count, kind: kind))
        }
        return fields
    }

    /// The bits of the fraction of a type whose numbers can be grouped by their exponents, or nil.
    package var deltaFractionBits: Int? {
        switch self {
        case .f32: 23
        case .f16: 10
        case .bf16: 7
        default: nil
        }
    }

    private typealias Part = (kind: BlockField.Kind, width: Int, count: Int)

    private var deltaLayout: [Part] {
        let half: Part = (.float, 2, 1)
        switch self {
        case .f64: return [(.float, 8, 1)]
        case .f32: return [(.float, 4, 1)]
        case .f16, .bf16: return [half]
        case .c64: return [(.float, 4, 2)]
        case .i64, .u64: return [(.integer, 8, 1)]
        case .i32, .u32: return [(.integer, 4, 1)]
        case .i16, .u16: return [(.integer, 2, 1)]
        case .i8, .u8: return [(.integer, 1, 1)]
        case .f8E5M2, .f8E4M3, .f8E4M3FNUZ, .f8E5M2FNUZ: return [(.float, 1, 1)]
        case .bool, .f8E8M0, .f6E2M3, .f6E3M2: return [(.bits, 1, 1)]
        case .f4: return [(.nibbles, 1, 1)]
        case .q4_0, .iq4NL: return [half, (.nibbles, 1, 16)]
        case .q4_1: return [half, half, (.nibbles, 1, 16)]
        case .q5_0: return [half, (.bits, 1, 4), (.nibbles, 1, 16)]
        case .q5_1: return [half, half, (.bits, 1, 4), (.nibbles, 1, 16)]
        case .q8_0: return [half, (.integer, 1, 32)]
        case .q8_1: return [half, half, (.integer, 1, 32)]
        case .q2K: return [(.nibbles, 1, 16), (.bits, 1, 64), half, half]
        case .q3K: return [(.bits, 1, 32), (.bits, 1, 64), (.bits, 1, 12), half]
        case .q4K: return [half, half, (.bits, 1, 12), (.nibbles, 1, 128)]
        case .q5K: return [half, half, (.bits, 1, 12), (.bits, 1, 32), (.nibbles, 1, 128)]
        case .q6K: return [(.nibbles, 1, 128), (.bits, 1, 64), (.integer, 1, 16), half]
        case .q8K: return [(.float, 4, 1), (.integer, 1, 256), (.integer, 2, 16)]
        case .iq4XS: return [half, (.bits, 2, 1), (.bits, 1, 4), (.nibbles, 1, 128)]
        case .tq1_0: return [(.bits, 1, 48), (.bits, 1, 4), half]
        case .tq2_0: return [(.bits, 1, 64), half]
        case .mxfp4: return [(.integer, 1, 1), (.nibbles, 1, 16)]
        case .nvfp4: return [(.bits, 1, 4), (.nibbles, 1, 32)]
        case .iq2XXS, .iq2XS, .iq3XXS, .iq1S, .iq3S, .iq2S, .q1_0, .q2_0:
            return [half, (.bits, 1, bitsPerBlock / 8 - 2)]
        case .iq1M: return [(.bits, 1, bitsPerBlock / 8)]
        }
    }
}
