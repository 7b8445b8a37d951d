import Foundation
import TestSupport
import Testing

@testable import Formats

@Suite struct GGUFSplitsTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func write(limit: Int?) throws -> [String] {
        let plan = try OutputPlan(
            source: try Checkpoint.open(Samples.tinyModel), edits: [], format: .gguf)
        return try CheckpointWriter(crew: WorkCrew(threads: 2)).write(
            plan, to: folder.path("model.gguf"), shardLimit: limit, replacing: false
        ).files
    }

    @Test func aSplitModelIsTheSameModel() throws {
        let files = try write(limit: 500_000)
        #expect(files.count > 2)
        #expect(files.first?.hasSuffix("model-00001-of-0000\(files.count).gguf") == true)
        let whole = try GGUFFile.open(Samples.tinyModel)
        let split = try GGUFFile.open(files[0])
        #expect(split.tensors.map(\.description) == whole.tensors.map(\.description))
        for (left, right) in zip(split.tensors, whole.tensors) {
            #expect(
                left.bytes.withUnsafeBytes { Array($0) }
                    == right.bytes.withUnsafeBytes { Array($0) })
        }
        var metadata = split.metadata
        for key in GGUFSplits.Key.all { metadata[key] = nil }
        #expect(metadata == whole.metadata)
    }

    @Test func noFileHoldsMoreThanTheLimitUnlessOneTensorDoes() throws {
        let tensors = try GGUFFile.open(Samples.tinyModel).tensors.map(\.description)
        let splits = try GGUFSplits(
            path: "model.gguf", metadata: GGUFMetadata(), tensors: tensors, limit: 40_000)
        #expect(splits.files.flatMap { $0.header.layout.map(\.description) } == tensors)
        for (number, file) in splits.files.enumerated() {
            let size = file.header.layout.reduce(0) { $0 + $1.byteCount }
            #expect(size <= 40_000 || file.header.layout.count == 1)
            #expect(!file.header.layout.isEmpty, "file \(number)")
        }
    }

    @Test func whatFitsIsOneFileWithThePlainName() throws {
        #expect(try write(limit: 1 << 30) == [folder.path("model.gguf")])
    }
}
