import Glibc

/// A folder for files that are needed for a while: it goes with all that is in it when the value does, and when the
/// program is interrupted.
///
///     let scratch = try ScratchFolder(in: "/tmp", for: "compare-types")
///     try writer.write(plan, to: scratch.path(of: "q4_k_m.gguf"), replacing: false)
///     scratch.clear()
package final class ScratchFolder: Sendable {
    private let path: String
    /// The folder that the files go to: the outer one is locked, and who opens a file locks the folder it lies in.
    private var inner: String { PathParts.join(path, "files") }
    /// Tells other runs that this one lives.
    private let life: FileLock

    /// Makes the folder, and removes those that killed runs have left for the same purpose.
    ///
    /// - Parameters:
    ///   - folder: where it shall lie
    ///   - purpose: what its name begins with
    /// - Throws: `FileError.cannotCreate`.
    package init(in folder: String, for purpose: String) throws(FileError) {
        // Sets of files that were being replaced are none of a scratch folder's: nothing is put back, since the
        // folder may be one that others write to as well.
        for name in (try? Folder.names(folder)) ?? []
        where TemporaryPaths.isName(name, for: purpose) {
            let path = PathParts.join(folder, name)
            guard let lock = FileLock.abandoned(path) else { continue }
            Folder.delete(path)
            withExtendedLifetime(lock) {}
        }
        let output = PathParts.join(folder, purpose)
        (path, life) = try TemporaryPaths.makeFolder(for: purpose, in: folder, output: output)
        guard mkdir(inner, 0o777) == 0 else {
            let reason = SystemReason.current
            TemporaryPaths.remove(path)
            throw .cannotCreate(path: output, reason: reason)
        }
    }

    deinit { TemporaryPaths.remove(path) }

    /// The path of a file in the folder.
    package func path(of name: String) -> String { PathParts.join(inner, name) }

    /// Removes what is in the folder. Files that are still mapped give their space back when their maps go.
    package func clear() {
        for name in (try? Folder.names(inner)) ?? [] { Folder.delete(path(of: name)) }
    }
}
