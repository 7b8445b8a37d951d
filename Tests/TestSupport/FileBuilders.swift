/// Builds GGUF files byte by byte, correct or not; nothing is checked.
///
///     GGUFBuilder(keys: 1).key("a", type: 4, value: le(UInt32(7)))
public struct GGUFBuilder: Sendable {
    public private(set) var bytes: [UInt8]

    public init(magic: String = "GGUF", version: UInt32 = 3, tensors: UInt64 = 0, keys: UInt64 = 0)
    {
        bytes = Array(magic.utf8) + le(version) + le(tensors) + le(keys)
    }

    /// A file of just these bytes.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Appends bytes as they are.
    public func raw(_ more: [UInt8]) -> GGUFBuilder {
        var copy = self
        copy.bytes += more
        return copy
    }

    /// Appends a metadata entry; the value is not looked at.
    public func key(_ key: String, type: UInt32, value: [UInt8]) -> GGUFBuilder {
        raw(ggufString(key) + le(type) + value)
    }

    /// Appends a tensor description; `ne` is in the file's order, the contiguous dimension first.
    public func tensor(_ name: String, ne: [UInt64], type: UInt32 = 0, offset: UInt64 = 0)
        -> GGUFBuilder
    {
        raw(ggufString(name) + le(UInt32(ne.count)) + ne.flatMap { le($0) } + le(type) + le(offset))
    }

    /// Appends zeros up to a multiple of the alignment.
    public func padded(to alignment: Int = 32) -> GGUFBuilder {
        raw(Array(repeating: 0, count: (alignment - bytes.count % alignment) % alignment))
    }

    /// Pads, then appends zeros as data.
    public func data(_ count: Int) -> GGUFBuilder {
        padded().raw(Array(repeating: 0, count: count))
    }
}

/// A GGUF string: length and bytes.
public func ggufString(_ text: String) -> [UInt8] {
    le(UInt64(text.utf8.count)) + Array(text.utf8)
}

/// The bytes of an integer, little-endian.
public func le(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// The bytes of a safetensors file with this header text and so many zeros of data; nothing is checked.
public func safetensorsFile(_ header: String, data count: Int = 0, length: UInt64? = nil) -> [UInt8]
{
    le(length ?? UInt64(header.utf8.count)) + Array(header.utf8) + Array(repeating: 0, count: count)
}

/// A deterministic source of random numbers (splitmix64, Vigna 2015).
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
