import Glibc
import Synchronization

/// An output of several files that appear under their names only when all of them are complete: a folder, or the
/// files of a split model in a folder that holds others too.
///
/// The files are written to a temporary folder. Where a folder does not exist yet, `commit` renames the new one into
/// its place; else `FileSetReplacement` puts the files in place as one. A run that is killed leaves the old set, the new
/// one, or one that no program opens and that the next run puts back.
package final class OutputFolder: Sendable {
    package let path: String
    /// The folder that the files go to.
    private let folder: String
    private let temporaryPath: String
    private let places: [Leftovers.Place]
    private let exists: Bool
    private let replacing: Bool
    private let files = Mutex<[AtomicFile]>([])
    private let isFinished = Atomic<Bool>(false)
    /// Tells other runs that this one lives.
    private let life: FileLock

    /// Creates the temporary folder for a folder.
    ///
    /// - Parameters:
    ///   - path: where the folder shall be
    ///   - replacing: whether a folder that exists and is not empty may be written into
    /// - Throws: `FileError.exists`, `.notReplaceable` where something else than a folder has the name,
    ///   `.cannotCreate`.
    package init(path: String, replacing: Bool) throws(FileError) {
        let path = OutputTarget.withoutSlashes(path)
        try OutputTarget.prepareFolder(path, replacing: replacing)
        self.path = path
        folder = path
        self.replacing = replacing
        places = OutputTarget.places(ofFolder: path)
        exists = try OutputTarget.isFree(path) != nil
        let parts = PathParts(path)
        // Inside a folder that exists, which may be a file system of its own.
        (temporaryPath, life) = try TemporaryPaths.makeFolder(
            for: exists ? OutputTarget.insideName : parts.name, in: exists ? path : parts.folder,
            output: path)
        try makeFolder()
    }

    /// Creates the temporary folder for several files that are one output.
    ///
    /// - Parameters:
    ///   - path: the name of the whole, such as that of a model whose files are its shards
    ///   - names: the names that the files will have beside it
    ///   - replacing: whether files that exist may be replaced
    /// - Throws: as `OutputTarget.checkFile` for each of the names.
    package init(files names: [String], of path: String, replacing: Bool) throws(FileError) {
        let parts = PathParts(path)
        try OutputTarget.clearFile(path)
        for name in names {
            try OutputTarget.checkFile(
                PathParts.join(parts.folder, name), replacing: replacing)
        }
        self.path = path
        folder = parts.folder
        self.replacing = replacing
        places = OutputTarget.places(ofFile: parts)
        exists = true
        (temporaryPath, life) = try TemporaryPaths.makeFolder(
            for: OutputTarget.setName(of: parts.name), in: parts.folder, output: path)
        try makeFolder()
    }

    deinit {
        discard()
    }

    /// Creates a file of the set; `commit` of the set completes it where that is not done before.
    ///
    /// - Throws: as `AtomicFile.init`; `FileError.cannotCreate` where the name is no plain file name.
    package func create(_ name: String, reserving size: Int = 0) throws(FileError) -> AtomicFile {
        let target = PathParts.join(folder, name)
        guard PathParts.isPlainFileName(name) else {
            throw .cannotCreate(path: target, reason: SystemReason(code: EINVAL))
        }
        let file = try AtomicFile(
            part: PathParts.join(newFolder, name), of: target, reserving: size)
        files.withLock { $0.append(file) }
        return file
    }

    /// Puts all files in place.
    ///
    /// - Parameter stale: names of files of the old set that do not belong to the new one; they go in the same step.
    /// - Throws: as `AtomicFile.commit` and `FileSetReplacement.perform`.
    package func commit(removing stale: [String] = []) throws(FileError) {
        let files = files.withLock { $0 }
        for file in files { try file.commit() }
        guard !isFinished.exchange(true, ordering: .acquiringAndReleasing) else { return }
        do throws(FileError) {
            try MappedFiles.check(beforeReplacing: [])
            try Folder.flush(newFolder)
            if exists {
                try replaceFiles(files, removing: stale)
            } else if try !moveFolder() {
                // Another run has made the folder meanwhile.
                guard replacing else { throw FileError.exists(path: path) }
                try replaceFiles(files, removing: stale)
            }
        } catch {
            TemporaryPaths.remove(temporaryPath)
            throw error
        }
        TemporaryPaths.remove(temporaryPath)
    }

    /// Removes the temporary folder and its files; does nothing after `commit`.
    package func discard() {
        guard !isFinished.exchange(true, ordering: .acquiringAndReleasing) else { return }
        for file in files.withLock({ $0 }) { file.discard() }
        TemporaryPaths.remove(temporaryPath)
    }

    // MARK: - File system

    private var newFolder: String {
        PathParts.join(temporaryPath, ReplacementJournal.newName)
    }

    private func makeFolder() throws(FileError) {
        guard mkdir(newFolder, 0o777) == 0 else {
            let reason = SystemReason.current
            TemporaryPaths.remove(temporaryPath)
            throw .cannotCreate(path: path, reason: reason)
        }
    }

    /// - Returns: whether the folder is in place; false where another has its name.
    private func moveFolder() throws(FileError) -> Bool {
        var code: Int32 = 0
        do throws(FileError) {
            try TemporaryPaths.finish(temporaryPath, isFolder: true, output: path) {
                () throws(FileError) in
                code = systemCode(rename(newFolder, path))
                if code != 0 {
                    throw .cannotReplace(path: path, reason: SystemReason(code: code))
                }
            }
        } catch {
            if [EEXIST, ENOTEMPTY].contains(code) { return false }
            throw error
        }
        try Folder.flush(PathParts(path).folder)
        return true
    }

    private func replaceFiles(
        _ files: [AtomicFile], removing stale: [String]
    ) throws(FileError) {
        let lock = try FileLock.folder(folder)
        defer { withExtendedLifetime(lock) {} }
        // A run may have been killed since this one began.
        try Leftovers.clearLocked(places)
        let targets = files.map(\.path) + stale.map { PathParts.join(folder, $0) }
        try MappedFiles.check(beforeReplacing: targets)
        let replacement = FileSetReplacement(
            folder: folder, output: path, temporary: temporaryPath, replacing: replacing)
        try TemporaryPaths.finish(temporaryPath, isFolder: true, output: path) {
            () throws(FileError) in
            try replacement.perform(
                files.map { PathParts($0.path).name }, removing: stale)
        }
        MappedFiles.noteReplacement(of: targets)
        try Folder.flush(folder)
    }
}
