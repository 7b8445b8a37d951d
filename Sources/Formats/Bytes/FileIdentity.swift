import Glibc

/// What tells a file from others, and from itself at another time.
package struct FileIdentity: Hashable {
    private let device: UInt
    private let number: UInt
    private let size: Int
    private let seconds: Int
    private let nanoseconds: Int

    init(_ status: stat) {
        device = UInt(status.st_dev)
        number = UInt(status.st_ino)
        size = Int(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    /// Of what a path leads to; nil where it leads nowhere.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Whether two paths lead to one file or folder.
    package static func isSame(_ first: String, _ second: String) -> Bool {
        guard let one = FileIdentity(path: first), let other = FileIdentity(path: second) else {
            return false
        }
        return one.isSameFile(as: other)
    }

    /// Whether it is one file, be it changed or not.
    func isSameFile(as other: FileIdentity) -> Bool {
        device == other.device && number == other.number
    }
}

/// A name in a folder, however the folder is called.
struct FilePlace: Hashable {
    private let device: UInt
    private let number: UInt
    private let name: ExactString

    init(_ path: String) {
        let parts = PathParts(path)
        var status = stat()
        let isFound = stat(parts.folder, &status) == 0
        device = isFound ? UInt(status.st_dev) : 0
        number = isFound ? UInt(status.st_ino) : 0
        name = ExactString(isFound ? parts.name : path)
    }
}
