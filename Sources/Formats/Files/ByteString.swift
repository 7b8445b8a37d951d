/// A string as the bytes a file holds, compared byte by byte, whether or not they are valid UTF-8.
public struct ByteString: Hashable, Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public init(_ string: String) {
        bytes = Array(string.utf8)
    }

    /// The text; bytes that are not UTF-8 become U+FFFD.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Many strings in one block of bytes, compact and quick to fill: a vocabulary, a list of merges.
public struct ByteStringList: Hashable, Sendable, RandomAccessCollection {
    public private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []

    public init() {}

    public init(_ strings: some Sequence<String>) {
        for string in strings { append(string.utf8) }
    }

    public mutating func reserve(strings: Int, bytes count: Int) {
        ends.reserveCapacity(strings)
        bytes.reserveCapacity(count)
    }

    public mutating func append(_ string: some Sequence<UInt8>) {
        bytes.append(contentsOf: string)
        ends.append(bytes.count)
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { ends.count }

    public subscript(index: Int) -> ArraySlice<UInt8> {
        bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// The string's text; bytes that are not UTF-8 become U+FFFD.
    public func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }
}
