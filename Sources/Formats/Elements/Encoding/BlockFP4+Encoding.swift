extension BlockMXFP4: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let exponent = wholeLogarithm(values.largestMagnitude(count: 32)) + 125
        // Below the least scale, where ggml's cast is undefined, it is the least.
        block.storeBytes(of: UInt8(max(0, exponent)), as: UInt8.self)
        var scale: Float = 0
        withUnsafeMutableBytes(of: &scale) {
            if let scale = $0.baseAddress { unpackScales(UnsafeRawPointer(block), into: scale) }
        }
        let codes = SimpleBlock.wholeNumbers(values) { FourBitFloats.codes($0, unit: scale) }
        block.storeBytes(
            of: codes.lowHalf | codes.highHalf &<< 4, toByteOffset: 1, as: SIMD16<UInt8>.self)
        return true
    }

    /// ⌊log₂ x⌋ of the logarithm rounded to f32: for the last few numbers below a power of two, that power's. −127 for zero
    /// and less.
    private static func wholeLogarithm(_ x: Float) -> Int {
        guard x > 0 else { return -127 }
        let exponent = Int(x.exponent)
        let missing = 2 - Double(x.significand)
        guard missing < 0x1p-12 else { return exponent }
        // The logarithm's slope at two; its curve is below what f32 resolves.
        let logarithm = Float(Double(exponent + 1) - missing * 0.5 * 1.442_695_040_888_963_4)
        return logarithm == Float(exponent + 1) ? exponent + 1 : exponent
    }
}

extension BlockNVFP4: SimpleBlockEncoding {
    /// False where a group has values beyond six times the largest scale, 448, where ggml makes them that.
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        var fits = true
        for group in 0..<4 {
            let scale = (values + group * 64).largestMagnitude(count: 16) / 6
            fits = fits && scale <= 448
            block.storeBytes(of: scaleCode(scale), toByteOffset: group, as: UInt8.self)
        }
        var units = SIMD4<Float>.zero
        withUnsafeMutableBytes(of: &units) {
            if let units = $0.baseAddress { unpackScales(UnsafeRawPointer(block), into: units) }
        }
        for group in 0..<4 {
            let first = FourBitFloats.codes(values.floats8(group * 64), unit: units[group])
            let second = FourBitFloats.codes(values.floats8(group * 64 + 32), unit: units[group])
            block.storeBytes(
                of: bytes(ofWhole: first) | bytes(ofWhole: second) &<< 4,
                toByteOffset: 4 + group * 8, as: SIMD8<UInt8>.self)
        }
        return fits
    }

    /// The nearest e4m3 number, halves up; from 248 on, the largest.
    private static func scaleCode(_ scale: Float) -> UInt8 {
        guard scale >= 0x1p-6 else { return UInt8(min(7, scale * 512 + 0.5)) }
        // The exponent's bias is 7 instead of 127, and 20 bits of the fraction go.
        let code = (scale.bitPattern - 120 << 23 + 1 << 19) >> 20
        return code < 0x78 ? UInt8(code) : 0x7E
    }
}

extension FourBitFloats {
    /// The codes of the numbers nearest to the values in units of half a one; of two, the one nearer to zero.
    @inline(__always)
    static func codes(_ values: SIMD8<Float>, unit: Float) -> SIMD8<Float> {
        guard unit > 0 else { return .zero }
        let sizes = magnitudes(values)
        var codes = SIMD8<Float>.zero
        @inline(__always) func count(above bound: Float, to number: Float) {
            // A number beyond f32 is near to nothing.
            let isNumber = (number * unit).isFinite
            let isAbove = sizes .> (isNumber ? bound * unit : .infinity)
            codes += SIMD8<Float>.zero.replacing(with: 1, where: isAbove)
        }
        count(above: 0.5, to: 1)
        count(above: 1.5, to: 2)
        count(above: 2.5, to: 3)
        count(above: 3.5, to: 4)
        count(above: 5, to: 6)
        count(above: 7, to: 8)
        count(above: 10, to: 12)
        return codes.replacing(with: codes + 8, where: (values .< 0) .& (codes .> 0))
    }
}
