import TestSupport

/// Changes the bytes of a file at random, as damage and as malice would.
struct Mutator {
    var generator: SeededGenerator

    /// Numbers that are too large, too small, or none.
    private static let numbers = [
        "0", "-1", "1", "2", "0.5", "1e308", "1e999", "-0", "2147483648", "4294967295",
        "4294967296",
        "9007199254740993", "9223372036854775807", "18446744073709551616", "16777216", "NaN",
        "null",
        "true", "[]", "{}", "\"x\"",
    ]
    /// The same as bytes of integers and floats of 4 or 8 bytes.
    private static let words: [UInt64] = [
        0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 24, 1 << 53,
        0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, .max, 0x7f80_0000, 0x7fc0_0000,
        0x7ff0_0000_0000_0000,
    ]
    private static let texts = [
        "", "\u{0}", "\u{1b}[2J", "\n", "../../x", "/", ".", "\u{fffd}", "\\ud800",
        String(repeating: "a", count: 70_000), String(repeating: "[", count: 100_000), "\u{202e}",
    ]

    /// A changed copy: one to three changes.
    ///
    /// - Parameter isText: JSON or lines of it, whose numbers and texts are changed as such.
    mutating func changed(_ original: [UInt8], isText: Bool) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            if isText, Int.random(in: 0..<4, using: &generator) > 0 {
                changeToken(&bytes)
            } else {
                changeBytes(&bytes)
            }
        }
        return bytes
    }

    /// Mostly near the beginning, where headers are.
    private mutating func place(in bytes: [UInt8]) -> Int {
        let near = min(
            bytes.count, [64, 512, 4096, bytes.count].randomElement(using: &generator) ?? 1)
        return near == 0 ? 0 : Int.random(in: 0..<near, using: &generator)
    }

    private mutating func changeBytes(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = place(in: bytes)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: bytes.removeSubrange(place...)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(bytes[place], at: place)
        case 3, 4:
            let word = Self.words.randomElement(using: &generator) ?? 0
            let count = Bool.random(using: &generator) ? 4 : 8
            let start = place & ~3
            for index in 0..<min(count, bytes.count - start) {
                bytes[start + index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index))
            }
        case 5:
            let end = min(bytes.count, place + Int.random(in: 1...64, using: &generator))
            bytes.replaceSubrange(place..<end, with: bytes[place..<end].reversed())
        case 6: bytes.append(contentsOf: bytes.prefix(Int.random(in: 1...64, using: &generator)))
        default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        }
    }

    /// Puts something else in the place of a number or of a quoted text.
    private mutating func changeToken(_ bytes: inout [UInt8]) {
        var tokens = Self.tokens(in: bytes)
        // Mostly values, and keys now and then.
        if Int.random(in: 0..<5, using: &generator) > 0 {
            tokens.removeAll {
                $0.upperBound < bytes.count && bytes[$0.upperBound] == UInt8(ascii: ":")
            }
        }
        guard let token = tokens.randomElement(using: &generator) else {
            return changeBytes(&bytes)
        }
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes.removeSubrange(token)
        case 1:
            // Another token of the file.
            let other = tokens.randomElement(using: &generator) ?? token
            bytes.replaceSubrange(token, with: Array(bytes[other]))
        case 2:
            let text = Self.texts.randomElement(using: &generator) ?? ""
            bytes.replaceSubrange(token, with: Array("\"\(text)\"".utf8))
        default:
            let number = Self.numbers.randomElement(using: &generator) ?? "0"
            bytes.replaceSubrange(token, with: Array(number.utf8))
        }
    }

    /// Where numbers, words and quoted texts stand.
    private static func tokens(in bytes: [UInt8]) -> [Range<Int>] {
        var tokens: [Range<Int>] = []
        var position = 0
        while position < bytes.count {
            let start = position
            if bytes[position] == UInt8(ascii: "\"") {
                position += 1
                while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
                position = min(position + 1, bytes.count)
                tokens.append(start..<position)
            } else if isWord(bytes[position]) {
                while position < bytes.count, isWord(bytes[position]) { position += 1 }
                tokens.append(start..<position)
            } else {
                position += 1
            }
        }
        return tokens
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
