/// Reads the fields of a protocol buffers message one after another.
///
/// Every length is checked against the bytes that remain; groups, which no current encoder writes, are refused.
/// Encoding: https://protobuf.dev/programming-guides/encoding.
struct ProtobufReader {
    enum Value {
        case integer(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes(MappedBytes, offset: Int)
    }

    private var reader: ByteReader
    /// Where the message lies in its file, for errors.
    private let base: Int
    private let file: String

    init(_ bytes: MappedBytes, base: Int = 0, file: String) {
        reader = ByteReader(bytes)
        self.base = base
        self.file = file
    }

    /// The next field's number and value; nil at the end of the message.
    ///
    /// - Throws: `TokenizerError.malformedMessage`.
    mutating func next() throws(TokenizerError) -> (field: UInt64, value: Value)? {
        guard reader.remaining > 0 else { return nil }
        let key = try varint()
        let field = key >> 3
        guard field > 0, field < 1 << 29 else { throw malformed("field number \(field)") }
        switch key & 7 {
        case 0: return (field, .integer(try varint()))
        case 1:
            guard let value = reader.read(UInt64.self) else { throw truncated(8) }
            return (field, .fixed64(value))
        case 2:
            let length = try varint()
            let start = base + reader.offset
            guard let count = Int(exactly: length), let bytes = reader.take(count) else {
                throw truncated(length)
            }
            return (field, .bytes(bytes, offset: start))
        case 5:
            guard let value = reader.read(UInt32.self) else { throw truncated(4) }
            return (field, .fixed32(value))
        case let type: throw malformed("field \(field) has the wire type \(type)")
        }
    }

    private mutating func varint() throws(TokenizerError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = reader.read(UInt8.self) else { throw truncated(1) }
            guard shift < 63 || byte < 2 else { break }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw malformed("an integer of more than 64 bits")
    }

    private func truncated(_ needed: some BinaryInteger) -> TokenizerError {
        malformed("\(needed) bytes are announced, but \(reader.remaining) remain")
    }

    func malformed(_ fact: String) -> TokenizerError {
        .malformedMessage(file: file, offset: base + reader.offset, fact: fact)
    }
}
