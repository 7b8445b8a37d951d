extension [UInt8] {
    /// Appends the value's bytes, little-endian as the machine's own order is.
    package mutating func appendBytes<Value: BitwiseCopyable>(of value: Value) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }

    /// Appends the bytes of each value.
    package mutating func appendBytes<Value: BitwiseCopyable>(ofEach values: [Value]) {
        values.withUnsafeBytes { append(contentsOf: $0) }
    }
}
