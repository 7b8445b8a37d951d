/// The tokens of SentencePiece vocabularies that stand for one byte each: `<0x0A>`.
package enum ByteToken {
    /// The text of the token for a byte, with upper-case digits.
    package static func text(of byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            + Array(">".utf8)
    }

    /// The byte that a token stands for; nil for any other text.
    package static func byte(of token: some Collection<UInt8>) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token.dropFirst(5).first == 0x3E
        else { return nil }
        let digits = token.dropFirst(3).prefix(2).compactMap { digit(of: $0) }
        return digits.count == 2 ? digits[0] << 4 | digits[1] : nil
    }

    private static func digit(of character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x41...0x46: character - 0x41 + 10
        case 0x61...0x66: character - 0x61 + 10
        default: nil
        }
    }
}
