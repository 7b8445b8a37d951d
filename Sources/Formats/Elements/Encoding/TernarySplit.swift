/// The levels −1, 0 and 1 of IQ1, shifted by ⅛.
struct TernaryLevels {
    let low: Float
    let middle: Float
    let high: Float

    static let raised = TernaryLevels(low: -0.875, middle: 0.125, high: 1.125)
    static let lowered = TernaryLevels(low: -1.125, middle: -0.125, high: 0.875)
}

/// Σ w q x and Σ w q² of eight splits; not numbers where there is no split.
struct SplitSums {
    var qx: SIMD8<Float>
    var qq: SIMD8<Float>

    @inline(__always)
    static func + (a: SplitSums, b: SplitSums) -> SplitSums {
        SplitSums(qx: a.qx + b.qx, qq: a.qq + b.qq)
    }
}

/// The two bounds that part sorted values into those for −1, for 0 and for 1, which are best with a scale of their own.
struct TernarySplit {
    private(set) var scale: Float = 0
    /// How the levels are shifted.
    private(set) var combination = 0
    private(set) var isFound = false
    /// How many of the sorted values are −1, and how many −1 or 0.
    private var bounds = (first: 0, second: 0)
    private var gain = -Float.greatestFiniteMagnitude
    /// Whether −1 and 1 are exchanged.
    private var isTurned = false

    /// Takes the best of eight splits, of equals the first, if it is better than those before.
    ///
    /// - Parameters:
    ///   - sums: for each combination
    ///   - first: the first bound
    ///   - second: the second bound of the first of the eight
    @inline(__always)
    mutating func take(
        _ sums: UnsafePointer<SplitSums>, combinations: Int, first: Int, second: Int
    ) {
        var mayBe = SIMDMask<SIMD8<Int32>>(repeating: false)
        for index in 0..<combinations {
            let (qx, qq) = (sums[index].qx, sums[index].qq)
            mayBe = mayBe .| ((qx * qx .> gain * qq) .& (qq .> 0))
        }
        guard isAny(mayBe) else { return }
        let lanes = unsafeBitCast(mayBe, to: SIMD8<Int32>.self)
        // A gain is rounded, so that the next best one may be lower: then those are looked at again that were not good enough.
        var isLowered = false
        for lane in 0..<8 where lanes[lane] != 0 || isLowered {
            for index in 0..<combinations {
                let (qx, qq) = (sums[index].qx[lane], sums[index].qq[lane])
                guard qq > 0, qx * qx > gain * qq else { continue }
                scale = qx / qq
                isLowered = isLowered || scale * qx < gain
                gain = scale * qx
                bounds = (first, second + lane)
                combination = index
                isFound = true
            }
        }
    }

    /// Makes the scale positive, with all levels and shifts of the other sign; `combinations` is a power of two.
    mutating func makePositive(combinations: Int) {
        guard scale < 0 else { return }
        scale = -scale
        combination = combinations - 1 - combination
        isTurned = true
    }

    /// The packed points of a group's vectors, sixteen bits each: levels of two bits, in the order of the elements.
    @inline(__always)
    func points(_ order: UnsafePointer<Int32>, count: Int) -> UInt64 {
        var points: UInt64 = 0
        for rank in 0..<count {
            let level: UInt64 = rank < bounds.first ? 0 : rank < bounds.second ? 1 : 2
            points |= (isTurned ? 2 - level : level) << UInt64(2 * order[rank])
        }
        return points
    }
}

/// A group of values in ascending order, and sums of the first of them.
struct SortedGroup {
    let count: Int
    private let memory: UnsafeMutableRawPointer

    /// Room for the places of 32 values, and for each of two parts two times 40 sums.
    static let byteCount = 128 + 4 * 160

    init(count: Int, memory: UnsafeMutableRawPointer) {
        self.count = count
        self.memory = memory
    }

    /// The places of the values, the least value's first.
    @inline(__always) var order: UnsafeMutablePointer<Int32> {
        memory.assumingMemoryBound(to: Int32.self)
    }

    /// Σ w x and Σ w of the first 0, 1, 2 … sorted values, of those of one part of the group; then eight that are no numbers.
    @inline(__always)
    func sums(part: Int) -> (
        products: UnsafeMutablePointer<Float>, weights: UnsafeMutablePointer<Float>
    ) {
        let first = (memory + 128 + part * 320).assumingMemoryBound(to: Float.self)
        return (first, first + 40)
    }

    /// Takes values and how much their errors count, of `parts` parts.
    @inline(__always)
    func load(
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, parts: Int
    ) {
        sort(values)
        for part in 0..<parts { addUp(values, weights, part: part, of: parts) }
    }

    /// By counting, for each value, those that come before it: the lower ones, and equal ones before it in the group.
    @inline(__always)
    private func sort(_ values: UnsafePointer<Float>) {
        let source = UnsafeRawPointer(values)
        let lanes = SIMD8<Float>(0, 1, 2, 3, 4, 5, 6, 7)
        for index in 0..<count {
            let value = values[index]
            var ranks = SIMD8<Int32>.zero
            for first in stride(from: 0, to: count, by: 8) {
                let eight = source.floats8(first * 4)
                let isEarlier = (eight .== value) .& (lanes .< Float(index - first))
                // A lane that counts has all bits set: −1.
                ranks &-= unsafeBitCast((eight .< value) .| isEarlier, to: SIMD8<Int32>.self)
            }
            let halves = ranks.lowHalf &+ ranks.highHalf
            let rank = halves[0] &+ halves[1] &+ halves[2] &+ halves[3]
            order[Int(rank)] = Int32(index)
        }
    }

    @inline(__always)
    private func addUp(
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, part: Int, of parts: Int
    ) {
        let (products, sums) = sums(part: part)
        var (product, sum): (Float, Float) = (0, 0)
        (products[0], sums[0]) = (0, 0)
        for rank in 0..<count {
            let index = Int(order[rank])
            if index * parts / count == part {
                product += weights[index] * values[index]
                sum += weights[index]
            }
            (products[rank + 1], sums[rank + 1]) = (product, sum)
        }
        for rank in count + 1..<count + 8 { (products[rank], sums[rank]) = (.nan, .nan) }
    }
}
