import Formats
import Testing

/// Rows encoded with importances, against ggml's: see `Fixtures/Quantization/make_importance.py`.
@Suite struct RowEncoderImportanceTests {
    static let blocks = QuantizationRowEncoderTests.blocks
    /// Those whose rows are among the fixtures of that script.
    static let searched: [ElementType] = [
        .q4_0, .q4_1, .q5_0, .q5_1, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS,
    ]
    static let rounded: [ElementType] = [
        .q8_0, .tq1_0, .tq2_0, .mxfp4, .nvfp4, .q1_0, .q2_0,
    ]

    @Test(arguments: searched + rounded) func encodesToTheBytesOfTheReference(
        type: ElementType
    ) throws {
        try expectReference("weighted", type, columns: 256)
    }

    /// Eight blocks are searched at once: 96 columns are fewer.
    @Test(arguments: [ElementType.q4_0, .q4_1, .q5_0, .q5_1, .iq4NL])
    func encodesRowsOfFewBlocks(type: ElementType) throws {
        try expectReference("narrow", type, columns: 96)
    }

    private func expectReference(_ name: String, _ type: ElementType, columns: Int) throws {
        let values = try QuantizationFixture.floats("rows.f32")
        let importances = try QuantizationFixture.floats("importance.f32")
        let expected = try QuantizationFixture.bytes("\(name).\(type.name)")
        let size = expected.count / 16
        for row in 0..<16 {
            let importance = importances[(row % 4 * 256)...].prefix(columns)
            let encoded = try encodedRow(
                Array(values[(row * 256)...].prefix(columns)), type, importance: Array(importance))
            #expect(encoded == Array(expected[row * size..<row * size + size]), "row \(row)")
        }
    }

    @Test(arguments: rounded + [.f32, .f16, .bf16, .f64])
    func formatsWithoutSearchIgnoreImportance(type: ElementType) throws {
        let values = try Array(QuantizationFixture.floats("rows.f32").prefix(256))
        let importance = try Array(QuantizationFixture.floats("importance.f32").prefix(256))
        #expect(
            try encodedRow(values, type, importance: importance)
                == encodedRow(values, type, importance: nil))
    }

    /// Columns that count more come out nearer to what they were.
    @Test(arguments: searched) func importantColumnsAreNearer(type: ElementType) throws {
        let values = try Array(QuantizationFixture.floats("rows.f32").prefix(256))
        let importance = (0..<256).map { Float($0 % 4 == 0 ? 1000 : 1) }
        func error(_ importance: [Float]?) throws -> Float {
            let stored = try #require(
                RowEncoder.roundTrip(values, as: type, importance: importance)
            ).values
            return stride(from: 0, to: 256, by: 4).reduce(0) {
                let difference = values[$1] - stored[$1]
                return $0 + difference * difference
            }
        }
        #expect(try error(importance) < 0.9 * error(nil))
    }

    @Test func fourTypesNeedImportance() throws {
        let needing = ElementType.allCases.filter(RowEncoder.needsImportance)
        #expect(needing == [.iq2XXS, .iq2XS, .iq1S, .iq1M])
        for type in needing {
            #expect(throws: QuantizationError.importanceMissing(type: type)) {
                _ = try encodedRow([Float](repeating: 0.5, count: 256), type, importance: nil)
            }
        }
    }

    @Test(arguments: [ElementType.f32, .q8_0, .q4K]) func eachColumnNeedsOne(type: ElementType) {
        for count in [0, 255, 257] {
            let error = QuantizationError.importanceCount(columns: 256, importances: count)
            #expect(throws: error) {
                _ = try encodedRow(
                    [Float](repeating: 0.5, count: 256), type,
                    importance: [Float](repeating: 1, count: count))
            }
        }
    }

    @Test(arguments: [Float.nan, .infinity, -1, -.leastNonzeroMagnitude], [3, 258])
    func importancesThatAreNotFiniteOrNegativeAreRefusedByColumn(value: Float, column: Int) {
        var importance = [Float](repeating: 1, count: 260)
        importance[column] = value
        #expect(throws: QuantizationError.invalidImportance(column: column)) {
            _ = try encodedRow(
                [Float](repeating: 0.5, count: 260), .f32, importance: importance)
        }
    }

    @Test func aNegativeZeroIsNoNegativeImportance() throws {
        let importance = [Float](repeating: -0.0, count: 256)
        let zero = [Float](repeating: 0, count: 256)
        let values = try Array(QuantizationFixture.floats("rows.f32").prefix(256))
        #expect(
            try encodedRow(values, .q4K, importance: importance)
                == encodedRow(values, .q4K, importance: zero))
    }

    /// The squares of a row are summed before its blocks are searched.
    @Test(arguments: [ElementType.q4_0, .q4_1, .q5_0, .q5_1])
    func theBlockThatIsTooLargeIsNamed(type: ElementType) {
        var values = [Float](repeating: 0.5, count: 512)
        values[300] = 1e30
        #expect(throws: QuantizationError.tooLarge(type: type, index: 288)) {
            _ = try encodedRow(
                values, type, importance: [Float](repeating: 1, count: 512))
        }
    }

    @Test(arguments: blocks) func readsAndWritesAnyAlignment(type: ElementType) throws {
        let values = try Array(QuantizationFixture.floats("rows.f32").prefix(512))
        let importance = try Array(QuantizationFixture.floats("importance.f32").prefix(512))
        let aligned = try encodedRow(values, type, importance: importance)
        for shift in 1..<8 {
            let padding = [Float](repeating: 9, count: shift)
            var bytes = [UInt8](repeating: 0, count: aligned.count + shift)
            try (padding + values).withUnsafeBufferPointer { values in
                try (padding + importance).withUnsafeBufferPointer { importance in
                    try bytes.withUnsafeMutableBytes {
                        _ = try RowEncoder.encode(
                            UnsafeBufferPointer(rebasing: values[shift...]), as: type,
                            importance: UnsafeBufferPointer(rebasing: importance[shift...]),
                            into: UnsafeMutableRawBufferPointer(rebasing: $0[shift...]))
                    }
                }
            }
            #expect(Array(bytes[shift...]) == aligned, "shifted by \(shift)")
        }
    }
}

/// A row's bytes in a type.
func encodedRow(
    _ values: [Float], _ type: ElementType, importance: [Float]?
) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: type.byteCount(elements: values.count) ?? 0)
    try values.withUnsafeBufferPointer { values in
        try bytes.withUnsafeMutableBytes { bytes in
            guard let importance else {
                return _ = try RowEncoder.encode(values, as: type, into: bytes)
            }
            try importance.withUnsafeBufferPointer {
                _ = try RowEncoder.encode(values, as: type, importance: $0, into: bytes)
            }
        }
    }
    return bytes
}
