import Formats

/// Finds added tokens (control and user-defined ones) in text: at each place the longest, from left to right.
///
/// A trie over the tokens' bytes; a search takes O(text × longest token), and tokens are at most
/// `AddedTokens.lengthLimit` bytes long.
struct AddedTokens {
    static let lengthLimit = 1024

    /// The next node for a node and a byte.
    private var edges: [UInt64: Int32] = [:]
    /// The token that ends at each node; node 0 is the root.
    private var endings: [Int32] = [-1]
    /// Whether any token begins with a byte.
    private var begins = [Bool](repeating: false, count: 256)

    init() {}

    /// - Throws: `TokenizerError.tokenTooLong`.
    mutating func insert(_ token: ArraySlice<UInt8>, id: Int) throws(TokenizerError) {
        guard token.count <= Self.lengthLimit else {
            throw .tokenTooLong(
                token: ByteString(Array(token)).text, id: id, bytes: token.count,
                limit: Self.lengthLimit)
        }
        guard let first = token.first else { return }
        begins[Int(first)] = true
        var node: Int32 = 0
        for byte in token {
            let key = Self.key(node, byte)
            if let known = edges[key] {
                node = known
            } else {
                node = Int32(truncatingIfNeeded: endings.count)
                edges[key] = node
                endings.append(-1)
            }
        }
        endings[Int(node)] = Int32(truncatingIfNeeded: id)
    }

    /// The first token at or after a position.
    func first(in text: [UInt8], from start: Int) -> (range: Range<Int>, id: Int)? {
        for position in start..<text.count where begins[Int(text[position])] {
            if let (end, id) = longest(in: text, at: position) { return (position..<end, id) }
        }
        return nil
    }

    private func longest(in text: [UInt8], at start: Int) -> (end: Int, id: Int)? {
        var found: (end: Int, id: Int)?
        var node: Int32 = 0
        for position in start..<text.count {
            guard let next = edges[Self.key(node, text[position])] else { break }
            node = next
            if endings[Int(node)] >= 0 { found = (position + 1, Int(endings[Int(node)])) }
        }
        return found
    }

    private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
        UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
    }
}
