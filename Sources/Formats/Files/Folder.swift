import Glibc

/// Folders that hold working files rather than one output.
public enum Folder {
    /// Makes a folder and those it lies in, where they are missing.
    ///
    /// - Throws: `FileError.cannotCreate`; `.notReplaceable` where something else has the name.
    public static func make(_ path: String) throws(FileError) {
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
}
