import Formats

/// Decodes tokens one at a time, for text that is shown while it is generated.
///
/// A scalar may be split between tokens. The bytes of a byte-level vocabulary that can still become a scalar are held
/// back until it is whole. In vocabularies that spell single bytes (`<0x0A>`) a run of such tokens is held back until
/// another token ends it: if the run is not UTF-8, each of its bytes becomes U+FFFD, as in the `tokenizers` library.
/// All that was returned, joined, is `Tokenizer.decode` of the same tokens.
package struct TokenTextStream: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecial: Bool
    private var held: [UInt8] = []
    /// How many spaces may still be dropped from the start of the text.
    private var droppedSpaces = 0
    private var dropsMarks = false

    package init(_ tokenizer: Tokenizer, skipSpecial: Bool = true) {
        self.tokenizer = tokenizer
        self.skipSpecial = skipSpecial
        guard case .spaceMarks(_, let start) = tokenizer.definition.decoder else { return }
        switch start {
        case .keep: break
        case .dropSpaces(let count): droppedSpaces = count
        case .dropMarksOfFirstToken: dropsMarks = true
        }
    }

    /// Takes the next token and returns the text that is now complete.
    package mutating func push(_ token: Int) -> String {
        if skipSpecial, tokenizer.isSpecial(token) { return "" }
        guard tokenizer.definition.tokens.indices.contains(token) else { return "" }
        guard case .spaceMarks(let joinsBytes, _) = tokenizer.definition.decoder else {
            return pushBytes(tokenizer.bytes(of: token))
        }
        if joinsBytes, tokenizer.definition.kinds[token] == .byte {
            dropsMarks = false
            held += tokenizer.bytes(of: token)
            return ""
        }
        let run = releasedRun()
        if dropsMarks {
            dropsMarks = false
            return run
                + tokenizer.definition.tokens.text(token)
                .replacing(PreTokenizerRule.spaceMark, with: "")
        }
        return run + withoutFirstSpaces(tokenizer.piece(of: token))
    }

    /// The text of what is still held back; bytes that never became a scalar are U+FFFD.
    package mutating func finish() -> String {
        if case .spaceMarks = tokenizer.definition.decoder { return releasedRun() }
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    // MARK: - Spelled bytes

    /// The text of the run of bytes that ends here.
    private mutating func releasedRun() -> String {
        guard !held.isEmpty else { return "" }
        defer { held = [] }
        let text =
            String(validating: held, as: UTF8.self)
            ?? String(repeating: "\u{FFFD}", count: held.count)
        return withoutFirstSpaces(text)
    }

    private mutating func withoutFirstSpaces(_ text: String) -> String {
        guard droppedSpaces > 0 else { return text }
        var rest = text.unicodeScalars[...]
        while droppedSpaces > 0, let first = rest.first {
            guard first == " " else {
                droppedSpaces = 0
                break
            }
            rest.removeFirst()
            droppedSpaces -= 1
        }
        return String(rest)
    }

    // MARK: - Byte-level vocabularies

    private mutating func pushBytes(_ bytes: [UInt8]) -> String {
        held += bytes
        let complete = held.count - Self.incompleteTail(held)
        let text = String(decoding: held[..<complete], as: UTF8.self)
        held.removeFirst(complete)
        return text
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
