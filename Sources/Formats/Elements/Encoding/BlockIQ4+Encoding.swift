extension BlockIQ4NL: ScaledBlockEncoding {
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        encodeLanes(row, count: count, importance: importance, into: output) { lanes in
            let half = lanes.half(0)
            guard lanes.isWeighted else { return half.weighBySquares() }
            lanes.spreadWeights(by: half.sumsOfSquares() * (2 / 32))
        }
    }

    @inline(__always)
    static func search(
        _ half: BlockLanes.Half
    ) -> (scales: SIMD8<Float>, minimums: SIMD8<Float>) {
        let scales = UnevenSearch.scan(half)
        UnevenSearch.choose(inverses(scales), half)
        return (scales, .zero)
    }

    @inline(__always)
    static func store(_ block: SimpleBlock, into output: UnsafeMutableRawPointer) {
        output.storeBytes(of: block.scale, as: Float16.self)
        output.storeBytes(of: block.nibbles, toByteOffset: 2, as: SIMD16<UInt8>.self)
    }
}

extension BlockIQ4XS: SuperBlockEncoding {
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool {
        let half = lanes.half(0)
        if lanes.isWeighted {
            lanes.spreadWeights(by: SIMD8(repeating: 2 * lanes.meanSquare()))
        } else {
            half.weighBySquares()
        }
        let groups = UnevenSearch.scan(half)
        let extreme = StoredScales.extreme(SIMD16(lowHalf: groups, highHalf: .zero))
        let scale = extreme / -32
        let integers = nearest(inverses(SIMD8(repeating: scale)) * groups).clamped(to: -32, 31)
        // With the scale before it is rounded, as the reference does.
        UnevenSearch.choose(inverses(scale * integers), half)
        let stored = StoredScales(
            scale: Float16(scale),
            integers: SIMD16(lowHalf: bytes(ofWhole: integers + 32), highHalf: .zero),
            fits: Float16(scale).isFinite && all(magnitudes(groups) .< .infinity))
        store(stored, lanes.codes(), to: block)
        return stored.fits
    }

    @inline(__always)
    private static func store(
        _ scales: StoredScales, _ places: UnsafeRawPointer, to block: UnsafeMutableRawPointer
    ) {
        let integers = scales.integers.lowHalf
        var high: UInt16 = 0
        for group in 0..<8 { high |= UInt16(integers[group] >> 4) << UInt16(2 * group) }
        let low = integers.evenHalf & 0x0F | integers.oddHalf &<< 4
        block.storeBytes(of: scales.scale, as: Float16.self)
        block.storeBytes(of: high, toByteOffset: 2, as: UInt16.self)
        block.storeBytes(of: low, toByteOffset: 4, as: SIMD4<UInt8>.self)
        for group in 0..<8 {
            let nibbles = places.bytes16(group * 32) | places.bytes16(group * 32 + 16) &<< 4
            block.storeBytes(
                of: nibbles, toByteOffset: 8 + group * 16, as: SIMD16<UInt8>.self)
        }
    }
}

/// 1 / x, or 0 where x is zero.
@inline(__always)
private func inverses(_ x: SIMD8<Float>) -> SIMD8<Float> {
    (1 / x).replacing(with: 0, where: x .== 0)
}
