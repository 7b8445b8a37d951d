extension BlockQ6K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let search = CentredSearch(limit: 32)
        if !lanes.isWeighted {
            for index in 0..<2 { lanes.half(index).weighBySquares() }
        }
        let first = search.scan(lanes.half(0))
        let second = search.scan(lanes.half(1))
        let areSmall =
            (magnitudes(first.scales) .< CentredSearch.smallest)
            .& (magnitudes(second.scales) .< CentredSearch.smallest)
        if all(areSmall) {
            UnsafeMutableRawBufferPointer(start: block, count: byteCount)
                .initializeMemory(as: UInt8.self, repeating: 0)
            return true
        }
        let scales = StoredScales(
            signed: SIMD16(lowHalf: first.scales, highHalf: second.scales), limit: 128)
        block.storeBytes(of: scales.integers, toByteOffset: 192, as: SIMD16<UInt8>.self)
        block.storeBytes(of: scales.scale, toByteOffset: 208, as: Float16.self)
        lanes.requantize(Self.self, stored: block, from: -32, to: 31, offset: 32) {
            search.choose($0 == 0 ? first : second, lanes.half($0))
        }
        store(lanes.codes(), to: block)
        return scales.fits
    }

    /// Writes nibbles and bit pairs in the layout that `unpackIntegers` reads.
    @inline(__always)
    private static func store(_ integers: UnsafeRawPointer, to block: UnsafeMutableRawPointer) {
        forEachColumn { half, column in
            let first = integers.bytes16(half * 128 + column)
            let second = integers.bytes16(half * 128 + 32 + column)
            let third = integers.bytes16(half * 128 + 64 + column)
            let fourth = integers.bytes16(half * 128 + 96 + column)
            block.storeBytes(
                of: first & 0x0F | third &<< 4, toByteOffset: half * 64 + column,
                as: SIMD16<UInt8>.self)
            block.storeBytes(
                of: second & 0x0F | fourth &<< 4, toByteOffset: half * 64 + 32 + column,
                as: SIMD16<UInt8>.self)
            let pairs =
                first &>> 4 | (second &>> 4) &<< 2 | (third &>> 4) &<< 4 | (fourth &>> 4) &<< 6
            block.storeBytes(
                of: pairs, toByteOffset: 128 + half * 32 + column, as: SIMD16<UInt8>.self)
        }
    }
}
