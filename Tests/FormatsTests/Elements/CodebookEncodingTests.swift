import Formats
import Testing

/// Encoded rows of the codebook types against ggml's: see `Fixtures/Quantization/make_quantization.py`.
@Suite struct CodebookEncodingTests {
    static let types: [ElementType] = [
        .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S, .iq1S, .iq1M,
    ]
    static let ofAllAlike: [ElementType] = [.iq2S, .iq3XXS, .iq3S]

    private func encode(
        _ row: [Float], _ type: ElementType, _ importance: [Float]?, offset: Int = 0
    ) throws -> [UInt8] {
        let size = try #require(type.byteCount(elements: row.count))
        var bytes = [UInt8](repeating: 0xAA, count: size + offset)
        let shifted = [Float](repeating: 0, count: offset) + row
        let weights = importance.map { [Float](repeating: 0, count: offset) + $0 }
        try shifted.withUnsafeBufferPointer { source in
            try bytes.withUnsafeMutableBytes { target in
                let part = UnsafeBufferPointer(rebasing: source[offset...])
                let output = UnsafeMutableRawBufferPointer(rebasing: target[offset...])
                guard let weights else {
                    return _ = try RowEncoder.encode(part, as: type, into: output)
                }
                try weights.withUnsafeBufferPointer {
                    let weights = UnsafeBufferPointer(rebasing: $0[offset...])
                    _ = try RowEncoder.encode(part, as: type, importance: weights, into: output)
                }
            }
        }
        return Array(bytes[offset...])
    }

    private func rows() throws -> [[Float]] {
        let values = try QuantizationFixture.floats("rows.f32")
        return (0..<16).map { Array(values[$0 * 256..<($0 + 1) * 256]) }
    }

    /// The reference's IQ3_S writes the vectors after a group of zeros into the places of that group, so that blocks with one
    /// do not hold their values: row 15, which has some, is not compared.
    private func compare(_ type: ElementType, _ importance: [Float]?, with name: String) throws {
        let expected = try QuantizationFixture.bytes(name)
        let size = type.bitsPerBlock / 8
        #expect(expected.count == 16 * size)
        for (index, row) in try rows().enumerated() where type != .iq3S || index != 15 {
            let block = try encode(row, type, importance)
            #expect(block == Array(expected[index * size..<(index + 1) * size]), "row \(index)")
        }
    }

    @Test(arguments: types) func blocksWithImportancesAreThoseOfTheReference(type: ElementType)
        throws
    {
        try compare(type, QuantizationFixture.floats("codebook.f32"), with: "codebook.\(type.name)")
    }

    @Test(arguments: ofAllAlike) func blocksWithoutAreThoseOfTheReference(type: ElementType) throws
    {
        try compare(type, nil, with: "rows.\(type.name)")
    }

    @Test(arguments: types) func groupsOfZerosMoveNoOthers(type: ElementType) throws {
        let importance = [Float](repeating: 1, count: 256)
        for zeros in [0..<32, 64..<128, 224..<256] {
            var row = try rows()[0]
            for index in zeros { row[index] = 0 }
            let values = try #require(
                RowEncoder.roundTrip(row, as: type, importance: importance)?.values)
            let products = zip(row, values).reduce(0) { $0 + $1.0 * $1.1 }
            let squares = row.reduce(0) { $0 + $1 * $1 }
            // Values that are others' would be as often of the wrong sign.
            #expect(products > 0.7 * squares)
        }
    }

    @Test func fourTypesNeedImportances() throws {
        for type in Self.types where !Self.ofAllAlike.contains(type) {
            #expect(RowEncoder.needsImportance(type))
            #expect(throws: QuantizationError.importanceMissing(type: type)) {
                _ = try encode([Float](repeating: 1, count: 256), type, nil)
            }
        }
        #expect(!Self.ofAllAlike.contains(where: RowEncoder.needsImportance))
    }

    @Test(arguments: types) func bytesAreTheSameFromAnyAlignment(type: ElementType) throws {
        let row = try rows()[0]
        let importance = try QuantizationFixture.floats("codebook.f32")
        let bytes = try encode(row, type, importance)
        for offset in [1, 3] {
            #expect(try encode(row, type, importance, offset: offset) == bytes)
        }
    }

    /// Root mean square error of normally distributed values over theirs. The bounds are a tenth above the reference's.
    @Test(arguments: [
        (ElementType.iq2XXS, 0.375), (.iq2XS, 0.328), (.iq2S, 0.27), (.iq3XXS, 0.19),
        (.iq3S, 0.144), (.iq1S, 0.515), (.iq1M, 0.478),
    ])
    func errorsAreSmall(type: ElementType, bound: Double) throws {
        var (error, size) = (0.0, 0.0)
        let importance = [Float](repeating: 1, count: 256)
        for row in try rows().prefix(4) {
            let values = try #require(
                RowEncoder.roundTrip(row, as: type, importance: importance)?.values)
            for (value, read) in zip(row, values) {
                error += Double((value - read) * (value - read))
                size += Double(value * value)
            }
        }
        let share = (error / size).squareRoot()
        #expect(share < bound, "\(share)")
    }

    /// Sums of squares, errors and scales beyond f32 and f16: refused where the reference ends the program or writes
    /// infinite scales.
    @Test(arguments: types) func valuesThatAreTooLargeAreRefused(type: ElementType) throws {
        let importance = [Float](repeating: 1, count: 512)
        for large: Float in [1e9, 1e18, 1e30, .greatestFiniteMagnitude] {
            var row = try rows()[0] + rows()[1]
            for index in 256..<512 { row[index] = row[index] < 0 ? -large : large / 3 }
            #expect(throws: QuantizationError.tooLarge(type: type, index: 256)) {
                _ = try encode(row, type, importance)
            }
        }
    }

    /// The smallest floats, and importances that are zero or tiny, make blocks that can be read.
    @Test(arguments: types) func smallValuesAreEncoded(type: ElementType) throws {
        let row = try rows()[0]
        for factor: Float in [0, .leastNonzeroMagnitude, 0x1p-133, 1e-30, 1e-12, 1] {
            for weight: Float in [0, .leastNonzeroMagnitude, 1e-30, 1] {
                let values = try #require(
                    RowEncoder.roundTrip(
                        row.map { $0 * factor }, as: type,
                        importance: [Float](repeating: weight, count: 256))?.values)
                let areFinite = values.allSatisfy(\.isFinite)
                #expect(areFinite)
            }
        }
    }
}
