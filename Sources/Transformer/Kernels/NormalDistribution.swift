/// The standard normal distribution at each lane: the share Φ(x) below x, and the density e^(−x²/2) / √(2π).
///
/// The tail below −a is e^(−a²/2) times a polynomial in t = 1 / (1 + 0.35 a), fitted on 0 ≤ a ≤ 14 to a relative error
/// of 4e-8; so Φ keeps its digits far below zero too: its relative error is within 6e-7 for x ≥ −4, within 1.3e-6 for
/// x ≥ −8, its absolute error within 2e-7.
@inline(__always)
func normalDistribution(
    _ x: SIMD8<Float>
) -> (share: SIMD8<Float>, density: SIMD8<Float>) {
    let power = exponential(x * x * -0.5)
    let magnitude = x.replacing(with: 0 - x, where: x .< 0)
    let t = 1 / (magnitude * 0.35 + 1)
    var polynomial = t * -2.914_607_3e-2 + 1.439_724e-1
    polynomial = polynomial * t - 2.557_156_7e-1
    polynomial = polynomial * t + 1.591_757_7e-1
    polynomial = polynomial * t - 2.311_092_2e-2
    polynomial = polynomial * t + 1.055_084_54e-1
    polynomial = polynomial * t + 1.198_327_54e-1
    polynomial = polynomial * t + 1.398_618_8e-1
    polynomial = polynomial * t + 1.396_214e-1
    let tail = polynomial * t * power
    return ((1 - tail).replacing(with: tail, where: x .< 0), power * 0.398_942_28)
}
