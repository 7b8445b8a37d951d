extension BlockIQ2XXS: CodebookEncoding {
    typealias Lattice = LatticeOfEights
    static var needsImportance: Bool { true }
    static var map: CodebookMap { IQ2Codebooks.map256 }
    static var hasEvenSigns: Bool { true }
    static var meanSquares: Float { 1 }
    static var leastValue: Float { 1e-15 }
    static var tries: ScaleTries { ScaleTries(count: 13, step: 0.1) }
    static var refinement: VectorRefinement { .all }
    static var correction: Float { 1 }

    /// The scale at which integers from 0 to 4 are best; the highest level stands for three of it.
    @inline(__always)
    static func start(_ group: CodebookGroup, largest: Float) -> (scale: Float, reach: Float)? {
        let scale = PositiveScale(highest: 4).best(
            group.values, group.weights, count: groupSize, largest: largest)
        return scale * 3 > 0 ? (scale, scale * 3) : nil
    }

    @inline(__always)
    static func store(
        _ places: UnsafePointer<UInt16>, signs: UInt32, group: Int,
        in block: UnsafeMutableRawPointer
    ) {
        for vector in 0..<4 {
            block.storeBytes(
                of: UInt8(truncatingIfNeeded: places[vector]),
                toByteOffset: 2 + group * 8 + vector, as: UInt8.self)
        }
        block.storeBytes(of: sevens(signs), toByteOffset: 6 + group * 8, as: UInt32.self)
    }

    @inline(__always)
    static func store(scales: UnsafePointer<UInt8>, in block: UnsafeMutableRawPointer) {
        for group in 0..<8 { block.addHighNibble(scales[group], toByteOffset: 9 + group * 8) }
    }
}

extension BlockIQ2XS: CodebookEncoding {
    typealias Lattice = LatticeOfEights
    static var needsImportance: Bool { true }
    static var map: CodebookMap { IQ2Codebooks.map512 }
    static var hasEvenSigns: Bool { true }
    static var meanSquares: Float { 1 }
    static var leastValue: Float { 1e-15 }
    static var tries: ScaleTries { ScaleTries(count: 19, step: 0.1) }
    static var refinement: VectorRefinement { .others }
    static var correction: Float { 1 }

    @inline(__always)
    static func store(
        _ places: UnsafePointer<UInt16>, signs: UInt32, group: Int,
        in block: UnsafeMutableRawPointer
    ) {
        for vector in 0..<2 {
            let seven = UInt16(signs >> UInt32(8 * vector) & 127)
            block.storeBytes(
                of: places[vector] | seven << 9, toByteOffset: 2 + group * 4 + vector * 2,
                as: UInt16.self)
        }
    }

    @inline(__always)
    static func store(scales: UnsafePointer<UInt8>, in block: UnsafeMutableRawPointer) {
        storeSixteenths(scales, to: block + 66)
    }
}

extension BlockIQ2S: CodebookEncoding {
    typealias Lattice = LatticeOfEights
    static var map: CodebookMap { IQ2Codebooks.map1024 }
    static var hasEvenSigns: Bool { false }
    static var meanSquares: Float { 2 }
    static var leastValue: Float { 1e-8 }
    static var tries: ScaleTries { ScaleTries(count: 19, step: 0.1) }
    static var refinement: VectorRefinement { .others }
    static var correction: Float { 0.9875 }

    @inline(__always)
    static func weights(_ squares: SIMD8<Float>, _ meanSquares: Float) -> SIMD8<Float> {
        0.25 * meanSquares + squares
    }

    @inline(__always)
    static func store(
        _ places: UnsafePointer<UInt16>, signs: UInt32, group: Int,
        in block: UnsafeMutableRawPointer
    ) {
        for vector in 0..<2 {
            let eight = group * 2 + vector
            block.storeBytes(
                of: UInt8(truncatingIfNeeded: places[vector]), toByteOffset: 2 + eight,
                as: UInt8.self)
            block.storeBytes(
                of: UInt8(truncatingIfNeeded: signs >> UInt32(8 * vector)),
                toByteOffset: 34 + eight, as: UInt8.self)
            let high = UInt8(places[vector] >> 8) << UInt8(2 * (eight % 4))
            let old = block.load(fromByteOffset: 66 + eight / 4, as: UInt8.self)
            block.storeBytes(of: old | high, toByteOffset: 66 + eight / 4, as: UInt8.self)
        }
    }

    @inline(__always)
    static func store(scales: UnsafePointer<UInt8>, in block: UnsafeMutableRawPointer) {
        storeSixteenths(scales, to: block + 74)
    }
}

/// The sixteen scales of IQ2_XS and IQ2_S as eight bytes.
@inline(__always)
private func storeSixteenths(_ scales: UnsafePointer<UInt8>, to output: UnsafeMutableRawPointer) {
    for pair in 0..<8 {
        output.storeBytes(
            of: scales[2 * pair] | scales[2 * pair + 1] << 4, toByteOffset: pair, as: UInt8.self)
    }
}

/// Seven of each eight signs, side by side.
@inline(__always)
func sevens(_ signs: UInt32) -> UInt32 {
    signs & 0x7F | signs >> 1 & 0x3F80 | signs >> 2 & 0x1F_C000 | signs >> 3 & 0xFE0_0000
}

extension UnsafeMutableRawPointer {
    /// Sets the high nibble of a byte whose own is zero.
    @inline(__always)
    func addHighNibble(_ nibble: UInt8, toByteOffset offset: Int) {
        let old = load(fromByteOffset: offset, as: UInt8.self)
        storeBytes(of: old | nibble << 4, toByteOffset: offset, as: UInt8.self)
    }
}
