import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Importance matrices of every family against transformers: see `Fixtures/Importance/make_sums.py`.
@Suite struct ImportanceMeasurementTests {
    /// Both sides round to f32; the models' own arithmetic is f32 here and f64 there.
    private static let bound = 1e-4

    private let folder: TemporaryFolder
    private let reference: [String: StoredTensor]

    init() throws {
        folder = try TemporaryFolder()
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let file = try SafetensorsFile(path: fixtures.path + "/Importance/sums.safetensors")
        reference = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    }

    /// The tokens of a family's second prompt.
    private func tokens(_ family: String) throws -> [Int] {
        let file = try SafetensorsFile(path: Families.folder(family) + "/reference.safetensors")
        let tensor = try #require(file.tensors.first { $0.name == "1.tokens" })
        return try tensor.values().map { Int($0) }
    }

    private func measurement(
        of checkpoint: Checkpoint, _ tokens: [Int], size: Int, threads: Int = 2,
        readsOutput: Bool = false, addedTo added: [String] = []
    ) throws -> ImportanceMeasurement {
        try ImportanceMeasurement(
            of: checkpoint,
            decoder: Decoder(checkpoint: checkpoint, crew: WorkCrew(threads: threads)),
            chunks: ImportanceChunks(tokens: tokens, size: size, beginning: nil),
            readsOutput: readsOutput, addedTo: added)
    }

    private var nothing: ImportanceMatrix {
        ImportanceMatrix(path: "nothing", entries: [:], datasets: [], chunkSize: 1)
    }

    private func measured(_ measurement: ImportanceMeasurement) throws -> ImportanceMatrix {
        try measurement.run(
            upTo: .max, from: measurement.start(adding: nothing, text: "text"))
    }

    // MARK: - Against transformers

