import TestSupport
import Testing

@testable import Formats

/// DEFLATE against zlib, which made the data: stored, fixed and dynamic blocks.
@Suite struct InflationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let data: [UInt8]
        let size: Int
        let checksum: UInt32

        var testDescription: String { name }
    }

    static let cases: [Case] = {
        let path = Samples.path("../Tests/TuningTests/Fixtures/vectors/inflate.json")
        let file = try? MappedFile(path: path)
        let values = file.flatMap { try? JSONReader.parse($0.bytes, source: path).array } ?? []
        return values.compactMap { value in
            guard let object = value.object, let hex = object["data"]?.string,
                let size = object["size"]?.integer, let crc = object["crc"]?.integer
            else { return nil }
            let digits = Array(hex.utf8)
            let data = stride(from: 0, to: digits.count, by: 2).map { place in
                UInt8(String(decoding: digits[place..<place + 2], as: UTF8.self), radix: 16) ?? 0
            }
            return Case(
                name: object["name"]?.string ?? "", data: data, size: size,
                checksum: UInt32(clamping: crc))
        }
    }()

    @Test func theFixtureIsThere() {
        #expect(Self.cases.count == 18)
        // Every kind of first block: bits 1 and 2 of the first byte.
        #expect(Set(Self.cases.map { ($0.data[0] >> 1) & 3 }) == [0, 1, 2])
    }

    @Test(arguments: cases)
    func givesWhatZlibCompressed(_ sample: Case) throws {
        let bytes = try Inflation.inflate(sample.data, announced: sample.size)
        #expect(bytes.count == sample.size)
        #expect(bytes.withUnsafeBytes { CRC32.checksum($0) } == sample.checksum)
        #expect(sample.size <= Inflation.mostBytes(of: sample.data.count))
    }

    @Test(arguments: cases)
    func anotherSizeIsRefused(_ sample: Case) {
        #expect(throws: Inflation.Problem.shorter(size: sample.size, announced: sample.size + 1)) {
            try Inflation.inflate(sample.data, announced: sample.size + 1)
        }
        guard sample.size > 0 else { return }
        #expect(throws: Inflation.Problem.longer(announced: sample.size - 1)) {
            try Inflation.inflate(sample.data, announced: sample.size - 1)
        }
    }

    @Test(arguments: cases)
    func dataThatAreCutOrFollowedAreRefused(_ sample: Case) {
        for length in Set([0, 1, sample.data.count / 2, sample.data.count - 1]) {
            #expect(throws: Inflation.Problem.self) {
                try Inflation.inflate(Array(sample.data.prefix(length)), announced: sample.size)
            }
        }
        #expect(
            throws: Inflation.Problem.dataAfterEnd(
                end: sample.data.count, size: sample.data.count + 1)
        ) {
            try Inflation.inflate(sample.data + [0], announced: sample.size)
        }
    }

    /// Changed bits give other bytes or a refusal, and never more than announced.
    @Test(arguments: cases)
    func changedDataEnd(_ sample: Case) {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<60 {
            var data = sample.data
            data[Int.random(in: data.indices, using: &generator)] ^=
                1 << UInt8.random(in: 0..<8, using: &generator)
            let bytes = try? Inflation.inflate(data, announced: sample.size)
            #expect((bytes?.count ?? sample.size) == sample.size)
        }
    }

    @Test func rulesAreNamed() {
        func problem(_ data: [UInt8], _ announced: Int = 8) -> Inflation.Problem? {
            do throws(Inflation.Problem) {
                _ = try Inflation.inflate(data, announced: announced)
                return nil
            } catch { return error }
        }
        #expect(problem([7]) == .reservedBlock(offset: 1))
        #expect(
            problem([1, 2, 0, 0, 0, 9, 9])
                == .storedLength(offset: 1, length: 2, complement: 0))
        // A fixed block whose first symbol is a match of length 3 at distance 1.
        #expect(
            problem([0b0000_0011, 0b0000_0010, 0])
                == .distanceBeforeStart(offset: 2, distance: 1, available: 0))
    }

    @Test func theChecksumIsThatOfTheStandard() {
        #expect(Array("123456789".utf8).withUnsafeBytes { CRC32.checksum($0) } == 0xCBF4_3926)
    }
}
