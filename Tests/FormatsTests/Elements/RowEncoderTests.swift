import Formats
import Testing

/// Encoded rows against those of ggml's reference quantisers: see `Fixtures/Quantization/make_quantization.py`.
@Suite struct QuantizationRowEncoderTests {
    static let blocks = ElementType.allCases.filter {
        $0.isQuantized && RowEncoder.isSupported($0)
    }

    /// Those whose rows are among the fixtures without importance.
    static let plain = blocks.filter {
        !RowEncoder.needsImportance($0) && !Self.codebooks.contains($0)
    }
    static let codebooks: [ElementType] = [.iq2S, .iq3XXS, .iq3S]
    /// Those whose scale may be too large. Of IQ2_XXS, blocks whose squares are infinite become zero.
    static let bounded = blocks.filter { $0 != .mxfp4 && $0 != .iq2XXS }

    @Test func supportsPlainFloatsAndEveryStoredBlockFormat() {
        let stored = ElementType.allCases.filter {
            $0.isPlainFloat || $0.isQuantized && $0 != .q8_1 && $0 != .q8K
        }
        #expect(ElementType.allCases.filter(RowEncoder.isSupported) == stored)
    }

    @Test(arguments: plain) func encodesToTheBytesOfTheReference(type: ElementType) throws {
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
    @Test(arguments: [ElementType.q4_0, .q5_0, .q8_0, .mxfp4, .tq1_0, .tq2_0, .q2_0])
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
        (.iq4NL, 0.081), (.iq4XS, 0.082), (.mxfp4, 0.133), (.nvfp4, 0.108), (.q1_0, 0.65),
        (.q2_0, 0.74), (.tq1_0, 0.86), (.tq2_0, 0.86),
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

    @Test(arguments: bounded, [Float(1e9), 1e13, 1e20, .greatestFiniteMagnitude])
    func blocksWhoseScaleHalfPrecisionCannotHoldAreRefused(type: ElementType, value: Float) {
        for other in [Float(0), -value] {
            var values = [Float](repeating: 0.5, count: 512)
            values[256] = value
            values[270] = other
            let error = QuantizationError.tooLarge(type: type, index: 256)
            #expect(throws: error) { _ = try encode(values, type) }
        }
    }

    @Test func everyFiniteNumberFitsMXFP4() throws {
        let values = (0..<32).map { Float.greatestFiniteMagnitude * (Float($0 % 5 - 2) / 2) }
        let widened = try widen(encode(values, .mxfp4), .mxfp4, count: 32)
        #expect(widened.max() == 6 * 0x1p125 && widened.min() == -6 * 0x1p125)
    }

    @Test(arguments: blocks) func numbersThatVanishBecomeZero(type: ElementType) throws {
        let values = (0..<256).map { Float($0 % 7 - 3) * .leastNonzeroMagnitude }
        let widened = try widen(encode(values, type), type, count: 256)
        #expect(widened.allSatisfy { $0 == 0 })
    }

    @Test func otherTypesAndPartsOfBlocksAreRefused() {
        #expect(throws: QuantizationError.unsupported(type: .q8_1)) {
            _ = try encode([Float](repeating: 0, count: 32), .q8_1)
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

/// With equal importances where the type needs them.
private func encode(_ values: [Float], _ type: ElementType) throws -> [UInt8] {
    let equal = [Float](repeating: 1, count: values.count)
    return try encodedRow(
        values, type, importance: RowEncoder.needsImportance(type) ? equal : nil)
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
