/// Finds the id of a token by its bytes: open addressing over the vocabulary's one block of bytes.
///
/// Lookups are O(length). The hash is seeded anew in every process, so that no file can be made to collide.
package struct TokenIndex: Sendable {
    private let tokens: ByteStringList
    private var slots: [Int32]
    private let seed: UInt64

    /// The first token that occurs twice: the ids of both places. Lookups give the first.
    package private(set) var duplicate: (first: Int, second: Int)?

    /// - Parameter tokens: at most `Int32.max` of them.
    package init(_ tokens: ByteStringList) {
        self.tokens = tokens
        seed = UInt64.random(in: .min ... .max)
        var capacity = 16
        while capacity < tokens.count * 2 { capacity *= 2 }
        slots = [Int32](repeating: -1, count: capacity)
        for id in tokens.indices {
            let (slot, found) = find(tokens[id], ArraySlice())
            if let found {
                if duplicate == nil { duplicate = (found, id) }
            } else {
                slots[slot] = Int32(truncatingIfNeeded: id)
            }
        }
    }

    /// The id of the token with these bytes.
    package func id(of bytes: ArraySlice<UInt8>) -> Int? { find(bytes, ArraySlice()).id }

    /// The id of the token whose bytes are these two runs, one after the other.
    package func id(of first: ArraySlice<UInt8>, followedBy second: ArraySlice<UInt8>) -> Int? {
        find(first, second).id
    }

    /// The slot where the token is, or where it would go, and its id.
    private func find(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> (
        slot: Int, id: Int?
    ) {
        var hash = seed
        for byte in first { hash = Self.mix(hash ^ UInt64(byte)) }
        for byte in second { hash = Self.mix(hash ^ UInt64(byte)) }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            let token = tokens[id]
            if token.count == first.count + second.count,
                token.prefix(first.count) == first, token.suffix(second.count) == second
            {
                return (slot, id)
            }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    /// Both halves of a 128-bit product folded together: every input bit reaches every output bit.
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}
