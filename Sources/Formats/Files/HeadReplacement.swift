import Glibc

/// New bytes for the first part of a file whose other bytes stay where they are, such as the head of a model.
///
/// What is replaced is kept in a sibling until the new bytes are on the disk. A run that is killed in between leaves both:
/// the file is refused by whoever opens it with rtedit, and `restore` puts the old bytes back.
package enum HeadReplacement {
    /// The file's size behind the old bytes, by which another file of its name is told.
    private static let trailerSize = 8

    /// The sibling that holds what is being replaced.
    static func sibling(of path: String) -> String {
        let parts = PathParts(path)
        return PathParts.join(parts.folder, ".\(parts.name).rtedit-head")
    }

    /// Whether a run was killed while it replaced the first part of a file.
    package static func isPending(_ path: String) -> Bool { access(sibling(of: path), F_OK) == 0 }

    /// Replaces the first bytes of a file by as many new ones.
    ///
    /// - Parameter old: what is there now; it is only held against the length of the new bytes.
    /// - Throws: `FileError.cannotWrite` where the file cannot be written, `.exists` where an earlier replacement is
    ///   pending.
    package static func replace(
        _ path: String, _ old: MappedBytes, by new: [UInt8]
    ) throws(FileError) {
        guard old.count == new.count else {
            throw .incomplete(path: path, written: new.count, expected: old.count)
        }
        let lock = try FileLock.folder(PathParts(path).folder)
        defer { withExtendedLifetime(lock) {} }
        let kept = sibling(of: path)
        let file = try opened(path)
        defer { close(file) }
        let copy = try AtomicFile(
            path: kept, reserving: old.count + trailerSize, replacing: false)
        try copy.write(old, at: 0)
        var trailer: [UInt8] = []
        trailer.appendBytes(of: UInt64(old.file.size))
        try copy.write(trailer, at: old.count)
        // What was read of the file must be what is there.
        try copy.commit()
        try write(new, to: file, path)
        MappedFiles.noteWriting(into: path)
        try remove(kept)
    }

    /// Puts the old first bytes of a file back, where a run was killed while it replaced them.
    ///
    /// - Returns: whether there was anything to put back.
    /// - Throws: `FileError` where it cannot be done.
    package static func restore(_ path: String) throws(FileError) -> Bool {
        guard isPending(path) else { return false }
        let lock = try FileLock.folder(PathParts(path).folder)
        defer { withExtendedLifetime(lock) {} }
        guard isPending(path) else { return false }
        let kept = sibling(of: path)
        let old = try MappedFile(path: kept).bytes.withUnsafeBytes { Array($0) }
        let size = old.suffix(trailerSize).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard old.count > trailerSize, size == UInt64(try MappedFile(path: path).size) else {
            throw .otherHead(path: path, kept: kept)
        }
        let file = try opened(path)
        defer { close(file) }
        try write(Array(old.dropLast(trailerSize)), to: file, path)
        try remove(kept)
        return true
    }

    private static func opened(_ path: String) throws(FileError) -> Int32 {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw .cannotWrite(path: path, reason: SystemReason.current) }
        return file
    }

    private static func write(
        _ bytes: [UInt8], to file: Int32, _ path: String
    ) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(file, buffer.baseAddress?.advanced(by: done), buffer.count - done, done)
            }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw .cannotWrite(path: path, reason: SystemReason.current)
            }
        }
        guard fsync(file) == 0 else {
            throw .cannotWrite(path: path, reason: SystemReason.current)
        }
    }

    private static func remove(_ kept: String) throws(FileError) {
        guard unlink(kept) == 0 else {
            throw .cannotWrite(path: kept, reason: SystemReason.current)
        }
        try Folder.flush(PathParts(kept).folder)
    }
}
