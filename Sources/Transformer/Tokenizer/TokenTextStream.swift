/// Decodes tokens one at a time, for text that is shown while it is generated.
///
/// The scalars of a byte-level tokenizer may be split between tokens: bytes that can still become a scalar are held
/// back until it is whole. All that was returned, joined, equals `Tokenizer.decode` of the same tokens.
public struct TokenTextStream: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecial: Bool
    private var held: [UInt8] = []

    public init(_ tokenizer: Tokenizer, skipSpecial: Bool = true) {
        self.tokenizer = tokenizer
        self.skipSpecial = skipSpecial
    }

    /// Takes the next token and returns the text that is now complete.
    public mutating func push(_ token: Int) -> String {
        if skipSpecial, tokenizer.isSpecial(token) { return "" }
        held += tokenizer.bytes(of: token)
        let complete = held.count - Self.incompleteTail(held)
        let text = String(decoding: held[..<complete], as: UTF8.self)
        held.removeFirst(complete)
        return text
    }

    /// The text of what is still held back; bytes that never became a scalar are U+FFFD.
    public mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    /// How many bytes at the end begin a scalar that the next bytes may complete: 0 to 3.
    private static func incompleteTail(_ bytes: [UInt8]) -> Int {
        for length in 1..<4 where length <= bytes.count {
            let tail = bytes.suffix(length)
            guard let lead = tail.first else { return 0 }
            if lead & 0xC0 == 0x80 { continue }
            return couldBecomeScalar(Array(tail)) ? length : 0
        }
        return 0
    }

    /// Whether bytes are a true prefix of some scalar's UTF-8 (Unicode table 3-7).
    private static func couldBecomeScalar(_ bytes: [UInt8]) -> Bool {
        let length: Int
        switch bytes[0] {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return false
        }
        guard bytes.count < length else { return false }
        guard bytes.count > 1 else { return true }
        switch bytes[0] {
        case 0xE0: return bytes[1] >= 0xA0
        case 0xED: return bytes[1] < 0xA0
        case 0xF0: return bytes[1] >= 0x90
        case 0xF4: return bytes[1] < 0x90
        default: return true
        }
    }
}
