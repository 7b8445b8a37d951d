/// The name of one file of a split model: `PREFIX-00001-of-00003.gguf`, counted from 1.
package struct GGUFShardName: Equatable {
    package let prefix: String
    /// The shard's number, counted from 0.
    package let number: Int
    package let count: Int

    package init(prefix: String, number: Int, count: Int) {
        self.prefix = prefix
        self.number = number
        self.count = count
    }

    /// The parts of a file name or path, or nil where it is not named like a shard.
    package init?(_ name: String) {
        let bytes = Array(name.utf8)
        // -00001-of-00003.gguf
        let suffix = bytes.suffix(20)
        guard suffix.count == 20, suffix.suffix(5).elementsEqual(".gguf".utf8) else { return nil }
        let parts = suffix.dropLast(5).split(
            separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, parts[2].elementsEqual("of".utf8),
            let number = Self.number(parts[1]), let count = Self.number(parts[3]),
            number >= 1, number <= count
        else { return nil }
        self.init(
            prefix: String(decoding: bytes.dropLast(20), as: UTF8.self), number: number - 1,
            count: count)
    }

    package var fileName: String {
        "\(prefix)-\(Self.padded(number + 1))-of-\(Self.padded(count)).gguf"
    }

    /// The name of another shard of the same model.
    package func sibling(_ number: Int) -> GGUFShardName {
        GGUFShardName(prefix: prefix, number: number, count: count)
    }

    /// At least five digits, as in C's `%05d`.
    package static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.count == 5,
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
