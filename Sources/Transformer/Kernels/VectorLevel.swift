/// How wide the vector instructions are that a processor has, or that a kernel needs.
package enum VectorLevel: Int, Sendable, Comparable, CaseIterable {
    /// 128 bits.
    case sse
    /// 256 bits, multiplied and added in two steps.
    case avx
    /// 256 bits, multiplied and added in one: AVX2 with FMA.
    case avx2
    /// 512 bits: AVX-512 F, BW, DQ and VL.
    case avx512

    package static func < (left: VectorLevel, right: VectorLevel) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The instructions' name.
    package var name: String {
        switch self {
        case .sse: "SSE"
        case .avx: "AVX"
        case .avx2: "AVX2"
        case .avx512: "AVX-512"
        }
    }

    /// What OpenBLAS's kernels of this name are written for; nil for a name that is not known, which may be newer than
    /// this list.
    package init?(kernel name: String) {
        switch name.lowercased() {
        case "prescott", "core2", "penryn", "dunnington", "atom", "nehalem", "athlon", "opteron",
            "opteron_sse3", "barcelona", "bobcat", "nano", "katmai", "coppermine", "northwood",
            "banias", "generic":
            self = .sse
        case "sandybridge", "bulldozer": self = .avx
        case "haswell", "zen", "piledriver", "steamroller", "excavator": self = .avx2
        case "skylakex", "cooperlake", "sapphirerapids": self = .avx512
        default: return nil
        }
    }

    /// OpenBLAS's most general kernels for these instructions, where there are any to choose.
    package var kernel: String? {
        switch self {
        case .sse, .avx: nil
        case .avx2: "Haswell"
        case .avx512: "SkylakeX"
        }
    }
}
