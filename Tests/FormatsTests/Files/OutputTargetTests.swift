import Foundation
import TestSupport
import Testing

@testable import Bytes
@testable import Formats

/// Where outputs may go, and what killed runs have left there.
@Suite struct OutputTargetTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func link(_ name: String, to target: String) -> String {
        symlink(target, folder.path(name))
        return folder.path(name)
    }

    private func isNotReplaceable(_ path: String) -> Bool {
        [false, true].allSatisfy { replacing in
            do throws(FileError) {
                try OutputTarget.prepareFile(path, replacing: replacing)
                return false
            } catch {
                if case .notReplaceable = error { return true }
                return false
            }
        }
    }

    @Test func whatALinkLeadsToDecidesWhetherItMayBeReplaced() throws {
        mkfifo(folder.path("fifo"), 0o600)
        mkdir(folder.path("folder"), 0o700)
        let others = [
            link("null", to: "/dev/null"), link("pipe", to: "fifo"), link("in", to: "folder"),
            link("loop", to: "loop"), "/dev/null", folder.path("fifo"), folder.path("folder"),
        ]
        for path in others { #expect(isNotReplaceable(path), "\(path)") }
        #expect(throws: FileError.self) {
            try OutputTarget.prepareFolder(folder.path("loop"), replacing: true)
        }
        _ = try folder.write([1], as: "file")
        try OutputTarget.prepareFile(link("good", to: "file"), replacing: true)
        #expect(throws: FileError.self) {
            try OutputTarget.prepareFile(folder.path("good"), replacing: false)
        }
        try OutputTarget.prepareFile(link("nowhere", to: "none"), replacing: true)
    }

    @Test func anOutputThatCannotBeIsFoundOutBeforeTheWork() throws {
        _ = try folder.write([1], as: "file")
        let long = String(repeating: "a", count: 256)
        for (path, reason) in [
            (folder.path("no/such.gguf"), "No such file"),
            (folder.path("file/x"), "Not a directory"),
            (folder.path(long), "too long"), (folder.path("."), "directory"),
            ("", "No such file"),
        ] {
            for isFolder in [false, true] where !(isFolder && path.hasSuffix(".")) {
                let error = try #require(throws: FileError.self) {
                    if isFolder {
                        try OutputTarget.prepareFolder(path, replacing: false)
                    } else {
                        try OutputTarget.prepareFile(path, replacing: false)
                    }
                }
                #expect(error.kind == .output)
                expectOneLine(error, containing: [reason])
            }
        }
    }

    @Test func whatADeadRunLeftIsRemovedByTheNextToTheSameOutput() throws {
        let dead = ".out.gguf.rtedit-0123456789abcdef.tmp"
        let others = [
            ".other.gguf.rtedit-0123456789abcdef.tmp", ".out.gguf.rtedit-0123456789abcdeg.tmp",
            ".out.gguf.rtedit-0123.tmp", "out.gguf.rtedit-0123456789abcdef.tmp",
        ]
        for name in [dead] + others { _ = try folder.write([1], as: name) }
        let directory = folder.path(".out.gguf.rtedit-fedcba9876543210.tmp")
        mkdir(directory, 0o700)
        mkdir(directory + "/new", 0o700)
        _ = try folder.write([1], as: ".out.gguf.rtedit-fedcba9876543210.tmp/new/shard")
        let living = try AtomicFile(path: folder.path("out.gguf"), replacing: false)
        #expect(try folder.names().count == others.count + 1)
        // A living run's stays.
        let second = try AtomicFile(path: folder.path("out.gguf"), replacing: true)
        #expect(try folder.names().count == others.count + 2)
        try living.append([1])
        try second.append([2])
        try living.commit()
        try second.commit()
        #expect(try bytes(ofFile: folder.path("out.gguf")) == [2])
        #expect(try folder.names() == (others + ["out.gguf"]).sorted())
    }

    @Test func shardsAndTheirWholeHaveOneNameForWhatIsLeft() {
        #expect(OutputTarget.setName(of: "m-00001-of-00005.gguf") == "m.gguf")
        #expect(OutputTarget.setName(of: "m.gguf") == "m.gguf")
    }

    @Test func aFolderWithNothingButTemporariesIsEmpty() throws {
        let first = try OutputFolder(path: folder.path, replacing: false)
        let second = try OutputFolder(path: folder.path, replacing: false)
        try first.create("a").append([1])
        try second.create("a").append([2])
        try first.commit()
        #expect(throws: FileError.self) { try second.commit() }
        #expect(try folder.names() == ["a"])
        #expect(try bytes(ofFile: folder.path("a")) == [1])
    }

    @Test func aFolderMadeByTwoRunsIsThatOfTheLast() throws {
        let path = folder.path("model")
        let runs = try (0..<2).map { _ in try OutputFolder(path: path, replacing: true) }
        for (number, run) in runs.enumerated() {
            for name in ["config.json", "weights"] { try run.create(name).append([UInt8(number)]) }
            try run.commit()
        }
        #expect(try folder.names() == ["model"])
        for name in ["config.json", "weights"] {
            #expect(try bytes(ofFile: path + "/" + name) == [1])
        }
    }
}
