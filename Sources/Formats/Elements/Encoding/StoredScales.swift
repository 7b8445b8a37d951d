/// The scales of up to sixteen groups as a super-block holds them: an integer for each and one half-precision scale for
/// all.
struct StoredScales {
    let scale: Float16
    /// In two's complement; of eight groups in the low half.
    let integers: SIMD16<UInt8>
    /// Whether the scale is a number in f16 and those of the groups were numbers.
    let fits: Bool

    init(scale: Float16, integers: SIMD16<UInt8>, fits: Bool) {
        self.scale = scale
        self.integers = integers
        self.fits = fits
    }

    /// Scales from 0 on, as integers up to `highest`.
    @inline(__always)
    init(positive scales: SIMD16<Float>, highest: Float) {
        let largest = max(0, scales.lowHalf.highest, scales.highHalf.highest)
        let factor = largest > 0 ? highest / largest : 0
        scale = Float16(largest / highest)
        integers = Self.integers(scales, factor, from: 0, to: highest)
        fits = scale.isFinite && Self.areFinite(scales)
    }

    /// Scales of either sign, as integers from −limit to limit − 1, the one of largest magnitude being −limit.
    @inline(__always)
    init(signed scales: SIMD16<Float>, limit: Float) {
        let extreme = Self.extreme(scales)
        let factor = -limit / extreme
        scale = extreme == 0 ? 0 : Float16(1 / factor)
        // Where all are zero, the integers do not matter; the reference leaves the lowest.
        integers =
            extreme == 0
            ? SIMD16(repeating: UInt8(truncatingIfNeeded: -Int(limit)))
            : Self.integers(scales, factor, from: -limit, to: limit - 1)
        fits = scale.isFinite && Self.areFinite(scales)
    }

    /// The first scale of largest magnitude.
    static func extreme(_ scales: SIMD16<Float>) -> Float {
        var extreme: Float = 0
        for index in 0..<16 where abs(scales[index]) > abs(extreme) { extreme = scales[index] }
        return extreme
    }

    @inline(__always)
    static func integers(
        _ scales: SIMD16<Float>, _ factor: Float, from low: Float, to high: Float
    ) -> SIMD16<UInt8> {
        SIMD16(
            lowHalf: bytes(ofWhole: nearest(scales.lowHalf * factor).clamped(to: low, high)),
            highHalf: bytes(ofWhole: nearest(scales.highHalf * factor).clamped(to: low, high)))
    }

    static func areFinite(_ scales: SIMD16<Float>) -> Bool {
        for index in 0..<16 where !scales[index].isFinite { return false }
        return true
    }
}