    @Test(arguments: Families.all)
    func sumsAreThoseOfTransformers(_ family: String) throws {
        let tokens = try tokens(family)
        let checkpoint = try Checkpoint.open(Families.folder(family))
        let matrix = try measured(
            measurement(of: checkpoint, tokens, size: tokens.count))
        let prefix = family + "/"
        let expected = reference.keys.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".counts") }
            .map { String($0.dropFirst(prefix.count).dropLast(".counts".count)) }
        #expect(matrix.names == expected.sorted())
        for name in matrix.names {
            let entry = try #require(matrix.entries[ExactString(name)])
            let sums = try #require(reference["\(family)/\(name).in_sum2"]).values()
            let counts = try #require(reference["\(family)/\(name).counts"]).values()
            #expect(entry.counts == counts.map { Int($0) }, "\(name)")
            try #require(entry.sums.count == sums.count)
            let largest = Double(sums.max() ?? 0)
            for (found, wanted) in zip(entry.sums, sums) {
                let difference = abs(Double(found) - Double(wanted))
                #expect(difference <= Self.bound * largest, "\(name): \(found), not \(wanted)")
            }
        }
    }

    @Test(arguments: ["llama", "mixtral", "gpt2", "qwen2", "phi4", "qwen3_5"])
    func bothFormatsGiveTheSameSums(_ family: String) throws {
        let tokens = try tokens(family)
        let source = try Checkpoint.open(Families.folder(family))
        let converted = try folder.write(source, as: "model.gguf")
        let (first, second) = try (
            measured(measurement(of: source, tokens, size: tokens.count)),
            measured(measurement(of: converted, tokens, size: tokens.count))
        )
        #expect(first.names == second.names)
        for name in first.names {
            let own = try #require(first.entries[ExactString(name)])
            let other = try #require(second.entries[ExactString(name)])
            #expect(own.counts == other.counts)
            let largest = own.sums.max() ?? 0
            #expect(
                zip(own.sums, other.sums).allSatisfy { abs($0 - $1) <= 1e-5 * largest }, "\(name)")
        }
    }

    @Test func everyEntryIsOneThatTheGGUFFileHas() throws {
        for family in Families.convertible {
            let converted = try folder.write(
                .open(Families.folder(family)), as: "\(family).gguf")
            let tensors = Dictionary(
                uniqueKeysWithValues: converted.tensors.map { ($0.name, $0) })
            let matrix = try measured(measurement(of: converted, tokens(family), size: 4))
            for name in matrix.names {
                let tensor = try #require(tensors[name], "\(family): \(name)")
                let isStack = tensor.shape.count == 3
                let values = try matrix.values(
                    for: name, columns: tensor.description.columns,
                    experts: isStack ? tensor.shape[0] : 1)
                #expect(values != nil)
            }
        }
    }

    // MARK: - Runs

    @Test(arguments: ["llama", "mixtral"])
    func aRunThatWasStoppedEndsWithTheSameBytes(_ family: String) throws {
        let checkpoint = try Checkpoint.open(Families.folder(family))
        let tokens = try tokens(family)
        func file(_ name: String, _ matrix: ImportanceMatrix) throws -> [UInt8] {
            try matrix.write(to: folder.path(name), replacing: true)
            return try bytes(ofFile: folder.path(name))
        }
        let whole = try measured(measurement(of: checkpoint, tokens, size: 4))
        #expect(whole.chunkCount == 5 && whole.progress?.chunks == 5)
        let expected = try file("whole", whole)
        for threads in [1, 2] {
            let run = try measurement(of: checkpoint, tokens, size: 4, threads: threads)
            var saved: [Int] = []
            let part = try run.run(
                upTo: 3, from: run.start(adding: nothing, text: "text"), savingEvery: 2,
                save: {
                    saved.append($0.progress?.chunks ?? 0)
                    _ = try file("part", $0)
                })
            #expect(saved == [2] && part.progress?.chunks == 3)
            let written = try ImportanceMatrix(contentsOf: folder.path("part"))
            try run.check(written)
            #expect(try file("again", run.run(upTo: .max, from: written)) == expected)
            #expect(try file("done", run.run(upTo: 2, from: whole)) == expected)
        }
    }

    @Test func sumsAreAddedToThoseThatAreThere() throws {
        let checkpoint = try Checkpoint.open(Families.folder("llama"))
        let tokens = try tokens("llama")
        let run = try measurement(of: checkpoint, tokens, size: 4)
        let first = try measured(run)
        let twice = try run.run(
            upTo: .max, from: run.start(adding: first, text: "more"))
        #expect(twice.datasets == ["text", "more"])
        #expect(twice.chunkCount == 10 && twice.progress?.chunks == 5)
        let name = ExactString("blk.1.ffn_down.weight")
        let (once, both) = try (
            #require(first.entries[name]), #require(twice.entries[name])
        )
        #expect(both.counts == [40])
        #expect(zip(once.sums, both.sums).allSatisfy { abs(2 * $0 - $1) <= 1e-5 * $1 })
    }

    @Test func theHeadIsLookedAtWhereItIsAskedForAndThere() throws {
        let checkpoint = try Checkpoint.open(Families.folder("mixtral"))
        let matrix = try measured(
            measurement(of: checkpoint, tokens("mixtral"), size: 4, readsOutput: true))
        let entry = try #require(matrix.entries[ExactString("output.weight")])
        #expect(entry.counts == [20] && entry.sums.allSatisfy { $0 > 0 })
        let tied = try Checkpoint.open(Families.folder("gemma"))
        #expect(throws: ImportanceRunError.tiedOutput(model: tied.path)) {
            try measurement(of: tied, [1, 2], size: 2, readsOutput: true)
        }
    }

    @Test func onlyTheSameRunGoesOn() throws {
        let checkpoint = try Checkpoint.open(Families.folder("llama"))
        let tokens = try tokens("llama")
        let written = try measured(measurement(of: checkpoint, tokens, size: 4))
        let others = try [
            measurement(of: checkpoint, tokens, size: 5),
            measurement(of: checkpoint, tokens.reversed(), size: 4),
            measurement(of: checkpoint, tokens, size: 4, addedTo: ["00"]),
            measurement(of: .open(Families.folder("llama-biased")), tokens, size: 4),
        ]
        for other in others {
            #expect(throws: ImportanceRunError.otherRun(file: "nothing")) {
                try other.check(written)
            }
        }
        try measurement(of: checkpoint, tokens, size: 4, threads: 1).check(written)
    }

    @Test func sumsOfAnotherShapeAreRefused() throws {
        let run = try measurement(
            of: .open(Families.folder("llama")), tokens("llama"), size: 4)
        let added = ImportanceMatrix(
            path: "other",
            entries: [ExactString("blk.0.attn_q.weight"): .init(sums: [1], counts: [1])],
            datasets: [], chunkSize: 4)
        let problem = ImportanceRunError.otherShape(
            file: "other", entry: "blk.0.attn_q.weight", sums: 1, counts: 1, matrices: 1,
            columns: 24)
        #expect(throws: problem) {
            try run.run(upTo: 1, from: run.start(adding: added, text: "text"))
        }
    }

    @Test func aSumThatIsTooLargeIsRefused() throws {
        let run = try measurement(
            of: .open(Families.folder("llama")), tokens("llama"), size: 4)
        let added = ImportanceMatrix(
            path: "large",
            entries: [
                ExactString("blk.0.attn_q.weight"): .init(
                    sums: Array(repeating: .infinity, count: 24), counts: [1])
            ], datasets: [], chunkSize: 4)
        #expect(throws: ImportanceRunError.notFinite(weight: "blk.0.attn_q.weight", chunk: 1)) {
            try run.run(upTo: 1, from: run.start(adding: added, text: "text"))
        }
    }
}
