import Formats
import Glibc
import TestSupport
import Testing

@testable import Tuning

/// Texts larger than memory should be asked to hold.
@Suite struct TextLimitTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test func aLineThatNeverEndsIsRefusedByItsNumber() throws {
        let path = try folder.write(Array("{\"a\": 1}\n\n".utf8), as: "lines.jsonl")
        #expect(try JSONLines.read(path).map(\.place) == ["\(path):1"])
        // A hole, which takes no space on the disk.
        truncate(path, 4 << 30)
        let error = try #require(throws: PromptError.self) { try JSONLines.read(path) }
        #expect(error == .longLine(place: "\(path):3", limit: JSONLines.lineLimit))
    }

    @Test func linesAreReadToTheLastWhetherItEndsOrNot() throws {
        let text = "{\"a\": 1}\r\n   \n{\"b\": 2}"
        for end in ["", "\n"] {
            let path = try folder.write(Array((text + end).utf8), as: "lines.jsonl")
            #expect(try JSONLines.read(path).map(\.place) == ["\(path):1", "\(path):3"])
        }
    }

    @Test func aTextOfGigabytesIsRefused() throws {
        let path = try folder.write([], as: "text")
        truncate(path, (1 << 30) + 1)
        let error = try #require(throws: PromptError.self) { try TextFile.read(path) }
        #expect(error == .tooLarge(file: path, bytes: (1 << 30) + 1, limit: 1 << 30))
    }
}
