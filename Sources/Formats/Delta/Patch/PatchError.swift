/// A patch that cannot be read or applied.
package enum PatchError: Failure, Equatable {
    /// `content` is what the file is instead, where that is known.
    case notAPatch(path: String, content: FileContent? = nil)
    case wrongVersion(path: String, found: Int, supported: Int)
    /// The file does not have the size its head announces: it was cut, or something was added.
    case wrongSize(path: String, found: Int, expected: Int)
    case damagedHead(path: String, found: UInt64, expected: UInt64)
    case damagedDirectory(path: String, offset: Int, fact: String)
    case damagedFrame(path: String, file: String, part: String, offset: Int)
    case hostileName(path: String, name: String)
    case duplicateName(path: String, name: String)
    case missingBaseTensor(base: String, tensor: String)
    case wrongBaseShape(base: String, tensor: String, found: String, expected: String)
    case wrongBaseTensor(base: String, tensor: String, found: String, expected: String)
    case missingBaseFile(base: String, file: String)
    case wrongBaseFile(base: String, file: String, start: Int, end: Int)
    case wrongResult(path: String, file: String, found: String, expected: String)
    case needsFolder(path: String, files: Int)
    case tooLarge(path: String, fact: String)
    case outOfMemory(path: String)

    package var kind: FailureKind {
        switch self {
        case .needsFolder: .usage
        case .tooLarge, .wrongVersion: .unsupported
        case .outOfMemory: .output
        default: .input
        }
    }

    package var remedy: String? {
        switch self {
        case .wrongVersion:
            "apply it with the version of rtedit that made it, or make it again with this one"
        case .tooLarge: "publish the file itself"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .notAPatch(let path, let content):
            "\(path): does not begin with '\(PatchHead.magicText)'"
                + (content.map { "; it is \($0.words)" } ?? "")
        case .wrongVersion(let path, let found, let supported):
            "\(path): is of format version \(found), but only \(supported) is supported"
        case .wrongSize(let path, let found, let expected):
            "\(path): has \(found) bytes, but its head announces \(expected)"
        case .damagedHead(let path, let found, let expected):
            "\(path): offset 0: the head's hash is \(Self.hex(found)), but it should be "
                + Self.hex(expected)
        case .damagedDirectory(let path, let offset, let fact):
            "\(path): directory: offset \(offset): \(fact)"
        case .damagedFrame(let path, let file, let part, let offset):
            "\(path): \(file.quoted): \(part): the data for offset \(offset) are damaged"
        case .hostileName(let path, let name):
            "\(path): \(name.quoted) is no plain file name"
        case .duplicateName(let path, let name):
            "\(path): \(name.quoted) is the name of two files"
        case .missingBaseTensor(let base, let tensor):
            "\(base): is not the patch's base: tensor \(tensor.quoted) is missing"
        case .wrongBaseShape(let base, let tensor, let found, let expected):
            "\(base): is not the patch's base: tensor \(tensor.quoted) is \(found), but \(expected) "
                + "in the base"
        case .wrongBaseTensor(let base, let tensor, let found, let expected):
            "\(base): is not the patch's base: tensor \(tensor.quoted) has SHA-256 \(found)…, but "
                + "\(expected)… in the base"
        case .missingBaseFile(let base, let file):
            "\(base): is not the patch's base: file \(file.quoted) is missing"
        case .wrongBaseFile(let base, let file, let start, let end):
            "\(base): is not the patch's base: bytes \(start) to \(end) of file \(file.quoted) differ"
        case .wrongResult(let path, let file, let found, let expected):
            "\(path): the result for \(file.quoted) has SHA-256 \(found), but \(expected) is announced"
        case .needsFolder(let path, let files):
            "\(path): the patch makes \(files) files: name a folder"
        case .tooLarge(let path, let fact): "\(path): \(fact)"
        case .outOfMemory(let path): "\(path): there is not enough memory"
        }
    }

    private static func hex(_ value: UInt64) -> String { String(value, radix: 16) }
}
