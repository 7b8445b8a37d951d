import Glibc

/// Where an output may go. What a path leads to decides, not the link that has its name.
package enum OutputTarget {
    private static let nameLimit = 255

    /// Removes what killed runs have left of this output, and checks before any work that it may be written.
    ///
    /// - Throws: as `checkFile`; `FileError.cannotPutBack`, `.badJournal` and `.busy` where a set of files that was
    ///   being replaced cannot be put back.
    package static func prepareFile(_ path: String, replacing: Bool) throws(FileError) {
        try clearFile(path)
        try checkFile(path, replacing: replacing)
    }

    /// Checks that a file may be written.
    ///
    /// - Throws: `FileError.exists`; `.notReplaceable` for what is no regular file, with or without leave to replace;
    ///   `.cannotCreate` where the folder is missing or may not be written, or the name is too long.
    static func checkFile(_ path: String, replacing: Bool) throws(FileError) {
        try checkPlace(path)
        var target = stat()
        if stat(path, &target) == 0 {
            guard target.st_mode & S_IFMT == S_IFREG else { throw .notReplaceable(path: path) }
        } else if errno == ELOOP {
            throw .notReplaceable(path: path)
        }
        // A link that leads nowhere has the name too.
        guard AtomicFile.status(of: path) == nil || replacing else { throw .exists(path: path) }
    }

    /// The same for a folder of files; one that is empty may be filled.
    ///
    /// - Throws: as `checkFile`.
    package static func prepareFolder(_ path: String, replacing: Bool) throws(FileError) {
        let path = withoutSlashes(path)
        try clearFolder(path)
        guard let isFree = try isFree(path) else { return try checkPlace(path) }
        guard isFree || replacing else { throw .exists(path: path) }
        guard access(path, W_OK | X_OK) == 0 else {
            throw .cannotCreate(path: path, reason: SystemReason.current)
        }
    }

    /// Whether a folder has nothing in it, or nil where there is none.
    ///
    /// - Throws: `FileError.notReplaceable` where something else has the name.
    static func isFree(_ path: String) throws(FileError) -> Bool? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            // Something else in the way, such as a link that leads nowhere, is none.
            if AtomicFile.status(of: path) == nil { return nil }
            throw .notReplaceable(path: path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .notReplaceable(path: path) }
        guard let names = try? Folder.names(path) else { return false }
        // Other runs that write there do not fill it yet.
        return names.allSatisfy { TemporaryPaths.hasForm($0) }
    }

    /// Whether a path leads to a regular file.
    package static func isRegularFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    static func withoutSlashes(_ path: String) -> String {
        var trimmed = path
        while trimmed.utf8.count > 1, trimmed.utf8.last == UInt8(ascii: "/") {
            trimmed.removeLast()
        }
        return trimmed
    }

    /// Checks the name, and that the folder which is to hold it can take it.
    private static func checkPlace(_ path: String) throws(FileError) {
        let parts = PathParts(path)
        func refusal(_ code: Int32) -> FileError {
            .cannotCreate(path: path, reason: SystemReason(code: code))
        }
        guard !parts.name.isEmpty, parts.name != ".", parts.name != ".." else {
            throw refusal(path.isEmpty ? ENOENT : EISDIR)
        }
        guard parts.name.utf8.count <= nameLimit else { throw refusal(ENAMETOOLONG) }
        var status = stat()
        guard stat(parts.folder, &status) == 0 else { throw refusal(errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw refusal(ENOTDIR) }
        guard access(parts.folder, W_OK | X_OK) == 0 else { throw refusal(errno) }
    }

    // MARK: - Leftovers

    /// Removes what killed runs have left of a file or of a set of files named after it.
    static func clearFile(_ path: String) throws(FileError) {
        let parts = PathParts(path)
        try Leftovers.clear(places(ofFile: parts), of: parts.folder)
    }

    /// Removes what killed runs have left of a folder.
    package static func clearFolder(_ path: String) throws(FileError) {
        try Leftovers.clear(places(ofFolder: path), of: path)
    }

    static func places(ofFile parts: PathParts) -> [Leftovers.Place] {
        let names = Set([parts.name, setName(of: parts.name)].map(ExactString.init))
        return names.map { Leftovers.Place(folder: parts.folder, name: $0.string) }
    }

    static func places(ofFolder path: String) -> [Leftovers.Place] {
        let parts = PathParts(path)
        return [
            Leftovers.Place(folder: parts.folder, name: parts.name),
            Leftovers.Place(folder: path, name: insideName),
        ]
    }

    /// What temporaries inside a folder that is replaced are called after.
    static let insideName = "output"

    /// The name of a whole split model, given that of a shard; other names stay.
    package static func setName(of name: String) -> String {
        GGUFShardName(name).map { $0.prefix + ".gguf" } ?? name
    }
}

/// Reading a set of files as one, not while another run replaces it.
package enum FileSetReading {
    /// Puts a half replaced set back and does the body, during which no other run puts files in place there.
    ///
    /// - Parameter path: a folder, or a file of the set.
    /// - Throws: as `Leftovers.mend`, and what the body throws.
    package static func whole<Result>(
        _ path: String, isFolder: Bool, _ body: () throws -> Result
    ) throws -> Result {
        let parts = PathParts(path)
        let folder = isFolder ? OutputTarget.withoutSlashes(path) : parts.folder
        var places = OutputTarget.places(ofFolder: folder)
        if !isFolder { places += OutputTarget.places(ofFile: parts) }
        try Leftovers.mend(places, of: folder)
        let lock = try FileLock.folder(folder, shared: true)
        defer { withExtendedLifetime(lock) {} }
        return try body()
    }
}
