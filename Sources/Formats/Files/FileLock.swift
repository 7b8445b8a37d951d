import Glibc

/// A lock on a file or folder that a run holds. The system takes it away when the process ends, however it ends, so
/// what is locked belongs to a run that lives.
final class FileLock: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// How many milliseconds a run waits for another one that puts its files in place.
    private static let patience = 60_000

    enum Attempt {
        case held, taken
        /// The file system has no such locks.
        case impossible
    }

    /// Tries to lock an open file until its descriptor is closed.
    static func attempt(_ descriptor: Int32, shared: Bool = false) -> Attempt {
        while flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: return .taken
            default: return .impossible
            }
        }
        return .held
    }

    /// Locks a folder whose files are about to be put in place, or read as a set; waits for others that do.
    ///
    /// - Parameter shared: whether several may hold it at once, as readers do.
    /// - Returns: nil where the folder cannot be locked.
    /// - Throws: `FileError.busy` where another run holds it for a minute.
    static func folder(_ path: String, shared: Bool = false) throws(FileError) -> FileLock? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let lock = FileLock(descriptor)
        for _ in 0..<patience {
            switch attempt(descriptor, shared: shared) {
            case .held: return lock
            case .impossible: return nil
            case .taken: usleep(1000)
            }
        }
        throw .busy(path: path)
    }

    /// Locks a file or folder that a run has left, where no living one holds it.
    static func abandoned(_ path: String) -> FileLock? {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let lock = FileLock(descriptor)
        return attempt(descriptor) == .held && isAt(path, descriptor) ? lock : nil
    }

    /// Whether a path leads to an open file, rather than to another that took its name.
    static func isAt(_ path: String, _ descriptor: Int32) -> Bool {
        var (own, found) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && lstat(path, &found) == 0
            && own.st_dev == found.st_dev && own.st_ino == found.st_ino
    }

    /// The lock of a folder this process has just made; nil where another run took it for one that was left behind.
    static func own(_ path: String) -> FileLock? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let lock = FileLock(descriptor)
        return attempt(descriptor) != .taken && isAt(path, descriptor) ? lock : nil
    }
}
