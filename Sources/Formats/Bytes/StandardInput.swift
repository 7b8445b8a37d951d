import Glibc
import Synchronization

/// Standard input as a text that a call asks for by `-`: read whole, once, and the same for all who ask.
package enum StandardInput {
    /// How a call names it where the path of a text is expected.
    package static let path = "-"
    /// How errors name it.
    static let name = "standard input"
    /// The most bytes that are read.
    static let sizeLimit = 1 << 30

    private static let file = Mutex<MappedFile?>(nil)

    /// The file of this path, or all of standard input for `-`.
    ///
    /// - Throws: `FileError` where it cannot be read, `.tooLong` where standard input has more than 1 GiB.
    package static func file(orAt path: String) throws(FileError) -> MappedFile {
        guard path == Self.path else { return try MappedFile(path: path) }
        return try file.withLock { file throws(FileError) in
            if let file { return file }
            let whole = try MappedFile(path: name, copying: readAll(STDIN_FILENO, limit: sizeLimit))
            file = whole
            return whole
        }
    }

    /// What a descriptor gives up to its end.
    ///
    /// - Throws: `FileError.cannotRead`; `.tooLong` where there is more than the limit.
    static func readAll(_ descriptor: Int32, limit: Int) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw .cannotRead(path: name, reason: SystemReason.current)
            }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= limit else { throw .tooLong(path: name, limit: limit) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
