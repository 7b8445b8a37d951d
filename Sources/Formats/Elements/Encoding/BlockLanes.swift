/// 256 values laid out for searching the scales of their groups: a lane for each group, eight groups at a time, so that
/// each group's sums are taken in the order of its elements, as a loop over one group takes them.
///
/// Half 0 has groups 0–7, half 1 groups 8–15 where groups have 16 elements.
struct BlockLanes {
    let groupSize: Int
    private let memory: UnsafeMutableRawPointer
    /// The values in the order of the block's elements.
    private(set) var source: UnsafeRawPointer
    /// Whether the weights are importances.
    private(set) var isWeighted = false

    /// Calls the body with room for one block, on the stack.
    @inline(__always)
    static func with<Result>(groupSize: Int, _ body: (inout BlockLanes) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: Plane.scales.rawValue + 128, alignment: 32) {
            // A temporary allocation that is not empty always has an address.
            let memory = $0.baseAddress.unsafelyUnwrapped
            var lanes = BlockLanes(
                groupSize: groupSize, memory: memory, source: UnsafeRawPointer(memory))
            return body(&lanes)
        }
    }

    private enum Plane: Int {
        case values = 0
        case weights = 1024
        case integers = 2048
        /// The chosen integers in the order of the block's elements.
        case codes = 3072
        /// The scales of sixteen groups, and their minimums, as a reader of the block finds them.
        case scales = 3328
    }

    /// One of the two halves, or the only one.
    struct Half {
        let count: Int
        let values: UnsafeMutablePointer<SIMD8<Float>>
        /// How much an element's error counts.
        let weights: UnsafeMutablePointer<SIMD8<Float>>
        /// The integers that are tried or chosen.
        let integers: UnsafeMutablePointer<SIMD8<Float>>
    }

    var halves: Int { 32 / groupSize }

    @inline(__always)
    func half(_ index: Int) -> Half {
        func plane(_ plane: Plane) -> UnsafeMutablePointer<SIMD8<Float>> {
            (memory + plane.rawValue + index * groupSize * 32).assumingMemoryBound(
                to: SIMD8<Float>.self)
        }
        return Half(
            count: groupSize, values: plane(.values), weights: plane(.weights),
            integers: plane(.integers))
    }

    /// Takes the values of so many groups, eight in each half, and their importances as weights; the lanes of missing
    /// groups repeat the last.
    @inline(__always)
    mutating func load(
        _ values: UnsafePointer<Float>, importance: UnsafePointer<Float>?, groups: Int
    ) {
        source = UnsafeRawPointer(values)
        isWeighted = importance != nil
        for index in 0..<halves {
            let half = half(index)
            let last = groups - 1 - index * 8
            transpose(source + index * groupSize * 32, last: last, into: half.values)
            guard let importance else { continue }
            let first = UnsafeRawPointer(importance) + index * groupSize * 32
            transpose(first, last: last, into: half.weights)
        }
    }

    @inline(__always)
    private func transpose(
        _ values: UnsafeRawPointer, last: Int, into lanes: UnsafeMutablePointer<SIMD8<Float>>
    ) {
        func group(_ index: Int) -> UnsafeRawPointer { values + min(index, last) * groupSize * 4 }
        let (first, second, third, fourth) = (group(0), group(1), group(2), group(3))
        let (fifth, sixth, seventh, eighth) = (group(4), group(5), group(6), group(7))
        for element in 0..<groupSize {
            lanes[element] = SIMD8(
                first.float(element), second.float(element), third.float(element),
                fourth.float(element), fifth.float(element), sixth.float(element),
                seventh.float(element), eighth.float(element))
        }
    }

    /// Multiplies each importance by the root of the value's square and the mean of such squares: large values count more,
    /// small ones not too little.
    @inline(__always)
    func spreadWeights(by meanSquares: SIMD8<Float>) {
        for index in 0..<halves {
            let half = half(index)
            for element in 0..<groupSize {
                let value = half.values[element]
                half.weights[element] *= roots(meanSquares + value * value)
            }
        }
    }

    /// The mean square of the block's 256 values.
    @inline(__always)
    func meanSquare() -> Float { sumOfSquares(source, count: 256) / 256 }

    /// Chooses the integers anew for the scales and minimums that are stored in a block: nearest to
    /// (value − minimum) / scale, and `offset` more. Where a stored scale is zero, the integers of the search stay, which
    /// `choose` fixes for a half.
    @inline(__always)
    func requantize<Block: QuantizedBlock>(
        _ type: Block.Type, stored block: UnsafeRawPointer, from low: Float, to high: Float,
        offset: Float = 0, choose: (Int) -> Void
    ) {
        let stored = memory + Plane.scales.rawValue
        Block.unpackScales(block, into: stored)
        for index in 0..<halves {
            let half = half(index)
            let scales = UnsafeRawPointer(stored).floats8(index * 32)
            let minimums =
                Block.hasMinimum
                ? UnsafeRawPointer(stored).floats8(Block.groups * 4 + index * 32) : .zero
            let isScaled = scales .!= 0
            if !all(isScaled) { choose(index) }
            for element in 0..<half.count {
                // Values far beyond a small scale, which weigh nothing, wrap as in the reference.
                let integers = floats(wholeNumbers((half.values[element] - minimums) / scales))
                    .clamped(to: low, high)
                half.integers[element].replace(with: integers + offset, where: isScaled)
            }
        }
    }

    /// The chosen integers in the order of the block's elements.
    @inline(__always)
    func codes() -> UnsafeRawPointer {
        let output = memory + Plane.codes.rawValue
        for index in 0..<halves {
            let first = output + index * groupSize * 8
            let integers = half(index).integers
            for element in 0..<groupSize {
                let bytes = bytes(ofWhole: integers[element])
                for group in 0..<8 {
                    first.storeBytes(
                        of: bytes[group], toByteOffset: group * groupSize + element, as: UInt8.self)
                }
            }
        }
        return UnsafeRawPointer(output)
    }
}

