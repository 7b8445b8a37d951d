/// SentencePiece's compiled table of replacements (`precompiled_charsmap`).
///
/// Layout, little-endian: the size of the trie in bytes (u32); the trie, a double array of u32 units as Darts-clone
/// builds it; the replacements, UTF-8 texts that each end with a zero byte. A unit holds the label of the edge that
/// leads to it (bits 0 to 7), whether a text ends here (bit 8), and the offset of its children (bits 10 to 30, shifted
/// by 8 where bit 9 is set); the unit at a text's end has bit 31 set, and holds the offset of its replacement.
package struct CharacterMap: Sendable, Hashable {
    /// The table as the file holds it.
    package let bytes: [UInt8]
    private let units: [UInt32]
    private let replacements: ArraySlice<UInt8>

    /// A replacement for the beginning of a text.
    struct Match: Equatable {
        /// How many bytes of the text it stands for.
        let length: Int
        let replacement: ArraySlice<UInt8>
    }

    /// - Parameters:
    ///   - bytes: the compiled table
    ///   - file: the file's name, for errors
    /// - Throws: `TokenizerError.malformedCharacterMap` where the sizes do not fit, or the last replacement does not end.
    package init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
        func malformed(_ fact: String) -> TokenizerError {
            .malformedCharacterMap(file: file, fact: fact)
        }
        guard bytes.count >= 4 else {
            throw malformed("it has \(bytes.count) bytes, but its size alone takes 4")
        }
        let size = Int(Self.unit(bytes[0..<4]))
        guard size >= 4, size.isMultiple(of: 4), size <= bytes.count - 4 else {
            throw malformed("its trie has \(size) bytes, but \(bytes.count - 4) bytes follow")
        }
        let texts = bytes[(4 + size)...]
        guard texts.last == 0 else { throw malformed("its last replacement does not end") }
        self.bytes = bytes
        units = stride(from: 4, to: 4 + size, by: 4).map { Self.unit(bytes[$0..<($0 + 4)]) }
        replacements = texts
    }

    private static func unit(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The entries that a text begins with, shortest first. Offsets that lead out of the table end the search.
    ///
    /// - Parameter text: UTF-8
    /// - Returns: the length of each entry and its replacement.
    func matches(_ text: ArraySlice<UInt8>) -> [Match] {
        var matches: [Match] = []
        var place = Self.offset(units[0])
        for (index, byte) in text.enumerated() {
            place ^= Int(byte)
            guard byte != 0, units.indices.contains(place) else { break }
            let unit = units[place]
            guard unit & 0x8000_00FF == UInt32(byte) else { break }
            place ^= Self.offset(unit)
            if unit >> 8 & 1 == 1 {
                guard units.indices.contains(place),
                    let replacement = replacement(at: Int(units[place] & 0x7FFF_FFFF))
                else { break }
                matches.append(Match(length: index + 1, replacement: replacement))
            }
        }
        return matches
    }

    private static func offset(_ unit: UInt32) -> Int {
        Int(unit >> 10) << Int((unit & 0x200) >> 6)
    }

    private func replacement(at offset: Int) -> ArraySlice<UInt8>? {
        guard offset < replacements.count else { return nil }
        return replacements.dropFirst(offset).prefix { $0 != 0 }
    }

    // MARK: - Applying

    /// The text with the longest entry at each place replaced; scalars without entry stay.
    ///
    /// - Parameter text: UTF-8
    package func replacingLongest(in text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if let match = matches(text[place...]).last {
                result += match.replacement
                place += match.length
                continue
            }
            let start = place
            repeat { place += 1 } while place < text.count && text[place] & 0xC0 == 0x80
            result += text[start..<place]
        }
        return result
    }

    /// The text with graphemes and scalars replaced; see `TextNormalizer.CharacterMapMatching.graphemes`.
    ///
    /// - Parameter text: UTF-8
    package func replacingGraphemes(in text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for grapheme in String(decoding: text, as: UTF8.self) {
            let bytes = Array(grapheme.utf8)
            if bytes.count < 6, let match = matches(bytes[...]).first {
                result += match.replacement
                continue
            }
            for scalar in grapheme.unicodeScalars {
                let bytes = Array(String(scalar).utf8)
                result += matches(bytes[...]).first?.replacement ?? bytes[...]
            }
        }
        return result
    }
}
