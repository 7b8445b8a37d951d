extension BlockQ2K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let search =
            lanes.isWeighted
            ? RangeSearch.weighted(highest: 3)
            : RangeSearch(highest: 3, start: -0.5, step: 0.1, trials: 15, isAbsolute: true)
        weigh(lanes)
        let first = search.run(lanes.half(0))
        let second = search.run(lanes.half(1))
        let (scales, minimums) = StoredScales.pair(
            first, second, highest: 15, isWeighted: lanes.isWeighted)
        block.storeBytes(of: scales.integers | minimums.integers &<< 4, as: SIMD16<UInt8>.self)
        block.storeBytes(of: scales.scale, toByteOffset: 80, as: Float16.self)
        block.storeBytes(of: minimums.scale, toByteOffset: 82, as: Float16.self)
        lanes.requantize(Self.self, stored: block, from: 0, to: 3) {
            search.choose($0 == 0 ? first : second, lanes.half($0))
        }
        storeBitPairs(lanes.codes(), to: block + 16)
        return scales.fits && minimums.fits
    }

    /// Without importances, an element's error counts by its magnitude.
    @inline(__always)
    private static func weigh(_ lanes: BlockLanes) {
        if lanes.isWeighted { return lanes.spreadWeights(by: SIMD8(repeating: lanes.meanSquare())) }
        for index in 0..<2 {
            let half = lanes.half(index)
            for element in 0..<16 { half.weights[element] = magnitudes(half.values[element]) }
        }
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
