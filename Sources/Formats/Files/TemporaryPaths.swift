import Glibc
import Synchronization

/// The temporary files and folders of this process that are not in place yet.
package enum TemporaryPaths {
    private static let pending = Mutex<Set<ExactString>>([])
    private static let middle = ".rtedit-"
    private static let end = ".tmp"
    private static let digits = 16

    // MARK: - Names

    /// A new name for the temporary sibling of a file or folder: `.NAME.rtedit-RANDOM.tmp`.
    static func name(for name: String) -> String {
        let random = String(UInt64.random(in: .min ... .max), radix: 16)
        return start(for: name) + String(repeating: "0", count: digits - random.count) + random
            + end
    }

    /// Whether a name is that of a temporary of a file or folder, of this process or another.
    static func isName(_ candidate: String, for name: String) -> Bool {
        let start = start(for: name)
        guard candidate.utf8.count == start.utf8.count + digits + end.utf8.count else {
            return false
        }
        return candidate.utf8.starts(with: start.utf8) && hasForm(candidate)
    }

    /// Whether a name is that of a temporary, of whatever output.
    package static func hasForm(_ candidate: String) -> Bool {
        guard candidate.hasPrefix("."), candidate.hasSuffix(end) else { return false }
        let rest = candidate.dropLast(end.utf8.count)
        return rest.suffix(digits).allSatisfy { $0.isHexDigit }
            && rest.dropLast(digits).hasSuffix(middle)
    }

    private static func start(for name: String) -> String {
        // What a file name may be long, in bytes, less what is added to it.
        let limit = 255 - ".".utf8.count - middle.utf8.count - digits - end.utf8.count
        var start = name
        while start.utf8.count > limit { start.removeLast() }
        return "." + start + middle
    }

    // MARK: - Making

    /// Makes a temporary file that is locked while it is open.
    ///
    /// - Throws: `FileError.cannotCreate` in the name of the output.
    static func makeFile(
        for name: String, in folder: String, output: String
    ) throws(FileError) -> (path: String, descriptor: Int32) {
        while true {
            let path = PathParts.join(folder, self.name(for: name))
            let (descriptor, code) = make(path) { () -> Int32? in
                let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
                guard descriptor >= 0 else { return nil }
                if FileLock.attempt(descriptor) != .taken, FileLock.isAt(path, descriptor) {
                    return descriptor
                }
                // Another run took it for one that was left behind.
                close(descriptor)
                errno = EEXIST
                return nil
            }
            if let descriptor { return (path, descriptor) }
            guard code == EEXIST || code == EINTR else {
                throw .cannotCreate(path: output, reason: SystemReason(code: code))
            }
        }
    }

    /// Makes a temporary folder, locked until the lock goes.
    ///
    /// - Throws: `FileError.cannotCreate` in the name of the output.
    static func makeFolder(
        for name: String, in folder: String, output: String
    ) throws(FileError) -> (path: String, lock: FileLock) {
        while true {
            let path = PathParts.join(folder, self.name(for: name))
            let (lock, code) = make(path) { () -> FileLock? in
                guard mkdir(path, 0o777) == 0 else { return nil }
                let lock = FileLock.own(path)
                if lock == nil { errno = EEXIST }
                return lock
            }
            if let lock { return (path, lock) }
            guard code == EEXIST else {
                throw .cannotCreate(path: output, reason: SystemReason(code: code))
            }
        }
    }

    // MARK: - Pending

    /// Makes a temporary that is pending from its first moment on: who ends the program waits for that.
    ///
    /// - Parameter attempt: nil where it fails, with the reason in `errno`.
    private static func make<Made: Sendable>(
        _ path: String, _ attempt: () -> Made?
    ) -> (made: Made?, code: Int32) {
        pending.withLock { pending in
            guard let made = attempt() else { return (nil, errno) }
            pending.insert(ExactString(path))
            return (made, 0)
        }
    }

    static func add(_ path: String) {
        pending.withLock { _ = $0.insert(ExactString(path)) }
    }

    /// Puts a temporary in place by the body; `removeAll` waits meanwhile, and where it came first, the body does not
    /// run. A temporary file is pending no more then, of a folder the caller removes what is left.
    ///
    /// - Throws: what the body throws; `FileError.cannotReplace` where the temporary is gone.
    static func finish(
        _ path: String, isFolder: Bool = false, output: String,
        _ body: () throws(FileError) -> Void
    ) throws(FileError) {
        try pending.withLock { (pending) throws(FileError) in
            guard pending.contains(ExactString(path)) else {
                throw .cannotReplace(path: output, reason: SystemReason(code: ENOENT))
            }
            do throws(FileError) {
                try body()
            } catch {
                // What could not be put back must not be deleted, whoever comes.
                if case .cannotPutBack = error { pending.remove(ExactString(path)) }
                throw error
            }
            if !isFolder { pending.remove(ExactString(path)) }
        }
    }

    /// Removes a temporary file or folder.
    static func remove(_ path: String) {
        pending.withLock { pending in
            if pending.remove(ExactString(path)) != nil { Folder.delete(path) }
        }
    }

    static func removeAll() {
        pending.withLock { pending in
            // Files first, then the folders that hold them.
            for path in pending.sorted(by: { $0.string.utf8.count > $1.string.utf8.count }) {
                Folder.delete(path.string)
            }
            pending.removeAll()
        }
    }
}
