import Glibc

/// What runs that were killed have left: temporary files and folders, and sets of files that were being replaced.
enum Leftovers {
    /// Names of temporaries and the folder they lie in.
    struct Place {
        let folder: String
        /// What the temporaries are for.
        let name: String
    }

    /// Removes the temporaries of dead runs, and puts a set back that one of them was replacing. Those of living runs
    /// stay.
    ///
    /// - Parameter folder: the folder of the set.
    /// - Throws: `FileError.cannotPutBack`, `.badJournal`, `.busy`.
    static func clear(_ places: [Place], of folder: String) throws(FileError) {
        let found = find(places)
        guard !found.isEmpty else { return }
        let lock = try FileLock.folder(folder)
        defer { withExtendedLifetime(lock) {} }
        try clearLocked(places)
    }

    /// The same where the caller holds the folder's lock.
    static func clearLocked(_ places: [Place]) throws(FileError) {
        for path in find(places) {
            guard let lock = FileLock.abandoned(path) else { continue }
            defer { withExtendedLifetime(lock) {} }
            try putBack(path)
            Folder.delete(path)
        }
    }

    /// Puts the sets back that dead runs were replacing, and nothing else, before a set is read.
    ///
    /// - Throws: as `clear`.
    static func mend(_ places: [Place], of folder: String) throws(FileError) {
        let halves = find(places).filter {
            AtomicFile.status(of: PathParts.join($0, "journal")) != nil
        }
        if !halves.isEmpty { try clear(places, of: folder) }
    }

    private static func putBack(_ temporary: String) throws(FileError) {
        guard let status = AtomicFile.status(of: temporary), status.st_mode & S_IFMT == S_IFDIR,
            let journal = try ReplacementJournal(in: temporary)
        else { return }
        if !journal.isDone(in: temporary) { try journal.putBack(from: temporary) }
        ReplacementJournal.remove(in: temporary)
    }

    private static func find(_ places: [Place]) -> [String] {
        // Folders can be large: each is listed once.
        Dictionary(grouping: places, by: { ExactString($0.folder) }).flatMap { folder, places in
            ((try? Folder.names(folder.string)) ?? [])
                .filter { name in
                    places.contains { TemporaryPaths.isName(name, for: $0.name) }
                }
                .map { PathParts.join(folder.string, $0) }
        }
    }
}
