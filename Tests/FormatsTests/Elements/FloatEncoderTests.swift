import Formats
import Testing

/// Encoded values against those of numpy and gguf-py: see `Fixtures/Quantization/make_quantization.py`.
@Suite struct QuantizationFloatEncoderTests {
    @Test(arguments: [ElementType.f64, .f32, .f16, .bf16])
    func encodesToTheBitsOfTheReference(type: ElementType) throws {
        let values = try QuantizationFixture.floats("encode.f32")
        let expected = try QuantizationFixture.bytes("encode.\(type.name)")
        let (encoded, overflows) = try encode(values, type)
        let width = type.bitsPerBlock / 8
        var expectedOverflows = 0
        for (index, value) in values.enumerated() {
            let ours = Array(encoded[index * width..<(index + 1) * width])
            let theirs = Array(expected[index * width..<(index + 1) * width])
            // numpy keeps a signalling NaN's payload; ours only has to be a quiet NaN (next test).
            #expect(ours == theirs || value.isNaN, "\(value): \(ours), expected \(theirs)")
            if value.isFinite, try widened(theirs, type).isInfinite { expectedOverflows += 1 }
        }
        #expect(overflows == expectedOverflows)
        #expect((type == .f16 || type == .bf16) == (overflows > 0))
    }

    @Test func notANumberBecomesQuietAndKeepsItsSign() throws {
        let signalling = [0x7F80_0001, 0xFF80_0001, 0x7FC0_0000, 0xFFFF_FFFF].map {
            Float(bitPattern: $0)
        }
        let (halves, _) = try encode(signalling, .f16)
        let (brain, overflows) = try encode(signalling, .bf16)
        for index in signalling.indices {
            let sign: UInt8 = index % 2 == 0 ? 0 : 0x80
            #expect(halves[2 * index + 1] & 0xFE == 0x7E | sign)
            #expect(brain[2 * index + 1] == 0x7F | sign && brain[2 * index] & 0xC0 == 0xC0)
        }
        #expect(overflows == 0)
    }

    @Test(arguments: [ElementType.f16, .bf16]) func everyNumberOfTheTypeComesBack(type: ElementType)
        throws
    {
        let patterns = (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        var values = [Float](repeating: 0, count: 1 << 16)
        try patterns.withUnsafeBytes { source in
            try values.withUnsafeMutableBufferPointer {
                try Dequantizer.widen(source, type: type, into: $0)
            }
        }
        let (encoded, overflows) = try encode(values, type)
        for index in values.indices where !values[index].isNaN {
            #expect(encoded[2 * index...2 * index + 1] == patterns[2 * index...2 * index + 1])
        }
        #expect(overflows == 0)
    }

    @Test func otherTypesAndWrongSizesAreRefused() {
        #expect(throws: QuantizationError.unsupported(type: .q8_0)) { _ = try encode([1], .q8_0) }
        #expect(throws: QuantizationError.sizeMismatch(type: .f16, elements: 3, bytes: 5)) {
            var bytes = [UInt8](repeating: 0, count: 5)
            let values: [Float] = [1, 2, 3]
            _ = try values.withUnsafeBufferPointer { source in
                try bytes.withUnsafeMutableBytes {
                    try FloatEncoder.encode(source, as: .f16, into: $0)
                }
            }
        }
    }
}

private func encode(_ values: [Float], _ type: ElementType) throws -> ([UInt8], overflows: Int) {
    var bytes = [UInt8](repeating: 0, count: values.count * type.bitsPerBlock / 8)
    let overflows = try values.withUnsafeBufferPointer { source in
        try bytes.withUnsafeMutableBytes { try FloatEncoder.encode(source, as: type, into: $0) }
    }
    return (bytes, overflows)
}

private func widened(_ bytes: [UInt8], _ type: ElementType) throws -> Float {
    var value: [Float] = [0]
    try bytes.withUnsafeBytes { source in
        try value.withUnsafeMutableBufferPointer {
            try Dequantizer.widen(source, type: type, into: $0)
        }
    }
    return value[0]
}
