import Foundation
import Synchronization
import Testing

@testable import Formats

/// The committed digests of outputs: a line for each, `DIGEST GROUP: NAME`; the first says with which zstd the patches
/// were made, whose bytes differ between its versions.
enum GoldenDigests {
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("digests.txt").path
    private static let isWriting = ProcessInfo.processInfo.environment["RTEDIT_GOLDEN"] == "write"
    private static let written = Mutex<Void>(())

    private static func lines() throws -> [String] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .map(String.init)
    }

    /// Compares outputs with the committed digests of their group, none more and none less.
    ///
    /// - Parameter dependsOnZstandard: whether names that begin with `patch` hold only for one version of zstd
    static func compare(
        _ found: [(name: String, digest: String)], ofGroup group: String,
        dependsOnZstandard: Bool = false
    ) throws {
        if isWriting { return try written.withLock { _ in try write(found, group) } }
        let lines = try lines()
        let isOtherZstandard =
            dependsOnZstandard && lines.first != "zstd \(Zstandard.version)"
        let expected = lines.filter { $0.contains(" \(group): ") }.map { line in
            let digest = String(line.prefix { $0 != ":" }.dropLast(group.count + 1))
            return (name: String(line.dropFirst(digest.count + group.count + 3)), digest: digest)
        }
        #expect(expected.map(\.name) == found.map(\.name), "the outputs of \(group) are others")
        for (own, other) in zip(found, expected) {
            if isOtherZstandard, own.name.hasPrefix("patch") { continue }
            #expect(own.digest == other.digest, "\(group): \(own.name)")
        }
    }

    private static func write(_ found: [(name: String, digest: String)], _ group: String) throws {
        var kept = try lines().filter { !$0.contains(" \(group): ") && !$0.hasPrefix("zstd ") }
        kept += found.map { "\($0.digest) \(group): \($0.name)" }
        let sorted = kept.enumerated().sorted { left, right in
            let groups = [left, right].map {
                $0.element.split(separator: ":")[0].split(separator: " ").last ?? ""
            }
            return (groups[0], left.offset) < (groups[1], right.offset)
        }.map(\.element)
        let text = (["zstd \(Zstandard.version)"] + sorted).joined(separator: "\n") + "\n"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
}
