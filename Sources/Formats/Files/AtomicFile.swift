import Glibc
import Synchronization

/// A file that appears under its name only when it is complete.
///
/// The bytes go to a temporary sibling, whose whole size can be reserved first; `commit` flushes it and renames it
/// into place. A run that fails or is killed leaves an existing file as it was. The output may be a file that is
/// mapped at the same time: the map keeps the old content.
///
///     let file = try AtomicFile(path: "out.gguf", reserving: header.fileSize, replacing: false)
///     try file.append(header.bytes)
///     try file.write(weights, at: offset)
///     try file.commit()
public final class AtomicFile: Sendable {
    public let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private let isReplacing: Bool
    private let reserved: Int
    private let written = Atomic<Int>(0)
    private let state = Mutex(State())

    private struct State {
        /// Where the next appended bytes go.
        var end = 0
        var phase = Phase.open
    }

    private enum Phase {
        case open, committed, gone
    }

    /// Creates the temporary file.
    ///
    /// - Parameters:
    ///   - path: where the file shall be
    ///   - size: how many bytes will be written at least; the space is taken at once, so that a full disk is an
    ///     early error
    ///   - replacing: whether a file that exists there may be replaced; its permissions are kept
    /// - Throws: `FileError.exists`, `.notReplaceable`, `.cannotCreate`, `.cannotReserve`.
    public convenience init(path: String, reserving size: Int = 0, replacing: Bool)
        throws(FileError)
    {
        try self.init(path: path, reserving: size, replacing: replacing, permissionsOf: path)
    }

    /// The same, with the permissions of another file where that exists.
    init(
        path: String, reserving size: Int, replacing: Bool, permissionsOf model: String
    ) throws(FileError) {
        try Self.checkTarget(path, replacing: replacing)
        (temporaryPath, descriptor) = try Self.createTemporary(for: path)
        self.path = path
        isReplacing = replacing
        reserved = size
        TemporaryPaths.add(temporaryPath)
        if let status = Self.status(of: model), status.st_mode & S_IFMT == S_IFREG {
            fchmod(descriptor, status.st_mode & 0o777)
        }
        try reserve(size)
    }

    deinit {
        discard()
        close(descriptor)
    }

    // MARK: - Writing

