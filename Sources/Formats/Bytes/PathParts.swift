import Foundation

extension String {
    /// Whether a name taken from a file names a file in a folder and nothing else.
    package var isPlainFileName: Bool { PathParts.isPlainFileName(self) }
}

/// A path as the folder that holds a file and the file's name in it.
package struct PathParts {
    package let folder: String
    /// Empty where the path ends with a slash.
    package let name: String

    package init(_ path: String) {
        let bytes = path.utf8
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else {
            (folder, name) = (".", path)
            return
        }
        folder = slash == bytes.startIndex ? "/" : String(path[..<slash])
        name = String(path[bytes.index(after: slash)...])
    }

    /// The path of a file in a folder.
    package static func join(_ folder: String, _ name: String) -> String {
        if folder == "." { return name }
        return folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
    }

    /// The name of a folder, however it was typed: the last name of the path where there is one, else (`.`, `..`, nothing)
    /// that of the folder which it stands for; nil for the root of the file system.
    package static func name(ofFolder path: String) -> String? {
        let typed = path.split(separator: "/").last { $0 != "." }
        if let typed, typed != ".." { return String(typed) }
        let full = URL(fileURLWithPath: path.isEmpty ? "." : path).resolvingSymlinksInPath()
        let name = full.standardizedFileURL.lastPathComponent
        return name.isEmpty || name == "/" ? nil : name
    }

    /// Whether a name taken from a file names a file beside it and nothing else: no folder, no control character.
    package static func isPlainFileName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
            && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
    }
}
