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
