import Glibc
import Synchronization

/// A folder of files that appear under their names only when all of them are complete.
///
/// The files are written to a temporary folder. Where the target does not exist, `commit` renames the folder;
/// where it exists, the files are renamed into it one by one in the order they were created, so create the file
/// that makes the others a model (the shard index, `config.json`) last. A run that is killed leaves nothing that
/// looks like a finished new model.
public final class OutputFolder: Sendable {
    public let path: String
    private let temporaryPath: String
    private let exists: Bool
    private let files = Mutex<[AtomicFile]>([])
    private let isFinished = Atomic<Bool>(false)

    /// Creates the temporary folder.
    ///
    /// - Parameters:
    ///   - path: where the folder shall be
    ///   - replacing: whether a folder that exists and is not empty may be written into
    /// - Throws: `FileError.exists`, `.notReplaceable` where something else than a folder has the name,
    ///   `.cannotCreate`.
    public init(path: String, replacing: Bool) throws(FileError) {
        var trimmed = path
        while trimmed.utf8.count > 1, trimmed.utf8.last == UInt8(ascii: "/") {
            trimmed.removeLast()
        }
        self.path = trimmed
        var status = stat()
        exists = stat(trimmed, &status) == 0
        let parts = PathParts(trimmed)
        guard exists else {
            temporaryPath = PathParts.join(parts.folder, TemporaryPaths.name(for: parts.name))
            try makeFolder()
            return
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw replacing ? .notReplaceable(path: path) : .exists(path: path)
        }
        // Inside the target, which may be a file system of its own.
        temporaryPath = PathParts.join(trimmed, TemporaryPaths.name(for: "output"))
        guard replacing || Self.isEmpty(trimmed) else { throw .exists(path: path) }
        try makeFolder()
    }

    deinit {
        discard()
    }

    /// Creates a file of the folder; `commit` of the folder commits it where that is not done before.
    ///
    /// - Throws: as `AtomicFile.init`; `FileError.cannotCreate` where the name is no plain file name.
    public func create(_ name: String, reserving size: Int = 0) throws(FileError) -> AtomicFile {
        let target = PathParts.join(path, name)
        guard PathParts.isPlainFileName(name) else {
            throw .cannotCreate(path: target, reason: SystemReason(code: EINVAL))
        }
        let file = try AtomicFile(
            path: PathParts.join(temporaryPath, name), reserving: size, replacing: false,
            permissionsOf: target)
        files.withLock { $0.append(file) }
        return file
    }

    /// Puts all files in place.
    ///
    /// - Parameter stale: names of files of the old folder that do not belong to the new model; they are removed
    ///   last.
    /// - Throws: as `AtomicFile.commit`.
    public func commit(removing stale: [String] = []) throws(FileError) {
        let files = files.withLock { $0 }
        for file in files { try file.commit() }
        guard !isFinished.exchange(true, ordering: .acquiringAndReleasing) else { return }
        do throws(FileError) {
            if exists {
                try moveFiles(files.map { PathParts($0.path).name }, removing: stale)
            } else {
                try moveFolder()
            }
        } catch {
            TemporaryPaths.remove(temporaryPath)
            throw error
        }
    }

    /// Removes the temporary folder and its files; does nothing after `commit`.
    public func discard() {
        guard !isFinished.exchange(true, ordering: .acquiringAndReleasing) else { return }
        for file in files.withLock({ $0 }) { file.discard() }
        TemporaryPaths.remove(temporaryPath)
    }

    // MARK: - File system

    private static func isEmpty(_ path: String) -> Bool {
        guard let folder = opendir(path) else { return false }
        defer { closedir(folder) }
        var entries = 0
        while readdir(folder) != nil { entries += 1 }
        // The folder itself and its parent.
        return entries <= 2
    }

    private func makeFolder() throws(FileError) {
        guard mkdir(temporaryPath, 0o777) == 0 else {
            throw .cannotCreate(path: path, reason: SystemReason.current)
        }
        TemporaryPaths.add(temporaryPath)
    }

    private func moveFolder() throws(FileError) {
        switch TemporaryPaths.finish(temporaryPath, { systemCode(rename(temporaryPath, path)) }) {
        case 0: try AtomicFile.flushFolder(of: path)
        case EEXIST, ENOTEMPTY, ENOTDIR: throw .exists(path: path)
        case let code: throw .cannotReplace(path: path, reason: SystemReason(code: code))
        }
    }

    private func moveFiles(_ names: [String], removing stale: [String]) throws(FileError) {
        // Without its last file the old model is not taken for one while it is half replaced.
        if let last = names.last, names.count > 1 { unlink(PathParts.join(path, last)) }
        for name in names {
            if name == names.last { try AtomicFile.flushFolder(of: PathParts.join(path, name)) }
            let target = PathParts.join(path, name)
            guard rename(PathParts.join(temporaryPath, name), target) == 0 else {
                throw .cannotReplace(path: target, reason: SystemReason.current)
            }
        }
        for name in stale where PathParts.isPlainFileName(name) && !names.contains(name) {
            unlink(PathParts.join(path, name))
        }
        TemporaryPaths.remove(temporaryPath)
        try AtomicFile.flushFolder(of: PathParts.join(path, "."))
    }
}
