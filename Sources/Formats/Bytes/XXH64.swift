/// The 64-bit hash XXH64 with seed 0: fast, and good against accidents, not against intent.
///
/// Specification: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
package enum XXH64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The digest of all the bytes, with seed 0.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var offset = 0
        var hash = prime5
        if bytes.count >= 32 {
            var lanes = SIMD4(prime1 &+ prime2, prime2, 0, 0 &- prime1)
            while offset &+ 32 <= bytes.count {
                let words = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
                lanes = rotated(lanes &+ words &* prime2, 31) &* prime1
                offset &+= 32
            }
            hash = rotated(lanes[0], 1) &+ rotated(lanes[1], 7)
            hash = hash &+ rotated(lanes[2], 12) &+ rotated(lanes[3], 18)
            for lane in 0..<4 {
                hash = (hash ^ mixed(lanes[lane])) &* prime1 &+ prime4
            }
        }
        hash = hash &+ UInt64(bytes.count)
        while offset &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            hash = rotated(hash ^ mixed(word), 27) &* prime1 &+ prime4
            offset &+= 8
        }
        if offset &+ 4 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            hash = rotated(hash ^ (UInt64(word) &* prime1), 23) &* prime2 &+ prime3
            offset &+= 4
        }
        for byte in bytes[offset...] {
            hash = rotated(hash ^ (UInt64(byte) &* prime5), 11) &* prime1
        }
        hash = (hash ^ (hash &>> 33)) &* prime2
        hash = (hash ^ (hash &>> 29)) &* prime3
        return hash ^ (hash &>> 32)
    }

    @inline(__always) private static func mixed(_ lane: UInt64) -> UInt64 {
        rotated(lane &* prime2, 31) &* prime1
    }

    @inline(__always) private static func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 {
        (word &<< count) | (word &>> (64 &- count))
    }

    @inline(__always)
    private static func rotated(_ words: SIMD4<UInt64>, _ count: UInt64) -> SIMD4<UInt64> {
        (words &<< count) | (words &>> (64 &- count))
    }
}
