/// A format whose blocks are encoded one by one, without importances.
protocol SimpleBlockEncoding: WeightedRowEncoding {
    /// Encodes the finite values of a block; false where the scale or the minimum is too large.
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool
}

extension SimpleBlockEncoding {
    @inline(__always)
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        encodePlain(row, count: count, into: output)
    }

    /// Encodes blocks that each stand for themselves.
    @inline(__always)
    static func encodePlain(
        _ row: UnsafePointer<Float>, count: Int, into output: UnsafeMutableRawPointer
    ) -> Int? {
        for block in 0..<count / elements {
            let values = UnsafeRawPointer(row + block * elements)
            guard encode(values, into: output + block * byteCount) else { return block }
        }
        return nil
    }
}

/// A format of 32 elements with one scale, which is searched for in eight blocks at once.
protocol ScaledBlockEncoding: WeightedRowEncoding {
    /// Chooses scales and minimums for the weighted values of eight blocks, and fixes the integers.
    static func search(
        _ half: BlockLanes.Half
    ) -> (scales: SIMD8<Float>, minimums: SIMD8<Float>)
    static func store(_ block: SimpleBlock, into output: UnsafeMutableRawPointer)
}

extension ScaledBlockEncoding {
    /// Encodes eight blocks at once, whose weights `weigh` makes of the importances.
    @inline(__always)
    static func encodeLanes(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer, weigh: (BlockLanes) -> Void
    ) -> Int? {
        BlockLanes.with(groupSize: 32) { lanes in
            for first in stride(from: 0, to: count, by: 256) {
                let blocks = min(8, (count - first) / 32)
                lanes.load(
                    row + first, importance: importance.map { $0 + first }, groups: blocks)
                weigh(lanes)
                let (scales, minimums) = search(lanes.half(0))
                let codes = lanes.codes()
                for index in 0..<blocks {
                    let block = SimpleBlock(
                        scale: scales[index], minimum: minimums[index],
                        integers: codes.loadUnaligned(
                            fromByteOffset: index * 32, as: SIMD32<UInt8>.self))
                    store(block, into: output + (first / 32 + index) * byteCount)
                    guard block.fits else { return first / 32 + index }
                }
            }
            return nil
        }
    }
}

/// A format of 32 elements with one scale that is searched for only where importances are known.
protocol EvenBlockEncoding: ScaledBlockEncoding, SimpleBlockEncoding {
    /// How many integers there are.
    static var levels: Int { get }
}

extension EvenBlockEncoding {
    @inline(__always)
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let simple =
            hasMinimum
            ? SimpleBlock(ranged: values, levels: levels)
            : SimpleBlock(centred: values, levels: levels)
        store(simple, into: block)
        return simple.fits
    }

    @inline(__always)
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        guard let importance else { return encodePlain(row, count: count, into: output) }
        let meanSquare = sumOfSquares(row, count: count) / Float(count)
        guard meanSquare.isFinite else { return largest(row, count: count) / elements }
        return encodeLanes(row, count: count, importance: importance, into: output) {
            $0.spreadWeights(by: SIMD8(repeating: meanSquare))
        }
    }

    @inline(__always)
    static func search(
        _ half: BlockLanes.Half
    ) -> (scales: SIMD8<Float>, minimums: SIMD8<Float>) {
        if hasMinimum {
            let search = RangeSearch.weighted(highest: Float(levels - 1))
            let fit = search.run(half)
            search.choose(fit, half)
            return (fit.scales, fit.low)
        }
        let search = CentredSearch(limit: Float(levels / 2))
        let fit = search.scan(half)
        search.choose(fit, half)
        return (fit.scales, .zero)
    }

    /// The index of the value of largest magnitude.
    private static func largest(_ row: UnsafePointer<Float>, count: Int) -> Int {
        var largest = 0
        for index in 0..<count where abs(row[index]) > abs(row[largest]) { largest = index }
        return largest
    }
}

/// Thirty-two values as integers from 0 on, one scale and one minimum: value ≈ scale · (integer − centre) or
/// scale · integer + minimum.
struct SimpleBlock {
    let scale: Float16
    let minimum: Float16
    let integers: SIMD32<UInt8>

    @inline(__always)
    init(scale: Float, minimum: Float, integers: SIMD32<UInt8>) {
        self.scale = Float16(scale)
        self.minimum = Float16(minimum)
        self.integers = integers
    }

    /// With a scale that makes the value of largest magnitude the lowest integer.
    @inline(__always)
    init(centred values: UnsafeRawPointer, levels: Int) {
        let (low, high) = values.extremes32()
        // Of two values of largest magnitude, the first.
        let isLow = -low == high ? values.first(magnitude: high) == low : -low > high
        // A sum with zero is no negative zero.
        let step = ((isLow ? low : high) + 0) / Float(-levels / 2)
        let factor = Self.inverse(step)
        scale = Float16(step)
        minimum = 0
        integers = Self.truncated(
            values, less: 0, factor, plus: Float(levels / 2) + 0.5, limit: Float(levels - 1))
    }

