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
        var word: UInt32 = 0
        for index in 0..<32 { word |= UInt32(integers[index] >> 4 & 1) << UInt32(index) }
        return word
    }
}
