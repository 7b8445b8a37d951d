// The reference rounds by adding 1.5 · 2²³ and taking the low bits of the sum: for numbers beyond 2²² these are no particular
// whole numbers, but always the same. Lanes of integers are clamped by shifts: comparing them is not vectorised.

/// Whole numbers nearest to the values, ties to even, within 0 to `highest`.
@inline(__always)
func nearestLevels(_ x: SIMD8<Float>, highest: Int32) -> SIMD8<Int32> {
    let numbers = wholeNumbers(x)
    let positive = numbers & ~(numbers &>> 31)
    let excess = positive &- highest
    return highest &+ (excess & (excess &>> 31))
}

/// Whole numbers nearest to the values, ties to even.
@inline(__always)
func wholeNumbers(_ x: SIMD8<Float>) -> SIMD8<Int32> {
    unsafeBitCast(x + 0x1.8p23, to: SIMD8<Int32>.self) & 0x7F_FFFF &- 0x40_0000
}

/// The whole number nearest to a value, ties to even.
@inline(__always)
func wholeNumber(_ x: Float) -> Int32 {
    Int32(truncatingIfNeeded: (x + 0x1.8p23).bitPattern & 0x7F_FFFF) &- 0x40_0000
}

@inline(__always) func floats(_ x: SIMD8<Int32>) -> SIMD8<Float> {
    SIMD8(
        Float(x[0]), Float(x[1]), Float(x[2]), Float(x[3]), Float(x[4]), Float(x[5]), Float(x[6]),
        Float(x[7]))
}

@inline(__always) func roots(_ x: SIMD8<Float>) -> SIMD8<Float> {
    SIMD8(
        x[0].squareRoot(), x[1].squareRoot(), x[2].squareRoot(), x[3].squareRoot(),
        x[4].squareRoot(), x[5].squareRoot(), x[6].squareRoot(), x[7].squareRoot())
}

/// Whether a comparison holds in any lane.
@inline(__always) func isAny(_ mask: SIMDMask<SIMD8<Int32>>) -> Bool {
    let words = unsafeBitCast(mask, to: SIMD4<UInt64>.self)
    return words[0] | words[1] | words[2] | words[3] != 0
}
