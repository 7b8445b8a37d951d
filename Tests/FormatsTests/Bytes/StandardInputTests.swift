import Foundation
import Testing

@testable import Bytes

/// Standard input as a text.
@Suite struct StandardInputTests {
    private func pipe(_ bytes: [UInt8]) throws -> Int32 {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data(bytes))
        try pipe.fileHandleForWriting.close()
        return dup(pipe.fileHandleForReading.fileDescriptor)
    }

    @Test func allIsReadUpToTheLimit() throws {
        let bytes = (0..<3000).map { UInt8($0 % 251) }
        let whole = try pipe(bytes)
        defer { close(whole) }
        #expect(try StandardInput.readAll(whole, limit: 3000) == bytes)
        let long = try pipe(bytes)
        defer { close(long) }
        let error = try #require(throws: FileError.self) {
            try StandardInput.readAll(long, limit: 2999)
        }
        #expect("\(error)" == "standard input: has more than the 2999 bytes that are read")
        #expect(error.kind == .input)
        #expect(throws: FileError.self) { try StandardInput.readAll(-1, limit: 1) }
    }

    @Test func bytesOfNoFileAreMapped() throws {
        for bytes in [[], [7], [UInt8](repeating: 3, count: 5000)] as [[UInt8]] {
            let file = try MappedFile(path: "standard input", copying: bytes)
            #expect(file.size == bytes.count)
            #expect(file.bytes.withUnsafeBytes { Array($0) } == bytes)
        }
    }

    @Test func anyOtherPathIsAFile() {
        #expect(throws: FileError.self) { try StandardInput.file(orAt: "/nowhere/at/all") }
    }
}
