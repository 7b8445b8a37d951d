/// GPT-2's printable stand-ins for the 256 bytes, with which byte-level vocabularies are written.
///
/// A byte that is printable in Latin-1 stands for itself; the others take the scalars from U+0100 on, in
/// their order, so that a space is `Ġ` (U+0120).
package enum ByteAlphabet {
    /// The stand-in of each byte.
    package static let standIns: [Unicode.Scalar] = makeStandIns()

    /// The UTF-8 of each byte's stand-in.
    package static let encodedStandIns: [[UInt8]] = standIns.map { Array(String($0).utf8) }

    /// The byte that each scalar below U+0144 stands for.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 256 + standIns.count)
        for (byte, scalar) in standIns.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
        return bytes
    }()

    /// The bytes that a vocabulary entry stands for, or nil where one of its scalars is no stand-in.
    package static func decode(_ token: some Sequence<UInt8>) -> [UInt8]? {
        var decoded: [UInt8] = []
        for scalar in String(decoding: Array(token), as: UTF8.self).unicodeScalars {
            guard scalar.value < UInt32(bytes.count), let byte = bytes[Int(scalar.value)] else {
                return nil
            }
            decoded.append(byte)
        }
        return decoded
    }

    private static func makeStandIns() -> [Unicode.Scalar] {
        var next: UInt8 = 0
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF:
                return Unicode.Scalar(byte)
            default:
                // 68 bytes are not printable; U+0100 + next stays below U+0144.
                defer { next += 1 }
                return Unicode.Scalar(UInt16(0x100) + UInt16(next)) ?? Unicode.Scalar(byte)
            }
        }
    }
}
