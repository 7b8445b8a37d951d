/// A block of quantised elements: each is scale · q + minimum, where neighbouring elements form groups that share
/// the scale and the minimum, and q is a small integer.
///
/// Widening and multiplying are written once, over this description (`BlockLoops`); a format says only where its
/// integers and scales lie. Layouts are those of ggml; the order of the float operations is that of gguf-py, so
/// that widened values agree with it bit for bit.
protocol QuantizedBlock: SendableMetatype {
    /// The block's scales, unpacked.
    associatedtype Scales

    static var type: ElementType { get }
    /// How many neighbouring elements share a scale: 16 or 32.
    static var groupSize: Int { get }
    /// Whether elements have a minimum added.
    static var hasMinimum: Bool { get }

    static func scales(_ block: UnsafeRawPointer) -> Scales
    /// The scale and minimum of a group; the minimum is 0 where the format has none.
    static func scale(_ scales: Scales, group: Int) -> (scale: Float, minimum: Float)
    /// The integers of elements 16 · index to 16 · index + 15.
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8>
}

extension QuantizedBlock {
    @inline(__always) static var elements: Int { type.elementsPerBlock }
    @inline(__always) static var byteCount: Int { type.bitsPerBlock / 8 }
}

extension UnsafeRawPointer {
    /// The half-precision number at a byte offset.
    @inline(__always) func half(_ offset: Int) -> Float {
        Float(loadUnaligned(fromByteOffset: offset, as: Float16.self))
    }

    /// Four half-precision numbers from a byte offset: cheaper than one, which no vector instruction reads from memory.
    @inline(__always) func halves4(_ offset: Int) -> SIMD4<Float> {
        SIMD4<Float>(loadUnaligned(fromByteOffset: offset, as: SIMD4<Float16>.self))
    }

    @inline(__always) func bytes16(_ offset: Int) -> SIMD16<UInt8> {
        loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
    }
}

/// The low nibble of every byte (half 0) or the high one (half 1).
@inline(__always) func nibbles(_ bytes: SIMD16<UInt8>, half: Int) -> SIMD16<UInt8> {
    half == 0 ? bytes & 0x0F : bytes &>> 4
}

/// The same bits, read as signed numbers.
@inline(__always) func signed(_ bytes: SIMD16<UInt8>) -> SIMD16<Int8> {
    SIMD16<Int8>(truncatingIfNeeded: bytes)
}

/// Eight bytes in a word, lowest first, as numbers.
@inline(__always) func floats(_ word: UInt64) -> SIMD8<Float> {
    SIMD8<Float>(unsafeBitCast(word, to: SIMD8<UInt8>.self))
}
