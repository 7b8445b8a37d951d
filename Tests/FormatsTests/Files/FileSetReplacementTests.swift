import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Bytes
@testable import Formats

/// An old set of files is replaced by a new one, and something happens in between.
@Suite struct FileSetReplacementTests {
    private let parent: TemporaryFolder
    private let path: String
    private let old = ["model-1", "model-2", "index.index.json", "config.json", "old-words"]
    private let new = ["model-1", "model-2", "new-words", "index.index.json", "config.json"]

    init() throws {
        parent = try TemporaryFolder()
        path = parent.path("model")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        for name in old + ["README.md"] { _ = try parent.write([0], as: "model/" + name) }
    }

    /// The visible files and their only bytes.
    private func contents() throws -> [String: UInt8] {
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        return Dictionary(
            uniqueKeysWithValues: try names.filter { !$0.hasPrefix(".") }.map {
                ($0, try bytes(ofFile: path + "/" + $0)[0])
            })
    }

    private var oldContents: [String: UInt8] {
        Dictionary(uniqueKeysWithValues: (old + ["README.md"]).map { ($0, 0) })
    }

    private var newContents: [String: UInt8] {
        Dictionary(uniqueKeysWithValues: new.map { ($0, 1) } + [("README.md", 0)])
    }

    /// A folder with the new files, as `OutputFolder` makes it.
    private func temporary() throws -> String {
        let folder = path + "/.output.rtedit-0123456789abcdef.tmp"
        try FileManager.default.createDirectory(
            atPath: folder + "/new", withIntermediateDirectories: true)
        for name in new { try Data([1]).write(to: URL(fileURLWithPath: folder + "/new/" + name)) }
        return folder
    }

    /// Replaces the set with a rename that fails at these calls.
    private func replace(failing: @escaping @Sendable (Int) -> Bool) throws -> Int {
        let calls = Mutex(0)
        let replacement = FileSetReplacement(
            folder: path, output: path, temporary: try temporary(), replacing: true,
            rename: { from, to in
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                guard failing(call) else { return rename(from, to) }
                errno = EIO
                return -1
            })
        try replacement.perform(new, removing: ["old-words", "never-there", "../outside"])
        return calls.withLock { $0 }
    }

    private var renames: Int { old.count + new.count }

    @Test func aSetIsReplacedWithTheFilesThatOnlyTheOldOneHas() throws {
        #expect(try replace { _ in false } == renames)
        #expect(try contents() == newContents)
    }

    @Test(arguments: 1...10)
    func theOldSetIsWholeAfterAFailingRename(call: Int) throws {
        #expect(throws: FileError.self) { try replace { $0 == call } }
        #expect(try contents() == oldContents)
    }

    @Test(arguments: 1...10)
    func whatARunLeavesThatStopsAtARenameDoesNotOpenAndIsPutBackByTheNext(call: Int) throws {
        // Nothing works from this call on, as in a run that is killed there.
        let error = try #require(throws: FileError.self) { try replace { $0 >= call } }
        guard case .cannotPutBack = error else {
            // Nothing had been moved yet.
            #expect(call == 1)
            return
        }
        expectOneLine(error, containing: ["model", "Input/output error", "/old"])
        #expect(try contents()["config.json"] == nil)
        try OutputTarget.clearFolder(path)
        #expect(try contents() == oldContents)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: path).allSatisfy {
                !$0.hasPrefix(".")
            })
    }

    /// Whoever looks first at a file of the set, be it to open it or to learn what it is.
    @Test(arguments: ["model-1", "config.json", ""], [true, false])
    func readingPutsASetBack(file: String, opens: Bool) throws {
        _ = try? replace { $0 >= 4 }
        #expect(try contents() != oldContents)
        let target = file.isEmpty ? path : path + "/" + file
        if opens {
            _ = try? Checkpoint.open(target)
        } else {
            _ = try? CheckpointContent.of(target)
        }
        #expect(try contents() == oldContents)
    }

    @Test(arguments: 1...10)
    func puttingBackMayBeCutShortItself(call: Int) throws {
        _ = try? replace { $0 >= call }
        let temporary = path + "/.output.rtedit-0123456789abcdef.tmp"
        if let journal = try ReplacementJournal(in: temporary) {
            for limit in 0..<renames {
                let calls = Mutex(0)
                try? journal.putBack(
                    from: temporary,
                    by: { from, to in
                        let call = calls.withLock { calls in
                            calls += 1
                            return calls
                        }
                        return call > limit ? -1 : rename(from, to)
                    })
            }
        }
        try OutputTarget.clearFolder(path)
        #expect(try contents() == oldContents)
    }

    @Test func aSetThatIsAllInPlaceStaysWhereOnlyTheCleaningWasMissed() throws {
        let temporary = try temporary()
        try FileManager.default.createDirectory(
            atPath: temporary + "/old", withIntermediateDirectories: true)
        let journal = ReplacementJournal(
            folder: ".", new: new.map { .init(name: $0, replaces: old.contains($0)) },
            aside: old.reversed())
        try journal.write(in: temporary, output: path)
        for name in old { rename(path + "/" + name, temporary + "/old/" + name) }
        for name in new { rename(temporary + "/new/" + name, path + "/" + name) }
        try OutputTarget.clearFolder(path)
        #expect(try contents() == newContents)
        #expect(AtomicFile.status(of: temporary) == nil)
    }

    @Test func aJournalThatNamesOtherFoldersIsRefused() throws {
        let temporary = try temporary()
        let outside = try parent.write([7], as: "outside")
        for name in ["../outside", "", ".."] {
            let text = #"{"folder":".","new":["a"],"replaces":[true],"aside":["\#(name)"]}"#
            try Data(text.utf8).write(to: URL(fileURLWithPath: temporary + "/journal"))
            let error = try #require(throws: FileError.self) {
                try OutputTarget.clearFolder(path)
            }
            expectOneLine(error, containing: ["journal"])
        }
        #expect(try bytes(ofFile: outside) == [7])
    }

    @Test func whatMakesFilesAModelIsLast() {
        #expect(
            FileSetReplacement.ordered([
                "config.json", "m-00001-of-00002.gguf", "model.safetensors.index.json",
                "m-00002-of-00002.gguf", "tokenizer.json",
            ]) == [
                "m-00002-of-00002.gguf", "tokenizer.json", "model.safetensors.index.json",
                "config.json", "m-00001-of-00002.gguf",
            ])
    }

    @Test func twoRunsAtOnceLeaveTheFilesOfOne() throws {
        for _ in 0..<40 {
            DispatchQueue.concurrentPerform(iterations: 2) { run in
                do {
                    let folder = try OutputFolder(path: path, replacing: true)
                    for name in new { try folder.create(name).append([UInt8(run + 1)]) }
                    try folder.commit(removing: ["old-words"])
                } catch {
                    Issue.record(error)
                }
            }
            let found = try contents()
            #expect(Set(new.map { found[$0] }).count == 1)
            #expect(found.count == new.count + 1)
        }
    }
}
