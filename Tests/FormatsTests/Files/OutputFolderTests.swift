import Formats
import Foundation
import TestSupport
import Testing

@Suite struct OutputFolderTests {
    private let parent: TemporaryFolder
    private let path: String

    init() throws {
        parent = try TemporaryFolder()
        path = parent.path("model")
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    private func makeOldModel() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        for name in ["config.json", "old-shard", "README.md"] {
            _ = try parent.write([0], as: "model/" + name)
        }
    }

    private func create(_ names: [String], in folder: OutputFolder) throws {
        for (index, name) in names.enumerated() {
            let file = try folder.create(name, reserving: 1)
            try file.append([UInt8(index + 1)])
        }
    }

    @Test func theFolderAppearsWholeWhenItIsCommitted() throws {
        let folder = try OutputFolder(path: path + "/", replacing: false)
        try create(["weights", "config.json"], in: folder)
        #expect(try parent.names().allSatisfy { $0.hasPrefix(".model.rtedit-") })
        try folder.commit()
        #expect(try parent.names() == ["model"])
        #expect(try names() == ["config.json", "weights"])
    }

    @Test func nothingIsLeftOfAFolderThatIsNotCommitted() throws {
        do {
            let folder = try OutputFolder(path: path, replacing: false)
            try create(["weights", "config.json"], in: folder)
        }
        #expect(try parent.names().isEmpty)
    }

    @Test func anOldModelIsKeptUnlessItMayBeReplaced() throws {
        try makeOldModel()
        let error = try #require(throws: FileError.self) {
            try OutputFolder(path: path, replacing: false)
        }
        expectOneLine(error, containing: ["model", "exists already"])
        do {
            let folder = try OutputFolder(path: path, replacing: true)
            try create(["weights", "config.json"], in: folder)
        }
        #expect(try names() == ["README.md", "config.json", "old-shard"])
        #expect(try bytes(ofFile: path + "/config.json") == [0])
    }

    @Test func anOldModelsFilesAreReplacedAndStaleOnesRemoved() throws {
        try makeOldModel()
        let folder = try OutputFolder(path: path, replacing: true)
        try create(["weights", "config.json"], in: folder)
        try folder.commit(removing: ["old-shard", "never-there", "../outside"])
        #expect(try names() == ["README.md", "config.json", "weights"])
        #expect(try bytes(ofFile: path + "/config.json") == [2])
        #expect(try parent.names() == ["model"])
    }

    @Test func anEmptyFolderMayBeFilled() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let folder = try OutputFolder(path: path, replacing: false)
        try create(["config.json"], in: folder)
        try folder.commit()
        #expect(try names() == ["config.json"])
    }

    @Test func aFileInTheFoldersPlaceIsKept() throws {
        _ = try parent.write([1], as: "model")
        #expect(throws: FileError.self) { try OutputFolder(path: path, replacing: false) }
        #expect(throws: FileError.self) { try OutputFolder(path: path, replacing: true) }
        #expect(try parent.names() == ["model"])
    }

    @Test func aFileMustHaveAPlainName() throws {
        let folder = try OutputFolder(path: path, replacing: false)
        #expect(throws: FileError.self) { try folder.create("../escape") }
    }

    @Test func anIncompleteFileKeepsTheFolderAway() throws {
        let folder = try OutputFolder(path: path, replacing: false)
        try create(["config.json"], in: folder)
        _ = try folder.create("weights", reserving: 100)
        #expect(throws: FileError.self) { try folder.commit() }
        folder.discard()
        #expect(try parent.names().isEmpty)
    }

    @Test func anInterruptedProgramLeavesNothing() async {
        // In a process of its own: it discards the pending files of every test.
        await #expect(processExitsWith: .success) {
            let parent = try TemporaryFolder()
            let folder = try OutputFolder(path: parent.path("model"), replacing: false)
            let inside = try folder.create("weights", reserving: 10)
            let beside = try AtomicFile(path: parent.path("out.bin"), replacing: false)
            AtomicFile.discardAll()
            guard try parent.names().isEmpty else { exit(1) }
            guard (try? beside.commit()) == nil, (try? inside.commit()) == nil else { exit(2) }
            guard try parent.names().isEmpty else { exit(3) }
        }
    }
}
