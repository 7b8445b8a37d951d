package import Glibc
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
package final class AtomicFile: Sendable {
    package let path: String
    private let temporaryPath: String
    /// −1 once the file is in place, so that an output of many files does not hold them all open.
    private let descriptor: Atomic<Int32>
    private let isReplacing: Bool
    private let reserved: Int
    /// Whether it is a file of a set, which is put in place as a whole.
    private let isPart: Bool
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
    package init(path: String, reserving size: Int = 0, replacing: Bool) throws(FileError) {
        try OutputTarget.prepareFile(path, replacing: replacing)
        let parts = PathParts(path)
        let (temporary, file) = try TemporaryPaths.makeFile(
            for: parts.name, in: parts.folder, output: path)
        self.path = path
        temporaryPath = temporary
        descriptor = Atomic(file)
        isReplacing = replacing
        reserved = size
        isPart = false
        takePermissions(of: path)
        try reserve(size)
    }

    /// Creates a file of a set in the set's temporary folder, where it has its name from the beginning.
    ///
    /// - Parameter target: where the set's replacement will put it; its permissions are kept.
    init(part path: String, of target: String, reserving size: Int) throws(FileError) {
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard file >= 0 else { throw .cannotCreate(path: target, reason: SystemReason.current) }
        TemporaryPaths.add(path)
        self.path = target
        temporaryPath = path
        descriptor = Atomic(file)
        isReplacing = false
        reserved = size
        isPart = true
        takePermissions(of: target)
        try reserve(size)
    }

    deinit {
        discard()
        closeDescriptor()
    }

    private var file: Int32 { descriptor.load(ordering: .acquiring) }

    private func closeDescriptor() {
        let file = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
        if file >= 0 { close(file) }
    }

    // MARK: - Writing

    /// Writes bytes at an offset; may be called from several threads for different places.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(file, rest.baseAddress, rest.count, offset + done)
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                let reason = SystemReason.current
                // The bytes were in a map whose file has been cut.
                if reason.code == EFAULT, let source = MappedFiles.path(at: rest.baseAddress) {
                    throw .changed(path: source)
                }
                throw .cannotWrite(path: path, reason: reason)
            }
        }
        written.add(done, ordering: .relaxed)
    }

    /// Writes bytes at an offset.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try bytes.span.bytes.withUnsafeBytes { (buffer) throws(FileError) in
            try write(buffer, at: offset)
        }
    }

    /// Writes mapped bytes at an offset.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func write(_ bytes: MappedBytes, at offset: Int) throws(FileError) {
        try bytes.withUnsafeBytes { (buffer) throws(FileError) in try write(buffer, at: offset) }
    }

    /// Writes bytes after those appended before.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        let offset = state.withLock { state in
            defer { state.end += bytes.count }
            return state.end
        }
        try write(bytes, at: offset)
    }

    /// Writes bytes after those appended before.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func append(_ bytes: [UInt8]) throws(FileError) {
        try bytes.span.bytes.withUnsafeBytes { (buffer) throws(FileError) in try append(buffer) }
    }

    /// Writes mapped bytes after those appended before.
    ///
    /// - Throws: `FileError.cannotWrite`.
    package func append(_ bytes: MappedBytes) throws(FileError) {
        try bytes.withUnsafeBytes { (buffer) throws(FileError) in try append(buffer) }
    }

    /// How many bytes were appended.
    package var end: Int { state.withLock { $0.end } }

    // MARK: - Finishing

    /// Flushes the file, puts it in place and flushes the folder; does nothing where that is done already.
    ///
    /// - Throws: `FileError.incomplete` where fewer bytes were written than reserved, `.exists` where a file
    ///   appeared meanwhile that may not be replaced, `.cannotWrite`, `.cannotReplace`. The temporary file is gone
    ///   then, and `commit` fails from then on, as it does after `discard`.
    package func commit() throws(FileError) {
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
            guard fsync(file) == 0 else {
                throw .cannotWrite(path: path, reason: SystemReason.current)
            }
            try putInPlace()
        } catch {
            TemporaryPaths.remove(temporaryPath)
            closeDescriptor()
            throw error
        }
        closeDescriptor()
        state.withLock { $0.phase = .committed }
        if !isPart { try Folder.flush(PathParts(path).folder) }
    }

    /// Removes the temporary file; does nothing after `commit`.
    package func discard() {
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
    package static func discardAll() {
        TemporaryPaths.removeAll()
    }

    private func putInPlace() throws(FileError) {
        guard !isPart else {
            return try TemporaryPaths.finish(temporaryPath, output: path) { () throws(FileError) in
            }
        }
        // Not while another run looks whether it may replace the file, nor while a set beside it is opened.
        let lock = isReplacing ? try? FileLock.folder(PathParts(path).folder) : nil
        defer { withExtendedLifetime(lock) {} }
        try MappedFiles.check(beforeReplacing: isReplacing ? [path] : [])
        if isReplacing { try OutputTarget.checkFile(path, replacing: true) }
        try TemporaryPaths.finish(temporaryPath, output: path) { () throws(FileError) in
            switch isReplacing ? systemCode(rename(temporaryPath, path)) : moveWithoutReplacing() {
            case 0: return MappedFiles.noteReplacement(of: [path])
            case EEXIST where !isReplacing: throw .exists(path: path)
            case let code: throw .cannotReplace(path: path, reason: SystemReason(code: code))
            }
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

    /// Checks before any work that an output may be written, and removes what killed runs have left of it.
    ///
    /// - Throws: `FileError.exists`; `.notReplaceable` for a folder or a device; `.cannotCreate` where its folder is
    ///   missing or may not be written.
    package static func checkTarget(_ path: String, replacing: Bool) throws(FileError) {
        try OutputTarget.prepareFile(path, replacing: replacing)
    }

    private func takePermissions(of model: String) {
        if let status = Self.status(of: model), status.st_mode & S_IFMT == S_IFREG {
            fchmod(file, status.st_mode & 0o777)
        }
    }

    private func reserve(_ size: Int) throws(FileError) {
        guard size > 0 else { return }
        switch posix_fallocate(file, 0, size) {
        case 0: return
        // The file system cannot reserve; a full disk then shows while writing.
        case EINVAL, ENOTSUP, ENOSYS: return
        case let code:
            throw .cannotReserve(path: path, bytes: size, reason: SystemReason(code: code))
        }
    }

    /// The file's status, of the link itself where it is one, or nil where there is nothing.
    package static func status(of path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }
}

/// The error number of a system call, 0 where it succeeded.
func systemCode(_ result: Int32) -> Int32 {
    result == 0 ? 0 : errno
}
