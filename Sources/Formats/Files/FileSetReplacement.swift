import Glibc

/// The step that puts an output of several files in place: the old set whole, or the new set whole, or, where it is cut
/// short by a kill or a crash, a set that no program opens and that the next run puts back.
///
/// All new files are on the disk before it begins. What makes the old files a model (`config.json`, the shard index, the
/// first shard) is moved aside first, then the other old files; the new files follow, what makes them a model last. An
/// error in between puts everything back.
package struct FileSetReplacement {
    /// The folder of the set.
    let folder: String
    /// The set's path as the user gave it, for messages.
    let output: String
    /// Holds the new files in its folder `new`; on the file system of `folder`.
    let temporary: String
    let replacing: Bool
    /// Gives a file another name, as the system's call of this name; tests make it fail.
    var rename: @Sendable (_ from: String, _ to: String) -> Int32 = { Glibc.rename($0, $1) }

    /// Puts the files in place. To be called with the folder locked.
    ///
    /// - Parameter stale: names of old files that the new set does not have.
    /// - Throws: `FileError.exists`, `.notReplaceable`, `.cannotReplace`: the old set is whole then;
    ///   `.cannotPutBack` where not even that could be had.
    func perform(_ names: [String], removing stale: [String]) throws(FileError) {
        let ordered = Self.ordered(names)
        let present = try ordered.map { (name) throws(FileError) in
            ReplacementJournal.Entry(name: name, replaces: try isPresent(name))
        }
        let new = Set(names.map(ExactString.init))
        let leaving = stale.filter {
            !new.contains(ExactString($0)) && PathParts.isPlainFileName($0)
                && AtomicFile.status(of: PathParts.join(folder, $0)) != nil
        }
        let old = present.filter(\.replaces).map(\.name) + leaving
        // One file in the place of at most itself needs no more than its rename.
        if ordered.count == 1, leaving.isEmpty { return try move(ordered[0]) }
        let journal = ReplacementJournal(
            folder: FileIdentity.isSame(folder, PathParts(temporary).folder)
                ? "." : PathParts(folder).name,
            new: present, aside: Self.ordered(old).reversed())
        guard mkdir(oldFolder, 0o777) == 0 else { throw failure(output) }
        try journal.write(in: temporary, output: output)
        do throws(FileError) {
            for name in journal.aside {
                let target = PathParts.join(folder, name)
                guard rename(target, PathParts.join(oldFolder, name)) == 0 else {
                    throw failure(target)
                }
            }
            for name in ordered {
                if name == ordered.last { try Folder.flush(folder) }
                try move(name)
            }
        } catch {
            try journal.putBack(from: temporary, by: rename)
            ReplacementJournal.remove(in: temporary)
            throw error
        }
        ReplacementJournal.remove(in: temporary)
    }

    private var oldFolder: String { PathParts.join(temporary, ReplacementJournal.oldName) }

    /// Whether an old file has the name.
    ///
    /// - Throws: where it may not be replaced.
    private func isPresent(_ name: String) throws(FileError) -> Bool {
        let path = PathParts.join(folder, name)
        guard AtomicFile.status(of: path) != nil else { return false }
        try OutputTarget.checkFile(path, replacing: replacing)
        return true
    }

    private func move(_ name: String) throws(FileError) {
        let source = PathParts.join(PathParts.join(temporary, ReplacementJournal.newName), name)
        let target = PathParts.join(folder, name)
        if !replacing, AtomicFile.status(of: target) != nil { throw .exists(path: target) }
        guard rename(source, target) == 0 else { throw failure(target) }
    }

    private func failure(_ path: String) -> FileError {
        .cannotReplace(path: path, reason: SystemReason.current)
    }

    // MARK: - Order

    /// The names in the order in which a set is put in place: what makes the others a model comes last.
    static func ordered(_ names: [String]) -> [String] {
        let ranked = names.enumerated().map { (rank(of: $1), $0, $1) }
        return ranked.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }

    private static func rank(of name: String) -> Int {
        if ["config.json", "adapter_config.json", "params.json"].contains(name) { return 2 }
        if GGUFShardName(name)?.number == 0 { return 2 }
        return name.hasSuffix(".index.json") ? 1 : 0
    }
}
