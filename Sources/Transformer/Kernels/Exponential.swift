/// e to the power of each lane, within 2 ulp; 0 below −86.6, infinity above 88.72, NaN for NaN.
///
/// x = n ln 2 + r with |r| ≤ ln 2 / 2; e^r by the degree-5 polynomial of Cephes (S. L. Moshier, expf), 2ⁿ by its
/// exponent bits.
@inline(__always)
func exponential(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let highest: Float = 88.722_83
    let lowest: Float = -86.6
    let bounded = x.replacing(with: highest, where: x .> highest)
        .replacing(with: lowest, where: x .< lowest)
    // Adding 1.5 · 2²³ rounds to an integer, which stays in the low bits.
    let magic: Float = 12_582_912
    let shifted = bounded * 1.442_695_04 + magic
    let n = shifted - magic
    // Products and sums on their own: a fused product of vectors is compiled lane by lane in a chain like this.
    let r = bounded - n * 0.693_359_375 + n * 2.121_944_4e-4
    var polynomial = r * 1.987_569_15e-4 + 1.398_199_95e-3
    polynomial = polynomial * r + 8.333_451_9e-3
    polynomial = polynomial * r + 4.166_579_6e-2
    polynomial = polynomial * r + 1.666_666_55e-1
    polynomial = polynomial * r + 0.5
    let power = polynomial * (r * r) + (r + 1)
    // 2ⁿ as 2 · 2ⁿ⁻¹: n = 128 has no exponent of its own.
    let exponent =
        unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- Int32(bitPattern: magic.bitPattern) &+ 126
    let scale = unsafeBitCast(exponent &<< 23, to: SIMD8<Float>.self)
    return (power * scale * 2)
        .replacing(with: 0, where: x .< lowest)
        .replacing(with: .infinity, where: x .> highest)
        .replacing(with: x, where: x .!= x)
}

/// e to the power of x, with the bits of a lane of the vector form.
@inline(__always)
func exponential(_ x: Float) -> Float { exponential(SIMD8<Float>(repeating: x))[0] }
