extension BlockQ4_0: EvenBlockEncoding {
    static var levels: Int { 16 }

    static func store(_ block: SimpleBlock, into output: UnsafeMutableRawPointer) {
        output.storeBytes(of: block.scale, as: Float16.self)
        output.storeBytes(of: block.nibbles, toByteOffset: 2, as: SIMD16<UInt8>.self)
    }
}

extension BlockQ4_1: EvenBlockEncoding {
    static var levels: Int { 16 }

    static func store(_ block: SimpleBlock, into output: UnsafeMutableRawPointer) {
        output.storeBytes(of: block.scale, as: Float16.self)
        output.storeBytes(of: block.minimum, toByteOffset: 2, as: Float16.self)
        output.storeBytes(of: block.nibbles, toByteOffset: 4, as: SIMD16<UInt8>.self)
    }
}
