/// A string that equals another only where the bytes are equal.
///
/// Swift's own comparison follows canonical equivalence, under which two different keys of a file can be equal.
/// The hash is seeded by the process, so that a hostile file cannot choose keys that collide.
package struct ExactString: Hashable {
    package let string: String

    package init(_ string: String) {
        self.string = string
    }

    package static func == (left: ExactString, right: ExactString) -> Bool {
        left.string.utf8.elementsEqual(right.string.utf8)
    }

    /// By the same bytes that `==` compares.
    package func hash(into hasher: inout Hasher) {
        let hashed: Void? = string.utf8.withContiguousStorageIfAvailable { bytes in
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
        if hashed == nil {
            for byte in string.utf8 { hasher.combine(byte) }
        }
    }
}

extension String {
    /// The text between single quotes, fit for one line of a message: control characters are escaped, and a long
    /// text is cut, since names and keys come from files.
    package var quoted: String {
        let limit = 120
        var text = "'"
        for (index, scalar) in unicodeScalars.enumerated() {
            if index == limit {
                text += "…"
                break
            }
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .format:
                text += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "'"
    }

    /// Whether a control character is in it: names with one are not what they look like, and a zero ends them in C.
    package var hasControlCharacter: Bool {
        unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
    }

    /// The string of these bytes, or the offset of the first byte that is not UTF-8.
    ///
    /// Overlong forms, surrogates and values past U+10FFFF are not UTF-8.
    package static func decode(_ bytes: Span<UInt8>) -> Result<String, InvalidUTF8> {
        do throws(UTF8.ValidationError) {
            return .success(String(copying: try UTF8Span(validating: bytes)))
        } catch {
            return .failure(InvalidUTF8(offset: error.byteOffsets.lowerBound))
        }
    }
}

/// Bytes that should be text are not UTF-8 from this offset on.
package struct InvalidUTF8: Error {
    package let offset: Int
}
