import Glibc

/// Folders that hold working files rather than one output.
package enum Folder {
    /// Makes a folder and those it lies in, where they are missing.
    ///
    /// - Throws: `FileError.cannotCreate`; `.notReplaceable` where something else has the name.
    package static func make(_ path: String) throws(FileError) {
        if mkdir(path, 0o777) == 0 { return }
        let reason = SystemReason.current
        let parent = PathParts(path).folder
        if reason.code == ENOENT, !parent.isEmpty, parent != path {
            try make(parent)
            guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
                throw .cannotCreate(path: path, reason: SystemReason.current)
            }
            return
        }
        guard reason.code == EEXIST else { throw .cannotCreate(path: path, reason: reason) }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw .notReplaceable(path: path)
        }
    }

    /// Whether a path leads to a folder.
    package static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The names of what is in a folder, hidden ones too, sorted.
    ///
    /// - Throws: `FileError.cannotOpen`.
    package static func names(_ path: String) throws(FileError) -> [String] {
        guard let folder = opendir(path) else {
            throw .cannotOpen(path: path, reason: SystemReason.current)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// What tells the user that files of a folder are links to others elsewhere, whose content is used.
    ///
    /// - Parameter names: of files in the folder; those that are no links are passed over.
    package static func note(linksIn folder: String, _ names: [String]) -> [String] {
        guard let root = realPath(folder) else { return [] }
        let outside = names.compactMap { name -> String? in
            let path = PathParts.join(folder, name)
            guard let status = AtomicFile.status(of: path), status.st_mode & S_IFMT == S_IFLNK,
                let target = realPath(path), !target.utf8.starts(with: (root + "/").utf8)
            else { return nil }
            return "\(name) -> \(target)"
        }
        guard !outside.isEmpty else { return [] }
        let list = outside.prefix(6).joined(separator: ", ") + (outside.count > 6 ? ", …" : "")
        return ["\(folder): taken from outside the folder, where links lead: \(list)"]
    }

    private static func realPath(_ path: String) -> String? {
        guard let bytes = realpath(path, nil) else { return nil }
        defer { free(bytes) }
        return String(cString: bytes)
    }

    /// Deletes a file, or a folder with all that is in it; links are deleted, not followed.
    static func delete(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? names(path)) ?? [] { delete(PathParts.join(path, name)) }
        rmdir(path)
    }

    /// Makes renames in a folder durable.
    ///
    /// - Throws: `FileError.cannotWrite` for an error of the disk.
    static func flush(_ path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Some file systems and permissions do not allow it; the files are in place all the same.
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 && errno == EIO {
            throw .cannotWrite(path: path, reason: SystemReason.current)
        }
    }
}
