// Small integers that are packed side by side, spread to a byte each: the lowest bits become the lowest byte.

/// Eight integers of four bits.
@inline(__always) func spreadNibbles(_ packed: UInt32) -> UInt64 {
    var bits = UInt64(packed)
    bits = (bits | bits << 16) & 0x0000_FFFF_0000_FFFF
    bits = (bits | bits << 8) & 0x00FF_00FF_00FF_00FF
    return (bits | bits << 4) & 0x0F0F_0F0F_0F0F_0F0F
}

/// Eight integers of two bits.
@inline(__always) func spreadBitPairs(_ packed: UInt16) -> UInt64 {
    var bits = UInt64(packed)
    bits = (bits | bits << 24) & 0x0000_00FF_0000_00FF
    bits = (bits | bits << 12) & 0x000F_000F_000F_000F
    return (bits | bits << 6) & 0x0303_0303_0303_0303
}

/// Eight integers of one bit.
@inline(__always) func spreadBits(_ packed: UInt8) -> UInt64 {
    // Bit n is kept in byte n; a sum with 127 carries it to the byte's highest bit.
    let own = UInt64(packed) &* 0x0101_0101_0101_0101 & 0x8040_2010_0804_0201
    return (own &+ 0x7F7F_7F7F_7F7F_7F7F) >> 7 & 0x0101_0101_0101_0101
}

/// Seven signs with an eighth that makes the number of the set ones even.
@inline(__always) func evenSigns(_ seven: UInt32) -> UInt8 {
    let bits = seven & 127
    // Bit n of the constant is the parity of n.
    let parity: UInt32 = 0x6996 >> ((bits ^ bits >> 4) & 15) & 1
    return UInt8(truncatingIfNeeded: bits | parity << 7)
}