extension BlockLanes.Half {
    /// Makes the values' squares their weights.
    @inline(__always)
    func weighBySquares() {
        for element in 0..<count { weights[element] = values[element] * values[element] }
    }

    @inline(__always)
    func sumsOfSquares() -> SIMD8<Float> {
        var sums = SIMD8<Float>.zero
        for element in 0..<count { sums += values[element] * values[element] }
        return sums
    }

    /// The first value of largest magnitude in each group, and which groups count as zero.
    @inline(__always)
    func extremes() -> (values: SIMD8<Float>, isZero: SIMDMask<SIMD8<Int32>>) {
        var extremes = SIMD8<Float>.zero
        for element in 0..<count {
            let value = values[element]
            extremes.replace(with: value, where: magnitudes(value) .> magnitudes(extremes))
        }
        return (extremes, magnitudes(extremes) .< CentredSearch.smallest)
    }
}

/// The sum of the values' squares, taken one after the other.
@inline(__always)
func sumOfSquares(_ values: UnsafeRawPointer, count: Int) -> Float {
    var sum: Float = 0
    for index in 0..<count { sum += values.float(index) * values.float(index) }
    return sum
}

/// A format of 256 elements whose groups' scales are integers themselves, to which values can be encoded.
protocol SuperBlockEncoding: WeightedRowEncoding {
    /// Encodes the finite values of `lanes`; false where a scale of the scales is too large for f16.
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool
}

extension SuperBlockEncoding {
    @inline(__always)
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        BlockLanes.with(groupSize: groupSize) { lanes in
            for block in 0..<count / elements {
                let first = block * elements
                lanes.load(row + first, importance: importance.map { $0 + first }, groups: groups)
                guard encode(lanes, into: output + block * byteCount) else { return block }
            }
            return nil
        }
    }
}
