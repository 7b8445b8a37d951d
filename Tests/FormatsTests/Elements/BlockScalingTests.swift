import Formats
import Testing

/// Scales of quantised blocks, multiplied without touching their codes.
@Suite struct BlockScalingTests {
    private static let types: [ElementType] = [
        .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2K, .q3K, .q4K, .q5K, .q6K, .iq2XXS, .iq2XS, .iq2S,
        .iq3XXS, .iq3S, .iq1S, .iq4NL, .iq4XS, .tq1_0, .tq2_0, .q1_0, .q2_0,
    ]

    private func row(_ type: ElementType) throws -> (values: [Float], bytes: [UInt8]) {
        let values = (0..<512).map { (index: Int) -> Float in
            Float((index * 37) % 101) / 50 - 1 + Float(index / 256)
        }
        let importance = [Float](repeating: 1, count: values.count)
        return try #require(RowEncoder.roundTrip(values, as: type, importance: importance))
    }

    @Test(arguments: types) func valuesAreMultipliedToF16(_ type: ElementType) throws {
        let scaling = try #require(BlockScaling(type))
        let (values, bytes) = try row(type)
        for factor: Float in [1, 2, -0.5, 1.37, 0] {
            let found = try #require(
                bytes.withUnsafeBytes { scaling.values(of: $0, count: values.count, times: factor) }
            )
            let largest = values.map { abs($0 * factor) }.max() ?? 0
            for (value, scaled) in zip(values, found) {
                // Powers of two lose nothing; a minimum is rounded by itself.
                let bound = [1, 2, -0.5, 0].contains(factor) ? 0 : 3 * largest * 0x1p-11
                #expect(abs(scaled - factor * value) <= bound)
            }
        }
    }

    @Test func aScaleBeyondF16IsRefused() throws {
        let scaling = try #require(BlockScaling(.q8_0))
        func refusal(_ factor: Float, without count: Int = 0) throws -> QuantizationError? {
            var (_, bytes) = try row(.q8_0)
            return bytes.withUnsafeMutableBytes { target in
                do throws(QuantizationError) {
                    try scaling.multiply(
                        UnsafeMutableRawBufferPointer(rebasing: target.dropLast(count)), by: factor)
                    return nil
                } catch {
                    return error
                }
            }
        }
        #expect(try refusal(1e9) == .tooLarge(type: .q8_0, index: 0))
        #expect(
            try refusal(2, without: 1) == .sizeMismatch(type: .q8_0, elements: 480, bytes: 543))
        #expect(try refusal(2) == nil)
    }

    @Test func typesWithoutHalfPrecisionScalesAreNotTaken() {
        for type in ElementType.allCases where !Self.types.contains(type) {
            #expect(BlockScaling(type) == nil, "\(type)")
        }
    }
}
