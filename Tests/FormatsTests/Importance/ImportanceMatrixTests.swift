import Foundation
import TestSupport
import Testing

@testable import Formats

/// Importance matrices against gguf-py's bytes: see `Fixtures/Importance/make_importance.py`.
@Suite struct ImportanceMatrixTests {
    private let folder: TemporaryFolder
    private let fixtures: String

    init() throws {
        folder = try TemporaryFolder()
        let root = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        fixtures = root.path + "/Importance/"
    }

    private func fixture(_ name: String) throws -> ImportanceMatrix {
        try ImportanceMatrix(contentsOf: fixtures + name)
    }

    private func entry(
        _ name: String, of matrix: ImportanceMatrix
    ) throws -> ImportanceMatrix.Entry {
        try #require(matrix.entries[ExactString(name)])
    }

    // MARK: - Reading

    @Test func aFileSaysWhatWasRead() throws {
        let matrix = try fixture("experts.gguf")
        #expect(matrix.datasets == ["code.txt", "prose.txt"])
        #expect(matrix.chunkCount == 1 && matrix.chunkSize == 512)
        #expect(matrix.names == ["blk.0.attn_q.weight", "blk.0.ffn_up_exps.weight"])
        #expect(matrix.progress == nil)
        let experts = try entry("blk.0.ffn_up_exps.weight", of: matrix)
        #expect(experts.sums == [300, 600, 0, 0, 212, 106])
        #expect(experts.counts == [300, 0, 212])
        #expect(experts.unreached == [1])
    }

