/// A metadata value of a GGUF file.
package enum GGUFValue: Hashable, Sendable {
    case u8(UInt8)
    case i8(Int8)
    case u16(UInt16)
    case i16(Int16)
    case u32(UInt32)
    case i32(Int32)
    case u64(UInt64)
    case i64(Int64)
    case f32(Float)
    case f64(Double)
    case bool(Bool)
    case string(ByteString)
    case array(GGUFArray)

    /// The value as an integer where it is one of any width that fits.
    package var integer: Int? {
        switch self {
        case .u8(let value): Int(value)
        case .i8(let value): Int(value)
        case .u16(let value): Int(value)
        case .i16(let value): Int(value)
        case .u32(let value): Int(value)
        case .i32(let value): Int(value)
        case .u64(let value): Int(exactly: value)
        case .i64(let value): Int(value)
        default: nil
        }
    }

    /// The value as a floating-point number where it is one.
    package var number: Double? {
        switch self {
        case .f32(let value): Double(value)
        case .f64(let value): value
        default: nil
        }
    }

    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var text: String? { if case .string(let value) = self { value.text } else { nil } }
    package var array: GGUFArray? { if case .array(let value) = self { value } else { nil } }
}

/// An array of a GGUF file; its elements are all of one type, and never arrays.
package enum GGUFArray: Hashable, Sendable {
    case u8([UInt8])
    case i8([Int8])
    case u16([UInt16])
    case i16([Int16])
    case u32([UInt32])
    case i32([Int32])
    case u64([UInt64])
    case i64([Int64])
    case f32([Float])
    case f64([Double])
    case bool([Bool])
    case strings(ByteStringList)

    package var strings: ByteStringList? {
        if case .strings(let value) = self { value } else { nil }
    }

    package var floats: [Float]? { if case .f32(let value) = self { value } else { nil } }

    /// The elements as integers where they are of an integer type and each fits.
    package var integers: [Int]? {
        switch self {
        case .u8(let values): values.map { Int($0) }
        case .i8(let values): values.map { Int($0) }
        case .u16(let values): values.map { Int($0) }
        case .i16(let values): values.map { Int($0) }
        case .u32(let values): values.map { Int($0) }
        case .i32(let values): values.map { Int($0) }
        case .i64(let values): values.map { Int($0) }
        case .u64(let values):
            values.allSatisfy { $0 <= UInt64(Int.max) } ? values.map { Int($0) } : nil
        default: nil
        }
    }
}

/// The metadata of a GGUF file: keys and values in the order of the file.
package struct GGUFMetadata: Hashable, Sendable {
    /// A key with its value.
    package struct Entry: Hashable, Sendable {
        package let key: String
        package var value: GGUFValue

        package init(_ key: String, _ value: GGUFValue) {
            self.key = key
            self.value = value
        }
    }

    package var entries: [Entry]

    package init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    /// The value of a key; setting nil removes it, setting a new key appends it.
    package subscript(key: String) -> GGUFValue? {
        get { entries.first { $0.key == key }?.value }
        set {
            let place = entries.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): entries[place].value = value
            case (let place?, nil): entries.remove(at: place)
            case (nil, let value?): entries.append(Entry(key, value))
            case (nil, nil): break
            }
        }
    }
}
