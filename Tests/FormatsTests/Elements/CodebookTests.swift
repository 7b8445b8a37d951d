import Bytes
import Testing

@testable import Elements

/// The codebooks, and which of their vectors are near a point.
@Suite struct CodebookTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let codebook: Codebook
        let map: CodebookMap
        let bits: Int
        let shells: Int
        let count: Int

        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "IQ2_XXS", codebook: IQ2Codebooks.set256, map: IQ2Codebooks.map256, bits: 2,
            shells: 2, count: 256),
        Case(
            name: "IQ2_XS", codebook: IQ2Codebooks.set512, map: IQ2Codebooks.map512, bits: 2,
            shells: 2, count: 512),
        Case(
            name: "IQ2_S", codebook: IQ2Codebooks.set1024, map: IQ2Codebooks.map1024, bits: 2,
            shells: 1, count: 1024),
        Case(
            name: "IQ3_XXS", codebook: IQ3Codebooks.set256, map: IQ3Codebooks.map256, bits: 3,
            shells: 2, count: 256),
        Case(
            name: "IQ3_S", codebook: IQ3Codebooks.set512, map: IQ3Codebooks.map512, bits: 3,
            shells: 3, count: 512),
        Case(
            name: "IQ1", codebook: IQ1Codebook.set, map: IQ1Codebook.map, bits: 2, shells: 3,
            count: 2048),
    ]

    private static func packed(_ digits: [Int], bits: Int) -> UInt32 {
        digits.reversed().reduce(0) { $0 << UInt32(bits) | UInt32($1) }
    }

    @Test(arguments: cases) func everyVectorHasItsPlace(_ test: Case) {
        #expect(test.codebook.numbers.count == test.count)
        for (place, number) in test.codebook.numbers.enumerated() {
            let digits = test.codebook.digits(of: number)
            let point = Self.packed(digits, bits: test.bits)
            #expect(test.map.place(point) == place)
            #expect(test.map.point(at: place) == Float(point))
            let entries = (0..<digits.count).map { Int(test.map.entries(at: place)[$0]) }
            let levels = test.codebook.levels
            #expect(entries == digits.enumerated().map { $0.offset * levels + $0.element })
        }
    }

    /// By sorting all vectors, for every seventh point.
    @Test(arguments: cases) func vectorsNearAPointAreThoseOfASort(_ test: Case) {
        let vectors = test.codebook.numbers.map(test.codebook.digits)
        for number in stride(from: 0, to: test.codebook.pointCount, by: 7) {
            let digits = test.codebook.digits(of: UInt16(number))
            let point = Self.packed(digits, bits: test.bits)
            guard test.map.place(point) == nil else { continue }
            let sorted = vectors.enumerated().map { place, vector in
                (
                    distance: zip(vector, digits).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) },
                    place: place
                )
            }.sorted { ($0.distance, $0.place) < ($1.distance, $1.place) }
            let distances = Set(sorted.map(\.distance)).sorted().prefix(test.shells)
            let expected = sorted.filter { distances.contains($0.distance) }.map(\.place)
            #expect(test.map.near(point).map(Int.init) == expected, "point \(number)")
        }
    }

    @Test func setsAreReadSixBitsACharacter() {
        let codebook = Codebook(levels: 3, dimension: 8, set: "BC\n  Ag/")
        #expect(codebook.numbers == [0, 7, 23, 24, 25, 26, 27, 28, 29])
        #expect(codebook.digits(of: 23) == [2, 1, 2, 0, 0, 0, 0, 0])
        let table = codebook.table([-8, 0, 8], of: UInt64.self).pointer
        #expect(table[2] == 0xF8F8_F8F8_F808_0008)
    }
}

/// Small integers spread to bytes, against loops.
@Suite struct BitSpreadingTests {
    @Test func bitsBecomeBytes() {
        for byte in UInt8.min...UInt8.max {
            let spread = (0..<8).map { UInt8(spreadBits(byte) >> UInt64(8 * $0) & 255) }
            #expect(spread == (0..<8).map { byte >> UInt8($0) & 1 })
        }
    }

    @Test func bitPairsBecomeBytes() {
        for word in stride(from: UInt16.min, through: .max, by: 13) {
            let spread = (0..<8).map { UInt16(spreadBitPairs(word) >> UInt64(8 * $0) & 255) }
            #expect(spread == (0..<8).map { word >> UInt16(2 * $0) & 3 })
        }
    }

    @Test func nibblesBecomeBytes() {
        for word: UInt32 in [0, 1, 0xF, 0x7654_3210, 0xFEDC_BA98, .max, 0x8000_0001] {
            let spread = (0..<8).map { UInt32(spreadNibbles(word) >> UInt64(8 * $0) & 255) }
            #expect(spread == (0..<8).map { word >> UInt32(4 * $0) & 15 })
        }
    }

    @Test func theEighthSignMakesTheNumberEven() {
        for seven in UInt32(0)..<256 {
            let signs = evenSigns(seven)
            #expect(UInt32(signs) & 127 == seven & 127)
            #expect(signs.nonzeroBitCount % 2 == 0)
        }
    }
}

/// Which integers a block holds.
@Suite struct StoredIntegersTests {
    @Test func rangesHoldWholeNumbers() {
        let integers = StoredIntegers.every(-4...3)
        #expect([-9, -3.6, 0.4, 2.5, 8].map(integers.nearest) == [-4, -4, 0, 3, 3])
        #expect(integers.gap(at: 0) == 1)
    }

    @Test func listsHoldTheirOwn() {
        let integers = StoredIntegers.signed([8, 25, 43])
        #expect(
            [-100, -34, -1, 0, 1, 16.4, 16.6, 34, 90].map(integers.nearest) == [
                -43, -43, -8, 8, 8, 8, 25, 43, 43,
            ])
        #expect([-43, -25, -8, 8, 25, 43].map(integers.gap) == [18, 18, 17, 17, 18, 18])
    }
}
