import Formats
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct AtomicFileTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("out.bin")
    }

    private func permissions(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func theFileAppearsOnlyWhenItIsCommitted() throws {
        let file = try AtomicFile(path: path, reserving: 5, replacing: false)
        try file.append([1, 2])
        try file.append([3])
        try file.write([4, 5], at: 3)
        let names = try folder.names()
        #expect(names.count == 1)
        #expect(names[0].hasPrefix(".out.bin.rtedit-") && names[0].hasSuffix(".tmp"))
        try file.commit()
        #expect(try folder.names() == ["out.bin"])
        #expect(try bytes(ofFile: path) == [1, 2, 3, 4, 5])
    }

    @Test func anExistingFileIsKept() throws {
        _ = try folder.write([7], as: "out.bin")
        let error = try #require(throws: FileError.self) {
            try AtomicFile(path: path, replacing: false)
        }
        guard case .exists = error else {
            Issue.record("\(error)")
            return
        }
        expectOneLine(error, containing: ["out.bin", "exists already"])
        #expect(error.kind == .output)
        #expect(try folder.names() == ["out.bin"])
        #expect(try bytes(ofFile: path) == [7])
    }

    @Test func aFileThatAppearsMeanwhileIsKept() throws {
        let file = try AtomicFile(path: path, replacing: false)
        try file.append([1])
        _ = try folder.write([7], as: "out.bin")
        let error = try #require(throws: FileError.self) { try file.commit() }
        guard case .exists = error else {
            Issue.record("\(error)")
            return
        }
        #expect(try folder.names() == ["out.bin"])
        #expect(try bytes(ofFile: path) == [7])
    }

    @Test func aMappedSourceMayBeReplacedAndStaysValid() throws {
        let old = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        _ = try folder.write(old, as: "out.bin")
        let source = try MappedFile(path: path)
        let file = try AtomicFile(path: path, reserving: source.size, replacing: true)
        try file.append([9])
        try file.append(try #require(source.bytes.slice(1..<source.size)))
        try file.commit()
        #expect(source.bytes.withUnsafeBytes { Array($0) } == old)
        #expect(try bytes(ofFile: path) == [9] + old.dropFirst())
        #expect(try folder.names() == ["out.bin"])
    }

    @Test func aReplacedFileKeepsItsPermissionsAndANewOneHasTheUsualOnes() throws {
        _ = try folder.write([7], as: "out.bin")
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        let file = try AtomicFile(path: path, replacing: true)
        try file.commit()
        #expect(try permissions(path) == 0o640)
        let new = try AtomicFile(path: folder.path("new"), replacing: false)
        try new.commit()
        close(open(folder.path("plain"), O_CREAT | O_WRONLY, 0o666))
        #expect(try permissions(folder.path("new")) == permissions(folder.path("plain")))
    }

    @Test func nothingIsLeftOfAFileThatIsNotCommitted() throws {
        do {
            let file = try AtomicFile(path: path, reserving: 1 << 20, replacing: false)
            try file.append([1])
        }
        #expect(try folder.names().isEmpty)
        let file = try AtomicFile(path: path, replacing: false)
        file.discard()
        #expect(try folder.names().isEmpty)
        #expect(throws: FileError.self) { try file.commit() }
        #expect(try folder.names().isEmpty)
    }

    @Test func aSecondCommitDoesNothingAndAFailedOneStaysFailed() throws {
        let file = try AtomicFile(path: path, reserving: 1, replacing: false)
        #expect(throws: FileError.self) { try file.commit() }
        #expect(throws: FileError.self) { try file.commit() }
        let whole = try AtomicFile(path: path, reserving: 1, replacing: false)
        try whole.append([1])
        try whole.commit()
        whole.discard()
        try whole.commit()
        #expect(try bytes(ofFile: path) == [1])
    }

    @Test func spaceThatIsNotThereIsAnEarlyError() throws {
        let error = try #require(throws: FileError.self) {
            try AtomicFile(path: path, reserving: 1 << 60, replacing: false)
        }
        guard case .cannotReserve = error else {
            Issue.record("\(error)")
            return
        }
        expectOneLine(error, containing: ["out.bin", "1152921504606846976"])
        #expect(try folder.names().isEmpty)
    }

    @Test func aFileWithMissingBytesIsNotPutInPlace() throws {
        let file = try AtomicFile(path: path, reserving: 10, replacing: false)
        try file.append([1, 2, 3])
        let error = try #require(throws: FileError.self) { try file.commit() }
        expectOneLine(error, containing: ["out.bin", "3 bytes", "10"])
        #expect(try folder.names().isEmpty)
    }

    @Test func aFolderIsNotReplaced() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let error = try #require(throws: FileError.self) {
            try AtomicFile(path: path, replacing: true)
        }
        guard case .notReplaceable = error else {
            Issue.record("\(error)")
            return
        }
        #expect(throws: FileError.self) { try AtomicFile(path: "/dev/null", replacing: true) }
        #expect(throws: FileError.self) { try AtomicFile(path: path + "/", replacing: true) }
    }

    @Test func aFolderThatIsNotThereIsNamed() throws {
        let error = try #require(throws: FileError.self) {
            try AtomicFile(path: "/nowhere/out.bin", replacing: false)
        }
        expectOneLine(error, containing: ["/nowhere/out.bin", "No such file"])
    }

    @Test func aNameOfTheGreatestLengthIsWritten() throws {
        let name = String(repeating: "ß", count: 127)
        let file = try AtomicFile(path: folder.path(name), replacing: false)
        try file.commit()
        #expect(try folder.names() == [name])
    }

    @Test func threadsMayWriteAtTheSameTime() throws {
        let file = try AtomicFile(path: path, reserving: 64 * 1000, replacing: false)
        DispatchQueue.concurrentPerform(iterations: 64) { index in
            try? file.write([UInt8](repeating: UInt8(index), count: 1000), at: 1000 * index)
        }
        try file.commit()
        #expect(try bytes(ofFile: path) == (0..<64_000).map { UInt8($0 / 1000) })
    }
}
