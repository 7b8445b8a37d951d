/// A block of quantised elements: each is scale · q + minimum, where neighbouring elements form groups that share
/// the scale and the minimum, and q is a small integer.
///
/// Widening and multiplying are written once, over this description (`BlockLoops`); a format says only where its
/// integers and scales lie. Layouts are those of ggml; the order of the float operations is that of its
/// `dequantize_row_*`, so that widened values agree with it bit for bit.
protocol QuantizedBlock: SendableMetatype {
    static var type: ElementType { get }
    /// How many neighbouring elements share a scale: a power of two, from 16 to 256.
    static var groupSize: Int { get }
    /// Whether elements have a minimum added.
    static var hasMinimum: Bool { get }
    /// What q may be.
    static var integers: StoredIntegers { get }

    /// Writes the scales of the block's groups, and after them, where the format has them, the minimums.
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer)
    /// Writes the block's integers as signed bytes, in the order of its elements.
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer)
}

extension QuantizedBlock {
    @inline(__always) static var elements: Int { type.elementsPerBlock }
    @inline(__always) static var byteCount: Int { type.bitsPerBlock / 8 }
    @inline(__always) static var groups: Int { elements / groupSize }
}

extension UnsafeRawPointer {
    /// The half-precision number at a byte offset.
    @inline(__always) func half(_ offset: Int) -> Float {
        Float(loadUnaligned(fromByteOffset: offset, as: Float16.self))
    }

    /// Four half-precision numbers from a byte offset: cheaper than one, which no vector instruction reads from memory.
    @inline(__always) func halves4(_ offset: Int) -> SIMD4<Float> {
        floats(loadUnaligned(fromByteOffset: offset, as: SIMD4<Float16>.self))
    }

    @inline(__always) func bytes16(_ offset: Int) -> SIMD16<UInt8> {
        loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
    }
}

extension UnsafeMutableRawPointer {
    /// Writes sixteen integers at a byte offset.
    @inline(__always) func store(_ integers: SIMD16<Int8>, at offset: Int) {
        storeBytes(of: integers, toByteOffset: offset, as: SIMD16<Int8>.self)
    }

    /// Writes the low nibbles of sixteen bytes at one offset, the high ones at another.
    @inline(__always)
    func storeNibbles(_ bytes: SIMD16<UInt8>, low: Int, high: Int) {
        store(signed(bytes & 0x0F), at: low)
        store(signed(bytes &>> 4), at: high)
    }
}

/// The same bits, read as signed numbers.
@inline(__always) func signed(_ bytes: SIMD16<UInt8>) -> SIMD16<Int8> {
    unsafeBitCast(bytes, to: SIMD16<Int8>.self)
}

/// Eight bytes in a word, lowest first, as numbers.
@inline(__always) func floats(_ word: UInt64) -> SIMD8<Float> {
    floats(unsafeBitCast(word, to: SIMD8<UInt8>.self))
}