    /// Writes bytes at an offset; may be called from several threads for different places.
    ///
    /// - Throws: `FileError.cannotWrite`.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, offset + done)
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw .cannotWrite(path: path, reason: SystemReason.current)
            }
        }
        written.add(done, ordering: .relaxed)
    }

    /// Writes bytes at an offset.
    ///
    /// - Throws: `FileError.cannotWrite`.
    public func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try bytes.span.bytes.withUnsafeBytes { (buffer) throws(FileError) in
            try write(buffer, at: offset)
        }
    }

    /// Writes mapped bytes at an offset.
    ///
    /// - Throws: `FileError.cannotWrite`.
    public func write(_ bytes: MappedBytes, at offset: Int) throws(FileError) {
        try bytes.withUnsafeBytes { (buffer) throws(FileError) in try write(buffer, at: offset) }
    }

    /// Writes bytes after those appended before.
    ///
    /// - Throws: `FileError.cannotWrite`.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        let offset = state.withLock { state in
            defer { state.end += bytes.count }
            return state.end
        }
        try write(bytes, at: offset)
    }

    /// Writes bytes after those appended before.
    ///
    /// - Throws: `FileError.cannotWrite`.
    public func append(_ bytes: [UInt8]) throws(FileError) {
        try bytes.span.bytes.withUnsafeBytes { (buffer) throws(FileError) in try append(buffer) }
    }

    /// Writes mapped bytes after those appended before.
    ///
    /// - Throws: `FileError.cannotWrite`.
    public func append(_ bytes: MappedBytes) throws(FileError) {
        try bytes.withUnsafeBytes { (buffer) throws(FileError) in try append(buffer) }
    }

    /// How many bytes were appended.
    var end: Int { state.withLock { $0.end } }

    // MARK: - Finishing

    /// Flushes the file, puts it in place and flushes the folder; does nothing where that is done already.
    ///
    /// - Throws: `FileError.incomplete` where fewer bytes were written than reserved, `.exists` where a file
    ///   appeared meanwhile that may not be replaced, `.cannotWrite`, `.cannotReplace`. The temporary file is gone
    ///   then, and `commit` fails from then on, as it does after `discard`.
    public func commit() throws(FileError) {
        switch leaveOpenPhase() {
        case .open: break
        case .committed: return
        case .gone: throw .cannotReplace(path: path, reason: SystemReason(code: ENOENT))
        }
        do throws(FileError) {
            let count = written.load(ordering: .acquiring)
            guard count >= reserved else {
                throw .incomplete(path: path, written: count, expected: reserved)
            }
            guard fsync(descriptor) == 0 else {
                throw .cannotWrite(path: path, reason: SystemReason.current)
            }
            try putInPlace()
        } catch {
            TemporaryPaths.remove(temporaryPath)
            throw error
        }
        state.withLock { $0.phase = .committed }
        try Self.flushFolder(of: path)
    }

    /// Removes the temporary file; does nothing after `commit`.
    public func discard() {
        if leaveOpenPhase() == .open { TemporaryPaths.remove(temporaryPath) }
    }

    /// The phase until now; an open file counts as gone until the caller says otherwise.
    private func leaveOpenPhase() -> Phase {
        state.withLock { state in
            let phase = state.phase
            if phase == .open { state.phase = .gone }
            return phase
        }
    }

    /// Removes every temporary file and folder that is not in place yet, as a program does that is interrupted.
    ///
    /// Their `commit` fails afterwards.
    public static func discardAll() {
        TemporaryPaths.removeAll()
    }

    private func putInPlace() throws(FileError) {
        if isReplacing { try Self.checkTarget(path, replacing: true) }
        let code = TemporaryPaths.finish(temporaryPath) {
            isReplacing ? systemCode(rename(temporaryPath, path)) : moveWithoutReplacing()
        }
        switch code {
        case 0: return
        case EEXIST where !isReplacing: throw .exists(path: path)
        default: throw .cannotReplace(path: path, reason: SystemReason(code: code))
        }
    }

    /// A hard link fails where the name is taken, which a rename does not; file systems without links are left
    /// with a check before the rename.
    private func moveWithoutReplacing() -> Int32 {
        switch systemCode(link(temporaryPath, path)) {
        case 0: return systemCode(unlink(temporaryPath))
        case EPERM, ENOTSUP, ENOSYS, EMLINK:
            return Self.status(of: path) == nil ? systemCode(rename(temporaryPath, path)) : EEXIST
        case let code: return code
        }
    }

    // MARK: - File system

    /// Checks before any work that an output may be written.
    ///
    /// - Throws: `FileError.exists`; `.notReplaceable` for a folder or a device.
    public static func checkTarget(_ path: String, replacing: Bool) throws(FileError) {
        guard let status = status(of: path) else { return }
        guard replacing else { throw .exists(path: path) }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG || kind == S_IFLNK else { throw .notReplaceable(path: path) }
    }

    private static func createTemporary(
        for path: String
    ) throws(FileError) -> (path: String, descriptor: Int32) {
        let parts = PathParts(path)
        guard !parts.name.isEmpty else {
            throw .cannotCreate(path: path, reason: SystemReason(code: EISDIR))
        }
        while true {
            let temporary = PathParts.join(parts.folder, TemporaryPaths.name(for: parts.name))
            let descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 { return (temporary, descriptor) }
            if errno != EEXIST && errno != EINTR {
                throw .cannotCreate(path: path, reason: SystemReason.current)
            }
        }
    }

    private func reserve(_ size: Int) throws(FileError) {
        guard size > 0 else { return }
        switch posix_fallocate(descriptor, 0, size) {
        case 0: return
        // The file system cannot reserve; a full disk then shows while writing.
        case EINVAL, ENOTSUP, ENOSYS: return
        case let code:
            throw .cannotReserve(path: path, bytes: size, reason: SystemReason(code: code))
        }
    }

    /// The file's status, of the link itself where it is one, or nil where there is nothing.
    static func status(of path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    /// Makes a rename in the file's folder durable.
    static func flushFolder(of path: String) throws(FileError) {
        let descriptor = open(PathParts(path).folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Some file systems and permissions do not allow it; the file is in place all the same.
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 && errno == EIO {
            throw .cannotWrite(path: path, reason: SystemReason.current)
        }
    }
}

/// The error number of a system call, 0 where it succeeded.
func systemCode(_ result: Int32) -> Int32 {
    result == 0 ? 0 : errno
}
