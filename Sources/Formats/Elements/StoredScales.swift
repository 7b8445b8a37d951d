/// The scales of up to sixteen groups as a super-block holds them: an integer for each and one half-precision scale for
/// all.
struct StoredScales {
    let scale: Float16
    /// In two's complement; of eight groups in the low half.
    let integers: SIMD16<UInt8>
    /// Whether the scale is a number in f16 and those of the groups were numbers.
    let fits: Bool

    /// Scales from 0 on, as integers up to `highest`.
    @inline(__always)
    init(positive scales: SIMD16<Float>, highest: Float) {
        let largest = max(0, scales.max())
        let factor = largest > 0 ? highest / largest : 0
        scale = Float16(largest / highest)
        integers = Self.integers(scales, factor, from: 0, to: highest)
        fits = scale.isFinite && Self.areFinite(scales)
    }

    /// Scales of either sign, as integers from −limit to limit − 1, the one of largest magnitude being −limit.
    @inline(__always)
    init(signed scales: SIMD16<Float>, limit: Float) {
        var extreme: Float = 0
        for index in 0..<16 where abs(scales[index]) > abs(extreme) { extreme = scales[index] }
        let factor = -limit / extreme
        scale = extreme == 0 ? 0 : Float16(1 / factor)
        // Where all are zero, the integers do not matter; the reference leaves the lowest.
        integers =
            extreme == 0
            ? SIMD16(repeating: UInt8(truncatingIfNeeded: -Int(limit)))
            : Self.integers(scales, factor, from: -limit, to: limit - 1)
        fits = scale.isFinite && Self.areFinite(scales)
    }

    /// The scales that a reader of the block finds, of groups 8 · half to 8 · half + 7.
    @inline(__always)
    func floats(half: Int) -> SIMD8<Float> {
        let signs = signed(integers)
        return Elements.floats(half == 0 ? signs.lowHalf : signs.highHalf) * Float(scale)
    }

    @inline(__always)
    private static func integers(
        _ scales: SIMD16<Float>, _ factor: Float, from low: Float, to high: Float
    ) -> SIMD16<UInt8> {
        SIMD16(
            lowHalf: bytes(ofWhole: nearest(scales.lowHalf * factor).clamped(to: low, high)),
            highHalf: bytes(ofWhole: nearest(scales.highHalf * factor).clamped(to: low, high)))
    }

    private static func areFinite(_ scales: SIMD16<Float>) -> Bool {
        for index in 0..<16 where !scales[index].isFinite { return false }
        return true
    }
}
