import Foundation
import Formats
import TestSupport

/// A folder in which patches are made and applied.
struct PatchFixture {
    let folder: TemporaryFolder
    let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Makes a patch and returns its path.
    @discardableResult
    func create(_ base: String, _ target: String, threads: Int = 2) throws -> String {
        let path = folder.path("p.rtdelta")
        _ = try PatchWriter(crew: WorkCrew(threads: threads)).write(
            from: FileSet(path: base), to: FileSet(path: target), path: path, replacing: true)
        return path
    }

    /// Applies a patch and returns the result's path.
    func apply(_ patch: String, to base: String, as name: String = "result") throws -> String {
        let path = folder.path(name)
        _ = try PatchApplier(crew: crew).apply(
            PatchFile(path: patch), to: FileSet(path: base), path: path, replacing: true)
        return path
    }

    /// Makes a patch and applies it; returns whether every byte came out, and the patch's size.
    func roundTrip(_ base: String, _ target: String) throws -> (isEqual: Bool, size: Int) {
        let patch = try create(base, target)
        let result = try apply(patch, to: base, as: UUID().uuidString)
        return (try Self.isEqual(result, target), try bytes(ofFile: patch).count)
    }

    /// Whether two files, or all files of two folders, have the same bytes.
    static func isEqual(_ left: String, _ right: String) throws -> Bool {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: right, isDirectory: &isFolder),
            isFolder.boolValue
        else { return try bytes(ofFile: left) == bytes(ofFile: right) }
        let names = try FileManager.default.contentsOfDirectory(atPath: right).sorted()
        guard try FileManager.default.contentsOfDirectory(atPath: left).sorted() == names else {
            return false
        }
        return try names.allSatisfy {
            try bytes(ofFile: left + "/" + $0) == bytes(ofFile: right + "/" + $0)
        }
    }

    /// Writes a checkpoint that is another with edits.
    func write(
        _ source: String, _ edits: [CheckpointEdit] = [], as name: String, shardLimit: Int? = nil
    ) throws -> String {
        let path = folder.path(name)
        let plan = try OutputPlan(
            source: .open(source), edits: edits,
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: crew).write(
            plan, to: path, shardLimit: shardLimit, replacing: true)
        return path
    }
}

/// A reproducible source of numbers.
struct Numbers {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    /// A number from 0 on below the limit.
    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }

    /// Roughly normal, of this deviation: the sum of twelve uniform numbers.
    mutating func normal(_ deviation: Float) -> Float {
        var sum: Float = -6
        for _ in 0..<12 { sum += Float.random(in: 0..<1, using: &generator) }
        return sum * deviation
    }
}
