/// Which of a model's differences from the base count in one weight, and what they are multiplied by.
struct DifferenceMask: Sendable {
    var kept: Kept
    /// What makes up for those that are dropped.
    var scale: Float = 1

    enum Kept: Sendable {
        case all
        case none
        case largest(MagnitudeCut)
        case random(RandomShare)
    }

    /// Sets what is dropped to zero and scales the rest.
    ///
    /// - Parameter first: the place of the first value in its weight.
    func apply(to values: inout [Float], first: Int) {
        switch kept {
        case .all: return
        case .none:
            for index in values.indices { values[index] = 0 }
        case .largest(let cut):
            for index in values.indices {
                values[index] =
                    cut.keeps(values[index], at: first + index) ? values[index] * scale : 0
            }
        case .random(let share):
            for index in values.indices {
                values[index] = share.holds(first + index) ? values[index] * scale : 0
            }
        }
    }
}

/// A share of a weight's values, drawn by chance: each by itself, and the same ones for the same seed, model and weight,
/// in whatever pieces, formats and order the weight is read. Numbers are those of SplitMix64 (Steele and others, 2014).
struct RandomShare: Sendable {
    private let start: UInt64
    private let limit: UInt64

    /// - Parameters:
    ///   - density: the share, from 0 to 1
    ///   - model: which of the models it is
    ///   - name: of the weight
    init(_ density: Double, seed: UInt64, model: Int, name: String) {
        limit = UInt64(density * Double(1 << 53))
        // FNV-1a of the name, so that no two weights share their numbers.
        let hash = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        start = Self.mixed(Self.mixed(seed &+ Self.step &* UInt64(model + 1)) ^ hash)
    }

    func holds(_ index: Int) -> Bool {
        Self.mixed(start &+ Self.step &* (UInt64(index) &+ 1)) >> 11 < limit
    }

    private static let step: UInt64 = 0x9e37_79b9_7f4a_7c15

    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
