extension BlockQ2K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        for index in 0..<2 {
            let half = lanes.half(index)
            for element in 0..<16 { half.weights[element] = magnitudes(half.values[element]) }
        }
        let search = RangeSearch(highest: 3, start: -0.5, trials: 15, isAbsolute: true)
        let first = search.run(lanes.half(0))
        let second = search.run(lanes.half(1))
        let scales = StoredScales(
            positive: SIMD16(lowHalf: first.scales, highHalf: second.scales), highest: 15)
        let minimums = StoredScales(
            positive: SIMD16(lowHalf: first.minimums, highHalf: second.minimums), highest: 15)
        for index in 0..<2 {
            lanes.requantize(
                half: index, scales: scales.floats(half: index),
                minimums: minimums.floats(half: index), from: 0, to: 3)
        }
        block.storeBytes(of: scales.integers | minimums.integers &<< 4, as: SIMD16<UInt8>.self)
        storeBitPairs(lanes.integers(), to: block + 16)
        block.storeBytes(of: scales.scale, toByteOffset: 80, as: Float16.self)
        block.storeBytes(of: minimums.scale, toByteOffset: 82, as: Float16.self)
        return scales.fits && minimums.fits
    }
}

/// Writes the low two bits of 256 integers as Q2_K and Q3_K hold them.
@inline(__always)
func storeBitPairs(_ integers: UnsafeRawPointer, to output: UnsafeMutableRawPointer) {
    forEachColumn { half, column in
        var bytes = SIMD16<UInt8>.zero
        for pair in 0..<4 {
            let twoBits = integers.bytes16(half * 128 + pair * 32 + column) & 3
            bytes |= twoBits &<< UInt8(2 * pair)
        }
        output.storeBytes(of: bytes, toByteOffset: half * 32 + column, as: SIMD16<UInt8>.self)
    }
}
