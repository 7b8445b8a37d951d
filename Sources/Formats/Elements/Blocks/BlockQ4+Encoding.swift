extension BlockQ4_0: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let simple = SimpleBlock(centred: values, levels: 16)
        block.storeBytes(of: simple.scale, as: Float16.self)
        block.storeBytes(of: simple.nibbles, toByteOffset: 2, as: SIMD16<UInt8>.self)
        return simple.fits
    }
}

extension BlockQ4_1: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let simple = SimpleBlock(ranged: values, levels: 16)
        block.storeBytes(of: simple.scale, as: Float16.self)
        block.storeBytes(of: simple.minimum, toByteOffset: 2, as: Float16.self)
        block.storeBytes(of: simple.nibbles, toByteOffset: 4, as: SIMD16<UInt8>.self)
        return simple.fits
    }
}
