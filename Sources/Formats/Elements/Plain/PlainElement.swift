/// An element that stands alone: a float or an integer, read as a number.
protocol PlainElement: SendableMetatype {
    static var byteCount: Int { get }
    static func number(_ element: UnsafeRawPointer) -> Float
    static func numbers8(_ elements: UnsafeRawPointer) -> SIMD8<Float>
}

extension PlainElement {
    @inline(__always) static func numbers8(_ elements: UnsafeRawPointer) -> SIMD8<Float> {
        var numbers = SIMD8<Float>.zero
        for index in 0..<8 { numbers[index] = number(elements + index * byteCount) }
        return numbers
    }
}

enum PlainF64: PlainElement {
    static var byteCount: Int { 8 }

    @inline(__always) static func number(_ element: UnsafeRawPointer) -> Float {
        Float(element.loadUnaligned(as: Double.self))
    }
}

enum PlainF32: PlainElement {
    static var byteCount: Int { 4 }

    @inline(__always) static func number(_ element: UnsafeRawPointer) -> Float {
        element.loadUnaligned(as: Float.self)
    }

    @inline(__always) static func numbers8(_ elements: UnsafeRawPointer) -> SIMD8<Float> {
        elements.floats8(0)
    }
}

enum PlainF16: PlainElement {
    static var byteCount: Int { 2 }

    @inline(__always) static func number(_ element: UnsafeRawPointer) -> Float { element.half(0) }

    @inline(__always) static func numbers8(_ elements: UnsafeRawPointer) -> SIMD8<Float> {
        floats(elements.loadUnaligned(as: SIMD8<Float16>.self))
    }
}

enum PlainBF16: PlainElement {
    static var byteCount: Int { 2 }

    @inline(__always) static func number(_ element: UnsafeRawPointer) -> Float {
        Float(bitPattern: UInt32(element.loadUnaligned(as: UInt16.self)) << 16)
    }

    @inline(__always) static func numbers8(_ elements: UnsafeRawPointer) -> SIMD8<Float> {
        floats(upperHalves: elements.loadUnaligned(as: SIMD8<UInt16>.self))
    }
}

/// Four exponent bits with bias 7, three mantissa bits, no infinity; all ones is NaN (OCP 8-bit floating point, E4M3).
enum PlainF8E4M3: PlainElement {
    static var byteCount: Int { 1 }

    @inline(__always) static func number(_ element: UnsafeRawPointer) -> Float {
        let bits = UInt16(element.load(as: UInt8.self))
        if bits & 0x7F == 0x7F { return bits & 0x80 == 0 ? .nan : -.nan }
        // In the fields of a half, whose exponent bias is larger by 8.
        return Float(Float16(bitPattern: (bits & 0x80) << 8 | (bits & 0x7F) << 7)) * 256
    }
}

/// The upper byte of a half (OCP 8-bit floating point, E5M2).
enum PlainF8E5M2: PlainElement {
    static var byteCount: Int { 1 }

    @inline(__always) static func number(_ element: UnsafeRawPointer) -> Float {
        Float(Float16(bitPattern: UInt16(element.load(as: UInt8.self)) << 8))
    }
}

/// An integer of any width, little-endian, rounded to the nearest float.
enum PlainInteger<Integer: FixedWidthInteger & BitwiseCopyable>: PlainElement {
    @inline(__always) static var byteCount: Int { Integer.bitWidth / 8 }

    @inline(__always) static func number(_ element: UnsafeRawPointer) -> Float {
        Float(element.loadUnaligned(as: Integer.self))
    }
}
