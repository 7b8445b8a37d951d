import Foundation
import TestSupport
import Testing

@testable import Formats

/// Rows of every type that can be written, as the encoder leaves them and as others do.
@Suite struct ReencodedRowTests {
    private let folder: TemporaryFolder
    static let blocks: [ElementType] = [
        .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2K, .q3K, .q4K, .q5K, .q6K,
    ]

    init() throws {
        folder = try TemporaryFolder()
    }

    private func values(_ seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<512).map { _ in
            (0..<12).reduce(-6) { sum, _ in sum + Float.random(in: 0...1, using: &generator) }
        }
    }

    private func encoded(_ values: [Float], _ type: ElementType) throws -> [UInt8] {
        var bytes = [UInt8](
            repeating: 0, count: try #require(type.byteCount(elements: values.count)))
        try bytes.withUnsafeMutableBytes { bytes in
            try values.withUnsafeBufferPointer {
                _ = try RowEncoder.encode($0, as: type, into: bytes)
            }
        }
        return bytes
    }

    /// A row of f32 values beside bytes of a type.
    private func row(_ source: [Float], _ bytes: [UInt8], _ type: ElementType) throws
        -> ReencodedRow
    {
        let file = try MappedFile(path: try folder.write(bytes, as: "row"))
        var widened = source
        try widened.withUnsafeMutableBufferPointer { widened in
            try bytes.withUnsafeBytes { try Dequantizer.widen($0, type: type, into: widened) }
        }
        return ReencodedRow(
            number: 0, source: source, encoded: widened, type: type, sourceType: .f32,
            sourceBytes: nil, encodedBytes: MappedBytes(file: file, range: 0..<bytes.count))
    }

    private func outside(
        _ source: [Float], _ bytes: [UInt8], _ type: ElementType,
        _ tolerance: ReencodingRule.Tolerance
    ) throws -> Int {
        try row(source, bytes, type).outside(tolerance).count
    }

    @Test(arguments: blocks + [.bf16, .f16])
    func whatTheEncoderGivesIsExact(type: ElementType) throws {
        let source = values(1)
        let row = try row(source, try encoded(source, type), type)
        #expect(row.isExact)
        #expect(row.outside(.reference).isEmpty)
    }

    @Test(arguments: blocks)
    func anotherRowIsOutsideWhoeverQuantisedIt(type: ElementType) throws {
        let other = try encoded(values(2), type)
        for tolerance in [ReencodingRule.Tolerance.reference, .weighted(type)] {
            #expect(try outside(values(1), other, type, tolerance) > 50)
        }
    }

    @Test(arguments: [ElementType.q4_0, .q4_1, .q5_0, .q5_1, .q8_0])
    func aQuantiserWithOtherScalesIsWithinTheTypesSteps(type: ElementType) throws {
        // Weights of importance leave the extremes a little worse, so that the scales are a little smaller.
        let source = values(1)
        let bytes = try encoded(source.map { $0 * 0.995 }, type)
        #expect(try outside(source, bytes, type, .weighted(type)) == 0)
    }

    @Test(arguments: [(ElementType.q8_0, 34, 2), (.q4_0, 18, 2), (.q4_1, 20, 4), (.q4K, 144, 16)])
    func oneValueTwoUnitsOffIsOutside(_ type: ElementType, _ size: Int, _ first: Int) throws {
        let source = values(1)
        var bytes = try encoded(source, type)
        let place = size + first + 5
        // An integer of four bits low in its byte, or of eight; away from the ends.
        let mask: UInt8 = type == .q8_0 ? 0xFF : 0x0F
        let integer = bytes[place] & mask
        let isHigh = type == .q8_0 ? integer < 0x80 : integer > 7
        bytes[place] = bytes[place] & ~mask | (isHigh ? integer &- 2 : integer &+ 2) & mask
        #expect(try outside(source, bytes, type, .reference) == 1)
        // Only quantisers of super-blocks take the nearest integers for the scales they store.
        if type == .q4K { #expect(try outside(source, bytes, type, .weighted(type)) == 1) }
    }

    @Test(arguments: [(ElementType.q8_0, 34), (.q4_0, 18), (.q4_1, 20)])
    func aBlocksScaleDoubledIsOutside(_ type: ElementType, _ size: Int) throws {
        let source = values(1)
        var bytes = try encoded(source, type)
        bytes[3 * size + 1] += 0x04  // the exponent of the f16 scale
        for tolerance in [ReencodingRule.Tolerance.reference, .weighted(type)] {
            let count = try outside(source, bytes, type, tolerance)
            #expect((16...32).contains(count))
        }
    }

    @Test(arguments: [ElementType.bf16, .f16])
    func aFloatTwoUnitsOffIsOutsideAndATruncatedOneIsNot(type: ElementType) throws {
        let source = values(1).map { max(-3, min(3, $0)) + 12 }
        var bytes = try encoded(source, type)
        bytes[100] = bytes[100] < 128 ? bytes[100] + 2 : bytes[100] - 2
        #expect(try outside(source, bytes, type, .reference) == 1)
        #expect(try outside(source, bytes, type, .plain) == 1)
        let step = try #require(PlainGrid(type)).step(8)
        let truncated = try encoded(source.map { ($0 / step).rounded(.down) * step }, type)
        #expect(try outside(source, truncated, type, .plain) == 0)
        #expect(try outside(source, truncated, type, .reference) > 100)
    }

    @Test func aValueThatIsNoNumberIsOutside() throws {
        let source = values(1)
        var bytes = try encoded(source, .bf16)
        (bytes[20], bytes[21]) = (0xC0, 0x7F)
        #expect(try row(source, bytes, .bf16).outside(.plain) == [10])
    }
}
