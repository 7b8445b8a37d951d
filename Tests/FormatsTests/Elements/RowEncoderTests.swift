import Formats
import Testing

/// Encoded rows against those of ggml's reference quantisers: see `Fixtures/Quantization/make_quantization.py`.
@Suite struct QuantizationRowEncoderTests {
    static let blocks = ElementType.allCases.filter {
        $0.isQuantized && RowEncoder.isSupported($0)
    }

    @Test func supportsPlainFloatsAndTenBlockFormats() {
        #expect(
            ElementType.allCases.filter(RowEncoder.isSupported).map(\.name) == [
                "f64", "f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k",
                "q3_k", "q4_k", "q5_k", "q6_k",
            ])
    }

    @Test(arguments: blocks) func encodesToTheBytesOfTheReference(type: ElementType) throws {
        let values = try QuantizationFixture.floats("rows.f32")
        let expected = try QuantizationFixture.bytes("rows.\(type.name)")
        let encoded = try encode(values, type)
        let size = type.bitsPerBlock / 8
        #expect(encoded.count == expected.count)
        for start in stride(from: 0, to: expected.count, by: size) {
            let block = start..<start + size
            #expect(encoded[block] == expected[block], "block \(start / size)")
        }
    }

    @Test(arguments: [ElementType.f64, .f32, .f16, .bf16])
    func plainFloatsAreThoseOfTheFloatEncoder(type: ElementType) throws {
        let values: [Float] = [1, -0.1, 1e5, .infinity]
        var expected = [UInt8](repeating: 0, count: values.count * type.bitsPerBlock / 8)
        _ = try values.withUnsafeBufferPointer { source in
            try expected.withUnsafeMutableBytes {
                try FloatEncoder.encode(source, as: type, into: $0)
            }
        }
        #expect(try encode(values, type) == expected)
    }

    /// A scale stored in half precision moves no integer of a block whose extreme value is one of its integers.
    @Test(arguments: [ElementType.q4_0, .q5_0, .q8_0])
    func widenedBlocksEncodeToThemselves(type: ElementType) throws {
        // Without the rows whose scales vanish in half precision.
        let values = try Array(QuantizationFixture.floats("rows.f32").prefix(10 * 256))
        let encoded = try encode(values, type)
        #expect(try encode(widen(encoded, type, count: values.count), type) == encoded)
    }

    /// Root mean square error of normally distributed values over theirs. The bounds are a tenth above the reference's.
    @Test(arguments: [
        (ElementType.q2K, 0.32), (.q3K, 0.161), (.q4_0, 0.09), (.q4_1, 0.086), (.q4K, 0.079),
        (.q5_0, 0.046), (.q5_1, 0.042), (.q5K, 0.041), (.q6K, 0.019), (.q8_0, 0.0056),
    ])
    func errorsAreSmall(type: ElementType, bound: Double) throws {
        let values = try Array(QuantizationFixture.floats("rows.f32").prefix(4 * 256))
        let widened = try widen(encode(values, type), type, count: values.count)
        let error = zip(values, widened).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let size = values.reduce(0.0) { $0 + Double($1 * $1) }
        #expect((error / size).squareRoot() < bound, "\((error / size).squareRoot())")
    }

    @Test(arguments: blocks) func valuesThatAreNotFiniteAreRefusedByIndex(type: ElementType) {
        for value in [Float.nan, .infinity, -.infinity] {
            var values = [Float](repeating: 0.5, count: 512)
            values[300] = value
            let error = QuantizationError.notFinite(type: type, index: 300)
            #expect(throws: error) { _ = try encode(values, type) }
        }
    }

    @Test(arguments: blocks, [Float(1e9), 1e13, 1e20, .greatestFiniteMagnitude])
    func blocksWhoseScaleHalfPrecisionCannotHoldAreRefused(type: ElementType, value: Float) {
        for other in [Float(0), -value] {
            var values = [Float](repeating: 0.5, count: 512)
            values[256] = value
            values[270] = other
            let error = QuantizationError.tooLarge(type: type, index: 256)
            #expect(throws: error) { _ = try encode(values, type) }
        }
    }

    @Test(arguments: blocks) func numbersThatVanishBecomeZero(type: ElementType) throws {
        let values = (0..<256).map { Float($0 % 7 - 3) * .leastNonzeroMagnitude }
        let widened = try widen(encode(values, type), type, count: 256)
        #expect(widened.allSatisfy { $0 == 0 })
    }

    @Test(arguments: blocks) func writesToAnyAlignment(type: ElementType) throws {
        let values = try Array(QuantizationFixture.floats("rows.f32").prefix(512))
        let aligned = try encode(values, type)
        var shifted = [UInt8](repeating: 0, count: aligned.count + 1)
        try values.withUnsafeBufferPointer { source in
            try shifted.withUnsafeMutableBytes {
                _ = try RowEncoder.encode(
                    source, as: type, into: UnsafeMutableRawBufferPointer(rebasing: $0[1...]))
            }
        }
        #expect(Array(shifted[1...]) == aligned)
    }

    @Test func otherTypesAndPartsOfBlocksAreRefused() {
        #expect(throws: QuantizationError.unsupported(type: .iq4NL)) {
            _ = try encode([Float](repeating: 0, count: 32), .iq4NL)
        }
        let error = QuantizationError.sizeMismatch(type: .q4K, elements: 255, bytes: 144)
        #expect(throws: error) {
            var bytes = [UInt8](repeating: 0, count: 144)
            try [Float](repeating: 0, count: 255).withUnsafeBufferPointer { source in
                try bytes.withUnsafeMutableBytes {
                    _ = try RowEncoder.encode(source, as: .q4K, into: $0)
                }
            }
        }
    }
}

private func encode(_ values: [Float], _ type: ElementType) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: type.byteCount(elements: values.count) ?? 0)
    try values.withUnsafeBufferPointer { source in
        try bytes.withUnsafeMutableBytes {
            _ = try RowEncoder.encode(source, as: type, into: $0)
        }
    }
    return bytes
}

private func widen(_ bytes: [UInt8], _ type: ElementType, count: Int) throws -> [Float] {
    var output = [Float](repeating: 0, count: count)
    try bytes.withUnsafeBytes { source in
        try output.withUnsafeMutableBufferPointer {
            try Dequantizer.widen(source, type: type, into: $0)
        }
    }
    return output
}
