extension BlockQ3K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let scales = lanes.isWeighted ? weightedScales(lanes) : plainScales(lanes)
        storeSixBits(scales.integers &+ 32, to: block + 96)
        block.storeBytes(of: scales.scale, toByteOffset: 108, as: Float16.self)
        lanes.requantize(Self.self, stored: block, from: -4, to: 3, offset: 4) { _ in }
        let integers = lanes.codes()
        storeThirdBits(integers, to: block)
        storeBitPairs(integers, to: block + 32)
        return scales.fits
    }

    @inline(__always)
    private static func plainScales(_ lanes: BlockLanes) -> StoredScales {
        let search = CentredSearch(limit: 4)
        let first = search.refine(lanes.half(0))
        return StoredScales(
            signed: SIMD16(lowHalf: first, highHalf: search.refine(lanes.half(1))), limit: 32)
    }

    @inline(__always)
    private static func weightedScales(_ lanes: BlockLanes) -> StoredScales {
        lanes.spreadWeights(by: SIMD8(repeating: 2 * lanes.meanSquare()))
        let search = CentredSearch(limit: 4)
        let first = search.scan(lanes.half(0))
        let second = search.scan(lanes.half(1))
        let scales = StoredScales(
            signed: SIMD16(lowHalf: first.scales, highHalf: second.scales),
            weights: SIMD16(lowHalf: first.weights, highHalf: second.weights), limit: 32)
        search.choose(first, lanes.half(0))
        search.choose(second, lanes.half(1))
        return scales
    }

    /// Bit b of byte j is the third bit of element 32 b + j.
    @inline(__always)
    private static func storeThirdBits(
        _ integers: UnsafeRawPointer, to output: UnsafeMutableRawPointer
    ) {
        for column in [0, 16] {
            var bytes = SIMD16<UInt8>.zero
            for bit in 0..<8 {
                bytes |= (integers.bytes16(bit * 32 + column) &>> 2 & 1) &<< UInt8(bit)
            }
            output.storeBytes(of: bytes, toByteOffset: column, as: SIMD16<UInt8>.self)
        }
    }

    /// Writes sixteen scales in the layout that `unpackScales` reads.
    @inline(__always)
    private static func storeSixBits(
        _ scales: SIMD16<UInt8>, to output: UnsafeMutableRawPointer
    ) {
        let low = scales.lowHalf & 0x0F | (scales.highHalf & 0x0F) &<< 4
        let tops = scales &>> 4
        let (first, last) = (tops.lowHalf, tops.highHalf)
        let high =
            first.lowHalf | first.highHalf &<< 2 | last.lowHalf &<< 4 | last.highHalf &<< 6
        output.storeBytes(of: low, as: SIMD8<UInt8>.self)
        output.storeBytes(of: high, toByteOffset: 8, as: SIMD4<UInt8>.self)
    }
}
