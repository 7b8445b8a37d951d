/// A string as the bytes a file holds, compared byte by byte, whether or not they are valid UTF-8.
package struct ByteString: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ string: String) {
        bytes = Array(string.utf8)
    }

    /// The text; bytes that are not UTF-8 become U+FFFD.
    package var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Many strings in one block of bytes, compact and quick to fill: a vocabulary, a list of merges.
package struct ByteStringList: Hashable, Sendable, RandomAccessCollection {
    package private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []

    package init() {}

    package init(_ strings: some Sequence<String>) {
        for string in strings { append(string.utf8) }
    }

    /// Makes room for so many strings of so many bytes together.
    package mutating func reserve(strings: Int, bytes count: Int) {
        ends.reserveCapacity(strings)
        bytes.reserveCapacity(count)
    }

    /// Adds a string at the end.
    package mutating func append(_ string: some Sequence<UInt8>) {
        bytes.append(contentsOf: string)
        ends.append(bytes.count)
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { ends.count }

    package subscript(index: Int) -> ArraySlice<UInt8> {
        bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// The string's text; bytes that are not UTF-8 become U+FFFD.
    package func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }
}
