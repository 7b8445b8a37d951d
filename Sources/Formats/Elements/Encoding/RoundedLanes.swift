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
    /// The lowest lane, of numbers: `min()` is a call, and a loop over memory.
    @inline(__always) var lowest: Float {
        let four = lowHalf.replacing(with: highHalf, where: highHalf .< lowHalf)
        let two = four.lowHalf.replacing(with: four.highHalf, where: four.highHalf .< four.lowHalf)
        return Swift.min(two[0], two[1])
    }

    /// The highest lane, of numbers.
    @inline(__always) var highest: Float {
        let four = lowHalf.replacing(with: highHalf, where: highHalf .> lowHalf)
        let two = four.lowHalf.replacing(with: four.highHalf, where: four.highHalf .> four.lowHalf)
        return Swift.max(two[0], two[1])
    }

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
        return largest.highest
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
        return (low.lowest, high.highest)
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

/// Each lane without its sign.
@inline(__always) func magnitudes(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let bits = unsafeBitCast(x, to: SIMD8<UInt32>.self) & 0x7FFF_FFFF
    return unsafeBitCast(bits, to: SIMD8<Float>.self)
}
