import Glibc
import Synchronization

/// The temporary files and folders of this process that are not in place yet.
enum TemporaryPaths {
    private static let pending = Mutex<Set<ExactString>>([])
    /// What a file name may be long, in bytes, less what a temporary's name adds to it.
    private static let nameLimit = 255 - ".".utf8.count - ".rtedit-0123456789abcdef.tmp".utf8.count

    /// A new name for the temporary sibling of a file or folder: `.NAME.rtedit-RANDOM.tmp`.
    static func name(for name: String) -> String {
        var start = name
        while start.utf8.count > nameLimit { start.removeLast() }
        let random = String(UInt64.random(in: .min ... .max), radix: 16)
        return ".\(start).rtedit-\(String(repeating: "0", count: 16 - random.count))\(random).tmp"
    }

    static func add(_ path: String) {
        pending.withLock { _ = $0.insert(ExactString(path)) }
    }

    /// Puts a temporary in place by the body, which returns 0 or an error number.
    ///
    /// `removeAll` waits meanwhile; where it came first, the body does not run and the result is `ENOENT`.
    static func finish(_ path: String, _ body: () -> Int32) -> Int32 {
        pending.withLock { pending in
            guard pending.contains(ExactString(path)) else { return ENOENT }
            let code = body()
            if code == 0 { pending.remove(ExactString(path)) }
            return code
        }
    }

    /// Removes a temporary file or folder.
    static func remove(_ path: String) {
        pending.withLock { pending in
            if pending.remove(ExactString(path)) != nil { delete(path) }
        }
    }

    static func removeAll() {
        pending.withLock { pending in
            // Files first, then the folders that hold them.
            for path in pending.sorted(by: { $0.string.utf8.count > $1.string.utf8.count }) {
                delete(path.string)
            }
            pending.removeAll()
        }
    }

    /// Deletes a file, or a folder with the files in it.
    private static func delete(_ path: String) {
        if unlink(path) == 0 { return }
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { unlink(PathParts.join(path, name)) }
        }
        closedir(folder)
        rmdir(path)
    }
}
