extension BlockIQ3XXS: CodebookEncoding {
    typealias Lattice = LatticeOfFours
    static var map: CodebookMap { IQ3Codebooks.map256 }
    static var hasEvenSigns: Bool { true }
    static var meanSquares: Float { 2 }
    static var leastValue: Float { 1e-8 }
    static var tries: ScaleTries { ScaleTries(count: 31, step: 0.2) }
    static var refinement: VectorRefinement { .others }
    static var correction: Float { 1.0125 }

    @inline(__always)
    static func store(
        _ places: UnsafePointer<UInt16>, signs: UInt32, group: Int,
        in block: UnsafeMutableRawPointer
    ) {
        for vector in 0..<8 {
            block.storeBytes(
                of: UInt8(truncatingIfNeeded: places[vector]),
                toByteOffset: 2 + group * 8 + vector, as: UInt8.self)
        }
        block.storeBytes(of: sevens(signs), toByteOffset: 66 + group * 4, as: UInt32.self)
    }

    @inline(__always)
    static func store(scales: UnsafePointer<UInt8>, in block: UnsafeMutableRawPointer) {
        for group in 0..<8 { block.addHighNibble(scales[group], toByteOffset: 69 + group * 4) }
    }
}

/// Blocks are ggml's but for those with a group of zeros beside others: ggml writes the vectors and signs of later groups into
/// the places of that one, and what is read back is not what was written.
extension BlockIQ3S: CodebookEncoding {
    typealias Lattice = LatticeOfFours
    static var map: CodebookMap { IQ3Codebooks.map512 }
    static var hasEvenSigns: Bool { false }
    static var meanSquares: Float { 2 }
    static var leastValue: Float { .leastNonzeroMagnitude }
    static var tries: ScaleTries { ScaleTries(count: 19, step: 0.2) }
    static var refinement: VectorRefinement { .allOrNone }
    static var correction: Float { 1.033 }

    @inline(__always)
    static func store(
        _ places: UnsafePointer<UInt16>, signs: UInt32, group: Int,
        in block: UnsafeMutableRawPointer
    ) {
        var ninthBits: UInt8 = 0
        for vector in 0..<8 {
            block.storeBytes(
                of: UInt8(truncatingIfNeeded: places[vector]),
                toByteOffset: 2 + group * 8 + vector, as: UInt8.self)
            ninthBits |= UInt8(places[vector] >> 8) << UInt8(vector)
        }
        block.storeBytes(of: ninthBits, toByteOffset: 66 + group, as: UInt8.self)
        block.storeBytes(of: signs, toByteOffset: 74 + group * 4, as: UInt32.self)
    }

    @inline(__always)
    static func store(scales: UnsafePointer<UInt8>, in block: UnsafeMutableRawPointer) {
        for pair in 0..<4 {
            block.storeBytes(
                of: scales[2 * pair] | scales[2 * pair + 1] << 4, toByteOffset: 106 + pair,
                as: UInt8.self)
        }
    }
}
