import Foundation
import TestSupport
import Testing

@testable import Bytes
@testable import Formats

/// Files that are no files, and files that change while they are read.
@Suite(.serialized) struct MappedFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test func aFIFOIsRefusedAtOnce() throws {
        let path = folder.path("fifo")
        mkfifo(path, 0o600)
        let error = try #require(throws: FileError.self) { try MappedFile(path: path) }
        expectOneLine(error, containing: ["fifo", "not a regular file"])
        #expect(throws: FileError.self) { try GrowingFile(path: path, keeping: 0) }
    }

    // In processes of their own: what changed is remembered until the end.

    @Test func aFileThatChangesWhileItIsReadKeepsOutputsAway() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let path = try folder.write([1, 2, 3], as: "in")
            let file = try MappedFile(path: path)
            let output = try AtomicFile(path: folder.path("out"), replacing: false)
            let set = try OutputFolder(path: folder.path("set"), replacing: false)
            try set.create("a").append([1])
            guard MappedFiles.change == nil else { exit(1) }
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.write(contentsOf: Data([4, 5, 6, 7]))
            try handle.close()
            guard case .changed? = MappedFiles.change else { exit(2) }
            guard (try? output.commit()) == nil, (try? set.commit()) == nil else { exit(3) }
            guard try folder.names() == ["in"] else { exit(4) }
            withExtendedLifetime(file) {}
        }
    }

    @Test func aFileThatChangedBeforeItsMapWentIsRemembered() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let path = try folder.write([1, 2, 3], as: "in")
            do {
                let file = try MappedFile(path: path)
                truncate(path, 1)
                withExtendedLifetime(file) {}
            }
            guard case .changed? = MappedFiles.change else { exit(1) }
            guard MappedFiles.change?.kind == .input else { exit(2) }
        }
    }

    @Test func aFileThatIsReplacedIsReadToItsEnd() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let path = try folder.write([1, 2, 3], as: "in")
            let file = try MappedFile(path: path)
            _ = try folder.write([9], as: "new")
            rename(folder.path("new"), path)
            guard MappedFiles.change == nil, file.bytes.withUnsafeBytes({ $0[2] }) == 3 else {
                exit(1)
            }
            try AtomicFile(path: folder.path("out"), replacing: false).commit()
            // But what was made of it does not take the place of what came after it.
            let back = try AtomicFile(path: path, replacing: true)
            do throws(FileError) {
                try back.commit()
                exit(2)
            } catch {
                guard case .overtaken = error else { exit(3) }
            }
            guard try bytes(ofFile: path) == [9] else { exit(4) }
        }
    }

    /// What a run has replaced itself, it may replace again, however long it keeps the map of the first.
    @Test func aFileThatThisProcessReplacesTwiceIsNotTakenForAnothersWork() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([1, 2, 3], as: "in")
        let file = try MappedFile(path: path)
        for byte: UInt8 in [4, 5] {
            let output = try AtomicFile(path: path, replacing: true)
            try output.append([byte])
            try output.commit()
        }
        #expect(try bytes(ofFile: path) == [5])
        #expect(file.bytes.withUnsafeBytes { Array($0) } == [1, 2, 3])
    }

    @Test func bytesOfAFileThatWasCutAreAnErrorOfTheInput() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let path = try folder.write([UInt8](repeating: 1, count: 100_000), as: "in")
            let file = try MappedFile(path: path)
            let output = try AtomicFile(path: folder.path("out"), replacing: false)
            truncate(path, 0)
            do throws(FileError) {
                try output.append(file.bytes)
                exit(1)
            } catch {
                guard case .changed(let changed) = error, changed == path else { exit(2) }
            }
        }
    }
}
