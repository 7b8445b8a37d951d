import Glibc

/// A file that grows line by line while a program runs, such as a log: what was appended before the last `flush`
/// survives a crash of the machine, and what was appended at all survives that of the program.
package final class GrowingFile: Sendable {
    package let path: String
    private let descriptor: Int32

    /// Opens a file, or creates it, and cuts it back to its first bytes; where it is shorter it is left as it is.
    ///
    /// - Throws: `FileError.cannotCreate`, `.cannotRead`, `.cannotWrite`, `.notReplaceable` for what is no regular file.
    package init(path: String, keeping size: Int) throws(FileError) {
        self.path = path
        descriptor = open(
            path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .cannotCreate(path: path, reason: SystemReason.current) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .cannotRead(path: path, reason: SystemReason.current)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notReplaceable(path: path) }
        guard Int(status.st_size) <= size || ftruncate(descriptor, size) == 0 else {
            throw .cannotWrite(path: path, reason: SystemReason.current)
        }
    }

    deinit { close(descriptor) }

    /// Writes bytes at the end.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func append(_ bytes: [UInt8]) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                throw .cannotWrite(path: path, reason: SystemReason.current)
            }
        }
    }

    /// Waits until everything is on the disk.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func flush() throws(FileError) {
        guard fsync(descriptor) == 0 else {
            throw .cannotWrite(path: path, reason: SystemReason.current)
        }
    }
}
