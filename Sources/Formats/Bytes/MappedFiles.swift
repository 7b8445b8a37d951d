import Glibc
import Synchronization

/// The maps of this process: which file a place in memory belongs to, and whether a file changed while it was read.
package enum MappedFiles {
    private static let state = Mutex(State())
    /// The address of the first entry. Entries are never freed: a signal handler may look at them at any time.
    private static let first = Atomic<UInt>(0)

    private struct State {
        var free: [UnsafeMutablePointer<Entry>] = []
        /// What changed before its map went.
        var change: FileError?
        var sources: [UnsafeMutablePointer<Entry>: Source] = [:]
        /// Every file that was mapped, once, in the order of that.
        var read: [InputFile] = []
        var known: Set<FileIdentity> = []
        /// What this process has put in place, as it was then.
        var own: [FilePlace: FileIdentity] = [:]
    }

    private struct Entry {
        var start: UInt
        var size: UInt
        /// The path, ended by a zero.
        var path: UnsafeMutablePointer<CChar>
        var next: UnsafeMutablePointer<Entry>?
    }

    private struct Source {
        let path: String
        var identity: FileIdentity
        /// Where the file has its name.
        let place: FilePlace
    }

    /// A map that is noted here until the value goes.
    final class Registration: Sendable {
        private let entry: Shared<UnsafeMutablePointer<Entry>>

        /// Notes a map.
        init(_ address: UnsafeRawPointer, size: Int, path: String, status: stat) {
            let source = Source(
                path: path, identity: FileIdentity(status), place: FilePlace(path))
            entry = MappedFiles.state.withLock { state in
                if state.known.insert(source.identity).inserted {
                    state.read.append(
                        InputFile(path: path, size: size, identity: source.identity))
                }
                let path = strdup(path) ?? UnsafeMutablePointer<CChar>.allocate(capacity: 1)
                let entry: UnsafeMutablePointer<Entry>
                if let free = state.free.popLast() {
                    free.pointee.path.deallocate()
                    entry = free
                    entry.pointee.path = path
                    entry.pointee.size = UInt(size)
                    entry.pointee.start = UInt(bitPattern: address)
                } else {
                    entry = .allocate(capacity: 1)
                    entry.initialize(
                        to: Entry(
                            start: UInt(bitPattern: address), size: UInt(size), path: path,
                            next: MappedFiles.firstEntry))
                    MappedFiles.first.store(UInt(bitPattern: entry), ordering: .releasing)
                }
                state.sources[entry] = source
                return Shared(entry)
            }
        }

        /// Forgets it, and remembers where its file changed.
        func end() {
            MappedFiles.state.withLock { [entry] state in
                let entry = entry.pointer
                entry.pointee.start = 0
                entry.pointee.size = 0
                if let source = state.sources.removeValue(forKey: entry), state.change == nil {
                    state.change = MappedFiles.change(of: source)
                }
                state.free.append(entry)
            }
        }
    }

    private static var firstEntry: UnsafeMutablePointer<Entry>? {
        UnsafeMutablePointer(bitPattern: first.load(ordering: .acquiring))
    }

    // MARK: - Memory

    /// The path of the file that is mapped at an address, ended by a zero; nil where none is. A signal handler may ask.
    package static func pathBytes(at address: UnsafeRawPointer?) -> UnsafePointer<CChar>? {
        let place = UInt(bitPattern: address)
        var next = firstEntry
        while let entry = next {
            // To the end of the last page.
            if place >= entry.pointee.start, place &- entry.pointee.start < entry.pointee.size {
                return UnsafePointer(entry.pointee.path)
            }
            next = entry.pointee.next
        }
        return nil
    }

    static func path(at address: UnsafeRawPointer?) -> String? {
        pathBytes(at: address).map { String(cString: $0) }
    }

    // MARK: - Inputs

    /// The files that were read so far, without those that this process has made, in the order in which they were opened.
    package static var inputs: [InputFile] {
        state.withLock { state in
            let own = Set(state.own.values)
            return state.read.filter { !own.contains($0.identity) }
        }
    }

    // MARK: - Changes

    /// What changed of the files read so far, by their sizes and times; nil where nothing did. A file that another has
    /// taken the name of was read whole.
    package static var change: FileError? {
        state.withLock { state in
            state.change ?? state.sources.values.lazy.compactMap { change(of: $0) }.first
        }
    }

    private static func change(of source: Source) -> FileError? {
        guard let now = FileIdentity(path: source.path), now.isSameFile(as: source.identity),
            now != source.identity
        else { return nil }
        return .changed(path: source.path)
    }

    /// Notes what this process has just put in place: a map of what was there before is of a file that nobody else has
    /// replaced.
    static func noteReplacement(of targets: [String]) {
        state.withLock { state in
            for target in targets { state.own[FilePlace(target)] = FileIdentity(path: target) }
        }
    }

    /// Notes that this process itself has written into a file that it has mapped.
    static func noteWriting(into path: String) {
        guard let now = FileIdentity(path: path) else { return }
        state.withLock { state in
            for (entry, source) in state.sources where now.isSameFile(as: source.identity) {
                state.sources[entry]?.identity = now
            }
        }
    }

    /// Checks before an output is put in place that its sources are as they were.
    ///
    /// - Parameter targets: the files that are replaced; what was read of them must still be what is there, or
    ///   what this process has put there.
    /// - Throws: `FileError.changed`, `.overtaken`.
    static func check(beforeReplacing targets: [String]) throws(FileError) {
        if let change { throw change }
        guard !targets.isEmpty else { return }
        let places = Set(targets.map(FilePlace.init))
        let overtaken = state.withLock { state in
            state.sources.values.first { source in
                guard places.contains(source.place),
                    let now = FileIdentity(path: source.path)
                else { return false }
                return !now.isSameFile(as: source.identity) && now != state.own[source.place]
            }
        }
        if let overtaken { throw .overtaken(path: overtaken.path) }
    }
}

/// A file that was read.
package struct InputFile: Sendable {
    package let path: String
    /// Its size in bytes when it was opened.
    package let size: Int
    /// The file itself, as it was then.
    package let identity: FileIdentity

    /// The SHA-256 of its content; nil where the path leads to another file or content by now.
    package func sha256() -> String? {
        guard FileIdentity(path: path) == identity, let file = try? MappedFile(path: path) else {
            return nil
        }
        return file.sha256()
    }
}