    @Test func valuesAreMeansAndOneWhereNothingWasCounted() throws {
        let dense = try fixture("dense.gguf")
        #expect(
            try dense.values(for: "blk.0.attn_q.weight", columns: 4) == [1, 0.5, 0, 0.25 / 1024])
        #expect(try dense.values(for: "blk.1.attn_q.weight", columns: 4) == nil)
        let experts = try fixture("experts.gguf")
        let values = try experts.values(
            for: "blk.0.ffn_up_exps.weight", columns: 2, experts: 3)
        #expect(values == [1, 2, 1, 1, 1, 0.5])
    }

    @Test func theOlderFormatCountsChunks() throws {
        let matrix = try fixture("older.dat")
        #expect(matrix.datasets == ["older.txt"])
        #expect(matrix.chunkCount == 2 && matrix.chunkSize == nil)
        #expect(try matrix.values(for: "blk.0.attn_q.weight", columns: 4) == [1, 0.5, 0, 0.25])
        let values = try matrix.values(for: "blk.0.ffn_up_exps.weight", columns: 2, experts: 3)
        #expect(values == [1, 2, 0.5, 0.5, 3, 4])
    }

    @Test func whatTheOlderFormatEndsWithMayBeMissing() throws {
        let whole = try bytes(ofFile: fixtures + "older.dat")
        let name = 4 + "older.txt".utf8.count
        for (cut, chunks) in [(name, 2), (name + 4, 0)] {
            let path = try folder.write(whole.dropLast(cut), as: "cut.dat")
            let matrix = try ImportanceMatrix(contentsOf: path)
            #expect(matrix.chunkCount == chunks)
            #expect(matrix.datasets.isEmpty)
            #expect(matrix.entries == (try fixture("older.dat")).entries)
        }
    }

    @Test func noChunksInTheOlderFormatMeansMeans() throws {
        let bytes = le(Int32(1)) + le(Int32(1)) + [UInt8(ascii: "w")] + le(Int32(0)) + le(Int32(1))
        let path = try folder.write(bytes + le(Float(0.75).bitPattern), as: "old.dat")
        let matrix = try ImportanceMatrix(contentsOf: path)
        #expect(try matrix.values(for: "w", columns: 1) == [0.75])
    }

    @Test func anEntryThatDoesNotFitIsRefusedExceptThatOfEmbeddings() throws {
        let matrix = ImportanceMatrix(
            path: "m.gguf",
            entries: [
                ExactString("token_embd.weight"): .init(sums: [1, 2], counts: [1]),
                ExactString("blk.0.attn_q.weight"): .init(sums: [1, 2], counts: [1]),
            ], datasets: [], chunkSize: 1)
        #expect(try matrix.values(for: "token_embd.weight", columns: 3) == nil)
        let problem = ImportanceError.Problem.wrongSize(
            entry: "blk.0.attn_q.weight", found: 2, columns: 3, experts: 1)
        #expect(throws: ImportanceError(path: "m.gguf", problem: problem)) {
            try matrix.values(for: "blk.0.attn_q.weight", columns: 3)
        }
        #expect(throws: ImportanceError.self) {
            try matrix.values(for: "blk.0.attn_q.weight", columns: .max, experts: 2)
        }
    }

    // MARK: - Writing

    @Test(arguments: ["dense.gguf", "experts.gguf"])
    func writtenBytesAreThoseOfOtherPrograms(_ name: String) throws {
        let path = folder.path("written.gguf")
        try fixture(name).write(to: path, replacing: false)
        #expect(try bytes(ofFile: path) == bytes(ofFile: fixtures + name))
        #expect(throws: FileError.self) { try fixture(name).write(to: path, replacing: false) }
    }

    @Test func progressIsKept() throws {
        let source = try fixture("dense.gguf")
        let matrix = ImportanceMatrix(
            path: "m", entries: source.entries, datasets: source.datasets, chunkSize: 512,
            progress: .init(run: "00ff", chunks: 2))
        #expect(matrix.chunkCount == 2)
        let path = folder.path("progress.gguf")
        try matrix.write(to: path, replacing: false)
        let read = try ImportanceMatrix(contentsOf: path)
        #expect(read.progress == .init(run: "00ff", chunks: 2))
        #expect(read.entries == source.entries)
    }

    // MARK: - Combining

    @Test func sumsAndCountsAddUp() throws {
        let matrix = try ImportanceMatrix(
            combining: [fixture("dense.gguf"), fixture("experts.gguf")], path: "both",
            chunkSize: 512)
        #expect(matrix.datasets == ["prose.txt", "code.txt", "prose.txt"])
        #expect(matrix.chunkCount == 3 && matrix.chunkSize == 512)
        #expect(matrix.entries.count == 3)
        let query = try entry("blk.0.attn_q.weight", of: matrix)
        #expect(query == .init(sums: [1025, 514, 3, 4.25], counts: [1536]))
        let halves = try ImportanceMatrix(
            combining: [fixture("dense.gguf")], path: "halves", chunkSize: 256)
        #expect(halves.chunkCount == 4)
    }

    @Test func chunksOfTheOlderFormatAreAsLongAsThoseOfTheResult() throws {
        let both = try [fixture("older.dat"), fixture("experts.gguf")]
        for matrices in [both, both.reversed()] {
            let matrix = try ImportanceMatrix(combining: matrices, path: "both", chunkSize: 512)
            let experts = try entry("blk.0.ffn_up_exps.weight", of: matrix)
            #expect(experts.counts == [1324, 1024, 1236])
            #expect(experts.sums == [1324, 2648, 512, 512, 3284, 4202])
        }
    }

    @Test func whatCannotBeCombinedIsNamed() throws {
        func matrix(_ path: String, _ sums: [Float], _ counts: [Int]) -> ImportanceMatrix {
            ImportanceMatrix(
                path: path, entries: [ExactString("w"): .init(sums: sums, counts: counts)],
                datasets: [], chunkSize: 512)
        }
        func combine(
            _ first: ImportanceMatrix, _ second: ImportanceMatrix,
            throws problem: ImportanceError.Problem
        ) {
            #expect(throws: ImportanceError(path: "second", problem: problem)) {
                try ImportanceMatrix(combining: [first, second], path: "out", chunkSize: 512)
            }
        }
        let six = matrix("first", [1, 2, 3, 4, 5, 6], [1, 2])
        combine(
            six, matrix("second", [1, 2], [1]),
            throws: .otherSums(entry: "w", found: 2, other: "first", expected: 6))
        combine(
            six, matrix("second", [1, 2, 3, 4, 5, 6], [1, 2, 3]),
            throws: .otherCounts(entry: "w", found: 3, other: "first", expected: 2))
        let large = Float.greatestFiniteMagnitude
        combine(
            matrix("first", [large], [1]), matrix("second", [large], [1]),
            throws: .tooLarge(entry: "w"))
        combine(
            matrix("first", [1], [.max]), matrix("second", [1], [1]),
            throws: .tooLarge(entry: "w"))
    }
}
