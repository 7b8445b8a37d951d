import Glibc

/// What is about to happen to the files of a set, written before the first of them is touched, so that the old set can
/// be put back whatever happens.
///
/// A set is replaced out of a temporary folder that holds the new files in `new`, the old ones in `old` once they are
/// moved aside, and this in `journal`. The set is new when the last of the new files has left `new`; until then it is
/// put back.
package struct ReplacementJournal: Equatable {
    /// A new file, and whether an old one has its name.
    struct Entry: Equatable {
        let name: String
        let replaces: Bool
    }

    static let newName = "new"
    static let oldName = "old"
    private static let fileName = "journal"
    private static let sizeLimit = 64 << 20

    /// The folder of the set, counted from the one that holds the temporary folder: `.` or a name.
    let folder: String
    /// In the order in which they are put in place: the one that makes the others a model comes last.
    let new: [Entry]
    /// The old files that are moved aside, in that order: what makes the others a model goes first.
    let aside: [String]

    // MARK: - On disk

    /// Writes the journal and waits until it is on the disk.
    ///
    /// - Throws: `FileError.cannotWrite` in the name of the output.
    func write(in temporary: String, output: String) throws(FileError) {
        let object = JSONObject([
            .init("folder", .string(folder)), .init("new", .array(new.map { .string($0.name) })),
            .init("replaces", .array(new.map { .bool($0.replaces) })),
            .init("aside", .array(aside.map { .string($0) })),
        ])
        let path = PathParts.join(temporary, Self.fileName)
        // Under another name until it is whole: half a journal is none.
        let draft = path + ".part"
        do throws(FileError) {
            let file = try GrowingFile(path: draft, keeping: 0)
            try file.append(JSONWriter().bytes(.object(object)))
            try file.flush()
        } catch {
            throw .cannotReplace(path: output, reason: error.reason ?? SystemReason(code: EIO))
        }
        guard rename(draft, path) == 0 else {
            throw .cannotReplace(path: output, reason: SystemReason.current)
        }
        try Folder.flush(temporary)
    }

    /// Reads the journal of a temporary folder; nil where it has none.
    ///
    /// - Throws: `FileError.badJournal` where it is not what `write` wrote.
    init?(in temporary: String) throws(FileError) {
        let path = PathParts.join(temporary, Self.fileName)
        guard AtomicFile.status(of: path) != nil else { return nil }
        let file = try MappedFile(path: path)
        guard file.size <= Self.sizeLimit,
            let object = try? JSONReader.parse(file.bytes).object,
            let folder = object["folder"]?.string,
            let names = object["new"]?.array?.compactMap(\.string),
            let replaces = object["replaces"]?.array?.compactMap(\.bool),
            let aside = object["aside"]?.array?.compactMap(\.string),
            names.count == replaces.count, !names.isEmpty,
            folder == "." || PathParts.isPlainFileName(folder),
            (names + aside).allSatisfy({ !$0.isEmpty && !$0.contains("/") && $0 != ".." })
        else { throw .badJournal(path: path) }
        self.folder = folder
        self.aside = aside
        new = zip(names, replaces).map(Entry.init)
    }

    init(folder: String, new: [Entry], aside: [String]) {
        self.folder = folder
        self.new = new
        self.aside = aside
    }

    /// Removes the journal: what is left of its folder is of no use to anybody.
    static func remove(in temporary: String) {
        unlink(PathParts.join(temporary, fileName))
    }

    // MARK: - Putting back

    /// Whether all new files are in place, so that the set is the new one.
    func isDone(in temporary: String) -> Bool {
        guard let last = new.last else { return true }
        return AtomicFile.status(of: Self.path(of: last.name, newName: temporary)) == nil
    }

    private static func path(of name: String, newName temporary: String) -> String {
        PathParts.join(PathParts.join(temporary, newName), name)
    }

    /// Puts the old set back; may be done again where it was cut short.
    ///
    /// - Throws: `FileError.cannotPutBack`, naming the folder that holds the old files.
    func putBack(
        from temporary: String,
        by rename: (_ from: String, _ to: String) -> Int32 = { Glibc.rename($0, $1) }
    ) throws(FileError) {
        let folder = PathParts.join(PathParts(temporary).folder, self.folder)
        let old = PathParts.join(temporary, Self.oldName)
        func fail(_ name: String) -> FileError {
            .cannotPutBack(
                path: PathParts.join(folder, name), kept: old, reason: SystemReason.current)
        }
        // New files that take no old one's place go first, so that the old set never has them beside it.
        for entry in new where !entry.replaces {
            guard AtomicFile.status(of: Self.path(of: entry.name, newName: temporary)) == nil
            else { continue }
            let path = PathParts.join(folder, entry.name)
            guard unlink(path) == 0 || errno == ENOENT else { throw fail(entry.name) }
        }
        for name in aside.reversed() {
            let kept = PathParts.join(old, name)
            guard AtomicFile.status(of: kept) != nil else { continue }
            guard rename(kept, PathParts.join(folder, name)) == 0 else { throw fail(name) }
        }
        try Folder.flush(folder)
    }
}
