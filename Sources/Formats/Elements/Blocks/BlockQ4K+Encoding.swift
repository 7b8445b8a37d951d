extension BlockQ4K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let search = RangeSearch(highest: 15, start: -1, trials: 20, isAbsolute: false)
        let fits = encodeScales(lanes, search, into: block)
        storeNibblePairs(lanes.integers(), to: block + 16)
        return fits
    }
}

extension BlockQ5K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let search = RangeSearch(highest: 31, start: -0.5, trials: 15, isAbsolute: false)
        let fits = encodeScales(lanes, search, into: block)
        let integers = lanes.integers()
        for column in [0, 16] {
            var fifthBits = SIMD16<UInt8>.zero
            for group in 0..<8 {
                fifthBits |= (integers.bytes16(group * 32 + column) &>> 4) &<< UInt8(group)
            }
            block.storeBytes(of: fifthBits, toByteOffset: 16 + column, as: SIMD16<UInt8>.self)
        }
        storeNibblePairs(integers, to: block + 48)
        return fits
    }
}

/// Chooses the integers of a Q4_K or Q5_K block and writes its first 16 bytes; false where they do not fit.
///
/// An element's error counts by its magnitude and the root mean square of its group.
@inline(__always)
private func encodeScales(
    _ lanes: BlockLanes, _ search: RangeSearch, into block: UnsafeMutableRawPointer
) -> Bool {
    let half = lanes.half(0)
    var squares = SIMD8<Float>.zero
    for element in 0..<32 { squares += half.values[element] * half.values[element] }
    let average = (squares / 32).squareRoot()
    for element in 0..<32 { half.weights[element] = average + magnitudes(half.values[element]) }
    let found = search.run(half)
    let scales = StoredScales(
        positive: SIMD16(lowHalf: found.scales, highHalf: .zero), highest: 63)
    let minimums = StoredScales(
        positive: SIMD16(lowHalf: found.minimums, highHalf: .zero), highest: 63)
    lanes.requantize(
        half: 0, scales: scales.floats(half: 0), minimums: minimums.floats(half: 0), from: 0,
        to: search.highest)
    block.storeBytes(of: scales.scale, as: Float16.self)
    block.storeBytes(of: minimums.scale, toByteOffset: 2, as: Float16.self)
    let (scale, minimum) = (scales.integers.lowHalf, minimums.integers.lowHalf)
    // In the layout that `unpackSixBits` reads.
    let first = scale.lowHalf | (scale.highHalf &>> 4) &<< 6
    let second = minimum.lowHalf | (minimum.highHalf &>> 4) &<< 6
    let third = scale.highHalf & 0x0F | (minimum.highHalf & 0x0F) &<< 4
    block.storeBytes(of: first, toByteOffset: 4, as: SIMD4<UInt8>.self)
    block.storeBytes(of: second, toByteOffset: 8, as: SIMD4<UInt8>.self)
    block.storeBytes(of: third, toByteOffset: 12, as: SIMD4<UInt8>.self)
    return scales.fits && minimums.fits
}

/// Writes the low nibbles of 256 integers as Q4_K and Q5_K hold them.
@inline(__always)
private func storeNibblePairs(_ integers: UnsafeRawPointer, to output: UnsafeMutableRawPointer) {
    for pair in 0..<4 {
        for column in [0, 16] {
            let low = integers.bytes16(pair * 64 + column) & 0x0F
            let high = integers.bytes16(pair * 64 + 32 + column) & 0x0F
            output.storeBytes(
                of: low | high &<< 4, toByteOffset: pair * 32 + column, as: SIMD16<UInt8>.self)
        }
    }
}
