import Foundation
import TestSupport
import Testing

@testable import Bytes

@Suite struct ScratchFolderTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test func itGoesWithAllThatIsInIt() throws {
        do {
            let scratch = try ScratchFolder(in: folder.path, for: "work")
            try Data([1]).write(to: URL(fileURLWithPath: scratch.path(of: "a")))
            scratch.clear()
            #expect(!FileManager.default.fileExists(atPath: scratch.path(of: "a")))
            try Data([1]).write(to: URL(fileURLWithPath: scratch.path(of: "b")))
            #expect(try folder.names().count == 1)
        }
        #expect(try folder.names().isEmpty)
    }

    @Test func foldersOfDeadRunsGoAndThoseOfLivingOnesStay() throws {
        let living = try ScratchFolder(in: folder.path, for: "work")
        let dead = folder.path(TemporaryPaths.name(for: "work"))
        let other = folder.path(TemporaryPaths.name(for: "other"))
        for path in [dead, other] {
            try FileManager.default.createDirectory(
                atPath: path + "/sub", withIntermediateDirectories: true)
        }
        let scratch = try ScratchFolder(in: folder.path, for: "work")
        #expect(!FileManager.default.fileExists(atPath: dead))
        #expect(FileManager.default.fileExists(atPath: other))
        #expect(try folder.names().count == 3)
        withExtendedLifetime((living, scratch)) {}
    }

    @Test func aPlaceThatIsNoneIsRefused() {
        #expect(throws: FileError.self) {
            try ScratchFolder(in: folder.path("nowhere"), for: "work")
        }
    }
}
