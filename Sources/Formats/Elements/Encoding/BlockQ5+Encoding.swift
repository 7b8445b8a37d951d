extension BlockQ5_0: EvenBlockEncoding {
    static var levels: Int { 32 }

    static func store(_ block: SimpleBlock, into output: UnsafeMutableRawPointer) {
        output.storeBytes(of: block.scale, as: Float16.self)
        output.storeBytes(of: block.fifthBits, toByteOffset: 2, as: UInt32.self)
        output.storeBytes(of: block.nibbles, toByteOffset: 6, as: SIMD16<UInt8>.self)
    }
}

extension BlockQ5_1: EvenBlockEncoding {
    static var levels: Int { 32 }

    static func store(_ block: SimpleBlock, into output: UnsafeMutableRawPointer) {
        output.storeBytes(of: block.scale, as: Float16.self)
        output.storeBytes(of: block.minimum, toByteOffset: 2, as: Float16.self)
        output.storeBytes(of: block.fifthBits, toByteOffset: 4, as: UInt32.self)
        output.storeBytes(of: block.nibbles, toByteOffset: 8, as: SIMD16<UInt8>.self)
    }
}

extension SimpleBlock {
    /// Bit 4 of each element, the first element's lowest.
    fileprivate var fifthBits: UInt32 {
        let words = unsafeBitCast(integers, to: SIMD4<UInt64>.self)
        return bits(words[0]) | bits(words[1]) << 8 | bits(words[2]) << 16 | bits(words[3]) << 24
    }

    @inline(__always)
    private func bits(_ eight: UInt64) -> UInt32 {
        let lowest = eight >> 4 & 0x0101_0101_0101_0101
        // Multiplied by this, the lowest bits of eight bytes come together in the highest byte.
        return UInt32(truncatingIfNeeded: (lowest &* 0x0102_0408_1020_4080) >> 56)
    }
}