    /// With a scale and a minimum that make the lowest value the lowest integer and the highest the highest.
    @inline(__always)
    init(ranged values: UnsafeRawPointer, levels: Int) {
        var (low, high) = values.extremes32()
        // The sign of the first zero is stored.
        if low == 0 { low = values.first(magnitude: 0) }
        if high == 0 { high = 0 }
        let step = (high - low) / Float(levels - 1)
        scale = Float16(step)
        minimum = Float16(low)
        integers = Self.truncated(
            values, less: low, Self.inverse(step), plus: 0.5, limit: Float(levels - 1))
    }

    /// Whether scale and minimum are numbers in f16.
    var fits: Bool { scale.isFinite && minimum.isFinite }

    /// Low nibbles, the first sixteen elements in the low half of each byte.
    var nibbles: SIMD16<UInt8> {
        (integers.lowHalf & 0x0F) | (integers.highHalf & 0x0F) &<< 4
    }

    /// 1 / step, or 0 where the step is zero or too small to have an inverse.
    @inline(__always)
    static func inverse(_ step: Float) -> Float {
        let inverse = 1 / step
        return inverse.isFinite ? inverse : 0
    }

    @inline(__always)
    private static func truncated(
        _ values: UnsafeRawPointer, less minimum: Float, _ factor: Float, plus offset: Float,
        limit: Float
    ) -> SIMD32<UInt8> {
        wholeNumbers(values) { value in
            let scaled = (value - minimum) * factor + offset
            let rounded = nearest(scaled)
            return rounded.replacing(with: rounded - 1, where: rounded .> scaled)
                .clamped(to: 0, limit)
        }
    }

    /// The lowest bytes of 32 values after a transform that makes them whole.
    @inline(__always)
    static func wholeNumbers(
        _ values: UnsafeRawPointer, _ transform: (SIMD8<Float>) -> SIMD8<Float>
    ) -> SIMD32<UInt8> {
        let first = SIMD16(
            lowHalf: bytes(ofWhole: transform(values.floats8(0))),
            highHalf: bytes(ofWhole: transform(values.floats8(32))))
        let second = SIMD16(
            lowHalf: bytes(ofWhole: transform(values.floats8(64))),
            highHalf: bytes(ofWhole: transform(values.floats8(96))))
        return SIMD32(lowHalf: first, highHalf: second)
    }
}

/// Added to a float of magnitude up to 2²², it leaves no place for a fraction: the sum is rounded to a whole number, ties
/// to even, which stands in its lowest bits.
private let wholeNumberOffset: Float = 0x1.8p23

/// Whole numbers nearest to the values, ties to even.
@inline(__always) func nearest(_ values: SIMD8<Float>) -> SIMD8<Float> {
    (values + wholeNumberOffset) - wholeNumberOffset
}

/// Whole numbers nearest to the values, ties away from zero.
@inline(__always) func nearestAway(_ values: SIMD8<Float>) -> SIMD8<Float> {
    let rounded = nearest(values)
    let missing = values - rounded
    return rounded.replacing(with: rounded + 1, where: (missing .== 0.5) .& (values .> 0))
        .replacing(with: rounded - 1, where: (missing .== -0.5) .& (values .< 0))
}

/// The lowest bytes of whole numbers, in two's complement; never traps, whatever the value.
@inline(__always) func bytes(ofWhole x: SIMD8<Float>) -> SIMD8<UInt8> {
    let bits = unsafeBitCast(x + wholeNumberOffset, to: SIMD8<UInt32>.self)
    return SIMD8(
        UInt8(truncatingIfNeeded: bits[0]), UInt8(truncatingIfNeeded: bits[1]),
        UInt8(truncatingIfNeeded: bits[2]), UInt8(truncatingIfNeeded: bits[3]),
        UInt8(truncatingIfNeeded: bits[4]), UInt8(truncatingIfNeeded: bits[5]),
        UInt8(truncatingIfNeeded: bits[6]), UInt8(truncatingIfNeeded: bits[7]))
}

extension SIMD8<Float> {
    /// Each lane, but no less than `low` and no more than `high`.
    @inline(__always) func clamped(to low: Float, _ high: Float) -> SIMD8<Float> {
        let raised = replacing(with: low, where: self .< low)
        return raised.replacing(with: high, where: raised .> high)
    }
}

extension UnsafeRawPointer {
    /// The largest magnitude of so many floats, a multiple of eight.
    @inline(__always) func largestMagnitude(count: Int) -> Float {
        var largest = SIMD8<Float>.zero
        for first in stride(from: 0, to: count * 4, by: 32) {
            let sizes = magnitudes(floats8(first))
            largest.replace(with: sizes, where: sizes .> largest)
        }
        return largest.max()
    }

    /// The lowest and the highest of 32 floats.
    @inline(__always) func extremes32() -> (low: Float, high: Float) {
        var low = floats8(0)
        var high = low
        for offset in [32, 64, 96] {
            let values = floats8(offset)
            low.replace(with: values, where: values .< low)
            high.replace(with: values, where: values .> high)
        }
        return (low.min(), high.max())
    }

    /// The first of 32 floats that has this magnitude.
    func first(magnitude: Float) -> Float {
        for index in 0..<32 where abs(float(index)) == magnitude { return float(index) }
        return magnitude
    }

    /// The float with this index.
    @inline(__always) func float(_ index: Int) -> Float {
        loadUnaligned(fromByteOffset: index * 4, as: Float.self)
    }
}
