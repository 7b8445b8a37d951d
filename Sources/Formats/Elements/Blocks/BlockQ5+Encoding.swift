extension BlockQ5_0: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let simple = SimpleBlock(centred: values, levels: 32)
        block.storeBytes(of: simple.scale, as: Float16.self)
        block.storeBytes(of: simple.fifthBits, toByteOffset: 2, as: UInt32.self)
        block.storeBytes(of: simple.nibbles, toByteOffset: 6, as: SIMD16<UInt8>.self)
        return simple.fits
    }
}

extension BlockQ5_1: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let simple = SimpleBlock(ranged: values, levels: 32)
        block.storeBytes(of: simple.scale, as: Float16.self)
        block.storeBytes(of: simple.minimum, toByteOffset: 2, as: Float16.self)
        block.storeBytes(of: simple.fifthBits, toByteOffset: 4, as: UInt32.self)
        block.storeBytes(of: simple.nibbles, toByteOffset: 8, as: SIMD16<UInt8>.self)
        return simple.fits
    }
}

extension SimpleBlock {
    /// Bit 4 of each element, the first element's lowest.
    fileprivate var fifthBits: UInt32 {
        var word: UInt32 = 0
        for index in 0..<32 { word |= UInt32(integers[index] >> 4 & 1) << UInt32(index) }
        return word
    }
}
