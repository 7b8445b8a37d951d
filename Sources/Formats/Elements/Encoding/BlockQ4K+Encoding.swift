extension BlockQ4K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let search = RangeSearch(highest: 15, start: -1, step: 0.1, trials: 20)
        let fits = encodeScales(Self.self, lanes, search, highest: .max, into: block)
        storeNibblePairs(lanes.codes(), to: block + 16)
        return fits
    }
}

extension BlockQ5K: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let search = RangeSearch(highest: 31, start: -0.5, step: 0.1, trials: 15)
        let fits = encodeScales(Self.self, lanes, search, highest: 63, into: block)
        let integers = lanes.codes()
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
/// - Parameter highest: what scales that wrapped in eight bits are lowered to: ggml does so in Q5_K alone.
@inline(__always)
private func encodeScales<Block: QuantizedBlock>(
    _ type: Block.Type, _ lanes: BlockLanes, _ plain: RangeSearch, highest: UInt8,
    into block: UnsafeMutableRawPointer
) -> Bool {
    let search = lanes.isWeighted ? RangeSearch.weighted(highest: plain.highest) : plain
    weigh(lanes)
    let found = search.run(lanes.half(0))
    let (scales, minimums) = StoredScales.pair(
        found, nil, highest: 63, isWeighted: lanes.isWeighted)
    block.storeBytes(of: scales.scale, as: Float16.self)
    block.storeBytes(of: minimums.scale, toByteOffset: 2, as: Float16.self)
    let scale = scales.integers.lowHalf.capped(at: highest)
    let minimum = minimums.integers.lowHalf.capped(at: highest)
    // In the layout that `unpackSixBits` reads.
    let first = scale.lowHalf | (scale.highHalf &>> 4) &<< 6
    let second = minimum.lowHalf | (minimum.highHalf &>> 4) &<< 6
    let third = scale.highHalf & 0x0F | (minimum.highHalf & 0x0F) &<< 4
    block.storeBytes(of: first, toByteOffset: 4, as: SIMD4<UInt8>.self)
    block.storeBytes(of: second, toByteOffset: 8, as: SIMD4<UInt8>.self)
    block.storeBytes(of: third, toByteOffset: 12, as: SIMD4<UInt8>.self)
    lanes.requantize(Block.self, stored: block, from: 0, to: search.highest) { _ in
        search.choose(found, lanes.half(0))
    }
    return scales.fits && minimums.fits
}

/// Without importances, an element's error counts by its magnitude and the root mean square of its group.
@inline(__always)
private func weigh(_ lanes: BlockLanes) {
    if lanes.isWeighted { return lanes.spreadWeights(by: SIMD8(repeating: 2 * lanes.meanSquare())) }
    let half = lanes.half(0)
    let average = roots(half.sumsOfSquares() / 32)
    for element in 0..<32 { half.weights[element] = average + magnitudes(half.values[element]) }
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

extension SIMD8<UInt8> {
    @inline(__always)
    fileprivate func capped(at highest: UInt8) -> SIMD8<UInt8> {
        replacing(with: highest, where: self .> highest)
    }
}
