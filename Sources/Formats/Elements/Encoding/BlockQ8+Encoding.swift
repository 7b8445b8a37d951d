extension BlockQ8_0: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let step = values.largestMagnitude(count: 32) / 127
        let factor = SimpleBlock.inverse(step)
        let scale = Float16(step)
        let integers = SimpleBlock.wholeNumbers(values) {
            nearestAway($0 * factor)
        }
        block.storeBytes(of: scale, as: Float16.self)
        block.storeBytes(of: integers, toByteOffset: 2, as: SIMD32<UInt8>.self)
        return scale.isFinite
    }
}
