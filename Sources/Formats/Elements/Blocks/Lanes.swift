// Conversions of vectors to f32, lane by lane: the compiler makes one instruction of them, while it may leave the standard
// library's generic initializers as calls.

@inline(__always) func floats(_ x: SIMD8<Int8>) -> SIMD8<Float> {
    SIMD8(
        Float(x[0]), Float(x[1]), Float(x[2]), Float(x[3]), Float(x[4]), Float(x[5]), Float(x[6]),
        Float(x[7]))
}

@inline(__always) func floats(_ x: SIMD8<UInt8>) -> SIMD8<Float> {
    SIMD8(
        Float(x[0]), Float(x[1]), Float(x[2]), Float(x[3]), Float(x[4]), Float(x[5]), Float(x[6]),
        Float(x[7]))
}

@inline(__always) func floats(_ x: SIMD8<Float16>) -> SIMD8<Float> {
    SIMD8(
        Float(x[0]), Float(x[1]), Float(x[2]), Float(x[3]), Float(x[4]), Float(x[5]), Float(x[6]),
        Float(x[7]))
}

@inline(__always) func floats(_ x: SIMD4<Float16>) -> SIMD4<Float> {
    SIMD4(Float(x[0]), Float(x[1]), Float(x[2]), Float(x[3]))
}

/// The numbers whose upper halves these are: bf16.
@inline(__always) func floats(upperHalves x: SIMD8<UInt16>) -> SIMD8<Float> {
    let bits = SIMD8<UInt32>(
        UInt32(x[0]), UInt32(x[1]), UInt32(x[2]), UInt32(x[3]), UInt32(x[4]), UInt32(x[5]),
        UInt32(x[6]),
        UInt32(x[7]))
    return unsafeBitCast(bits &<< 16, to: SIMD8<Float>.self)
}
