import TestSupport
import Testing

@testable import Formats

/// Files that are no importance matrix, or have what no measurement gives, each refused for what it is.
@Suite struct ImportanceRefusalTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func refused(
        _ path: String, _ problem: ImportanceError.Problem,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            throws: ImportanceError(path: path, problem: problem), sourceLocation: sourceLocation
        ) { try ImportanceMatrix(contentsOf: path) }
    }

    // MARK: - GGUF

    private static let keys: [GGUFMetadata.Entry] = [
        .init("general.type", .string(ByteString("imatrix"))),
        .init("imatrix.datasets", .array(.strings(ByteStringList(["t"])))),
        .init("imatrix.chunk_count", .u32(1)), .init("imatrix.chunk_size", .u32(512)),
    ]

    private func gguf(
        _ tensors: [(name: String, values: [Float])],
        changing change: (inout GGUFMetadata) -> Void = { _ in }
    ) throws -> String {
        var metadata = GGUFMetadata(Self.keys)
        change(&metadata)
        let path = folder.path("m.gguf")
        try TensorFile(
            tensors.map { name, values in .floats(name, shape: [values.count]) { values } },
            metadata: metadata, path: path
        ).write(to: path, replacing: true)
        return path
    }

    private let good: [(name: String, values: [Float])] = [
        ("w.in_sum2", [1, 2]), ("w.counts", [4]),
    ]

    @Test func theSmallestFileIsRead() throws {
        let matrix = try ImportanceMatrix(contentsOf: gguf(good))
        #expect(try matrix.values(for: "w", columns: 2) == [0.25, 0.5])
    }

    @Test func keysAreThereAndOfTheirTypes() throws {
        refused(
            try gguf(good) { $0["general.type"] = nil },
            .notImportance(reason: "general.type is missing, not 'imatrix'"))
        refused(
            try gguf(good) { $0["general.type"] = .string(ByteString("model")) },
            .notImportance(reason: "general.type is 'model', not 'imatrix'"))
        refused(
            try gguf(good) { $0["imatrix.datasets"] = nil },
            .wrongKey("imatrix.datasets", expected: "a list of texts"))
        for key in ["imatrix.chunk_count", "imatrix.chunk_size"] {
            refused(
                try gguf(good) { $0[key] = .i32(1) },
                .wrongKey(key, expected: "an unsigned 32-bit integer"))
        }
        refused(
            try gguf(good) { $0["rtedit.imatrix.run"] = .u32(1) },
            .wrongKey("rtedit.imatrix.run", expected: "a text"))
        refused(
            try gguf(good) { $0["rtedit.imatrix.run"] = .string(ByteString("00")) },
            .wrongKey("rtedit.imatrix.chunks_done", expected: "an unsigned 32-bit integer"))
    }

    @Test func tensorsAreHalvesOfEntries() throws {
        refused(try gguf([]), .noEntries)
        refused(try gguf(good + [("w.in_sum", [1, 2])]), .otherTensor("w.in_sum"))
        refused(
            try gguf([("w.in_sum2", [1])]),
            .missingHalf(tensor: "w.in_sum2", missing: "w.counts"))
        refused(
            try gguf([("w.counts", [1])]), .missingHalf(tensor: "w.counts", missing: "w.in_sum2"))
        refused(
            try gguf([("w.in_sum2", [1, 2, 3]), ("w.counts", [1, 1])]),
            .unevenCounts(entry: "w", sums: 3, counts: 2))
        refused(
            try gguf([("w.in_sum2", []), ("w.counts", [1])]),
            .unevenCounts(entry: "w", sums: 0, counts: 1))
        refused(
            try gguf([("w.in_sum2", [1]), ("w.counts", [])]),
            .unevenCounts(entry: "w", sums: 1, counts: 0))
        let path = folder.path("integers.gguf")
        try TensorFile(
            [.integers("w.in_sum2", [1])], metadata: GGUFMetadata(Self.keys), path: path
        ).write(to: path, replacing: true)
        refused(path, .wrongType(tensor: "w.in_sum2", type: .i64))
    }

    @Test(arguments: [-1, Float.infinity, -Float.infinity, -0.25])
    func sumsAreSumsOfSquares(_ value: Float) throws {
        refused(
            try gguf([("w.in_sum2", [0, value]), ("w.counts", [1])]),
            .wrongSum(entry: "w", index: 1, value: value))
    }

    @Test(arguments: [-1, Float.infinity, 1e16])
    func countsAreWholeNumbers(_ value: Float) throws {
        refused(
            try gguf([("w.in_sum2", [0, 1]), ("w.counts", [1, value])]),
            .wrongCount(entry: "w", index: 1, value: value))
    }

    @Test func whatIsNoNumberIsRefused() throws {
        for name in ["w.in_sum2", "w.counts"] {
            let tensors = good.map {
                ($0.name, $0.name == name ? [.nan] + $0.values.dropFirst() : $0.values)
            }
            let error = try #require(throws: ImportanceError.self) {
                try ImportanceMatrix(contentsOf: gguf(tensors))
            }
            #expect(error.description.contains("nan"))
        }
    }

    // MARK: - The older format

    private func older(_ parts: [UInt8]...) throws -> String {
        try folder.write(parts.flatMap(\.self), as: "m.dat")
    }

    private func number(_ value: Int32) -> [UInt8] { le(value) }

    private func entry(
        _ name: String = "w", calls: Int32 = 1, values: [Float] = [1]
    ) -> [UInt8] {
        number(Int32(name.utf8.count)) + Array(name.utf8) + number(calls)
            + number(Int32(values.count)) + values.flatMap { le($0.bitPattern) }
    }

    @Test func everyCutIsRefusedOrAnEnd() throws {
        let whole =
            number(2) + entry("a", values: [1, 2]) + entry("b", values: [3]) + number(1) + number(1)
            + [65]
        let ends = [whole.count, whole.count - 5, whole.count - 9]
        // Of an empty file more can be said.
        for count in 1..<whole.count where !ends.contains(count) {
            let path = try folder.write(Array(whole.prefix(count)), as: "cut.dat")
            let error = try #require(throws: ImportanceError.self, "\(count)") {
                try ImportanceMatrix(contentsOf: path)
            }
            guard case .truncated = error.problem else {
                Issue.record("\(count): \(error)")
                continue
            }
        }
    }

    @Test func numbersHaveTheirRanges() throws {
        let whole = "at least 1"
        refused(
            try older(number(0)), .wrongNumber(.entryCount, offset: 0, value: 0, expected: whole))
        refused(
            try older(number(1), number(-1)),
            .wrongNumber(.name(entry: 0), offset: 4, value: -1, expected: whole))
        refused(
            try older(number(1), entry(calls: -2)),
            .wrongNumber(.callCount(entry: "w"), offset: 9, value: -2, expected: "at least 0"))
        refused(
            try older(number(1), entry(values: [])),
            .wrongNumber(.valueCount(entry: "w"), offset: 13, value: 0, expected: whole))
        refused(
            try older(number(1), entry(), number(-1)),
            .wrongNumber(.chunkCount, offset: 21, value: -1, expected: "at least 0"))
    }

    @Test func announcedLengthsAreNotTakenOnTrust() throws {
        refused(
            try older(number(.max), entry()),
            .truncated(.name(entry: 1), offset: 21, needed: 4, remaining: 0))
        refused(
            try older(number(1), number(.max)),
            .truncated(.name(entry: 0), offset: 8, needed: Int(Int32.max), remaining: 0))
        refused(
            try older(number(1), number(1), [65], number(1), number(.max), [1, 2]),
            .truncated(
                .values(entry: "A"), offset: 17, needed: 4 * Int(Int32.max), remaining: 2))
    }

    @Test func entriesAreNamedOnceInUTF8AndHaveSums() throws {
        refused(try older(number(2), entry(), entry()), .duplicateEntry("w"))
        refused(
            try older(number(1), number(2), [65, 0xFF], number(1)),
            .notUTF8(.name(entry: 0), offset: 9))
        refused(
            try older(number(1), entry(values: [-3])), .wrongSum(entry: "w", index: 0, value: -3))
        refused(
            try older(number(1), entry(), number(1), number(1), [65, 66]),
            .trailing(offset: 30, bytes: 1))
    }

    @Test func filesOfOtherFormatsAreNamed() throws {
        let path = try folder.write(safetensorsFile("{}      "), as: "m.safetensors")
        refused(path, .notImportance(reason: "it is a safetensors file"))
        #expect(throws: FileError.self) {
            try ImportanceMatrix(contentsOf: folder.path("missing.gguf"))
        }
    }
}
