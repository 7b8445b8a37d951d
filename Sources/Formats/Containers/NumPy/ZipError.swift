/// A zip archive breaks a rule of its format, or uses a part of it that is not read: which one, with its numbers.
package struct ZipError: Failure, Equatable {
    package let path: String
    package let problem: Problem

    /// What is wrong with the archive.
    package enum Problem: Error, Equatable {
        case noDirectory(fileSize: Int)
        /// Archives of more than 4 GiB or 65535 entries.
        case zip64
        case severalDisks
        case directoryBounds(offset: Int, size: Int, end: Int)
        case entryCount(announced: Int, found: Int)
        case badEntry(index: Int, offset: Int)
        case badName(index: Int)
        case duplicateName(String)
        case entryBeyondDirectory(entry: String, end: Int, directory: Int)
        case overlap(entry: String, begin: Int, expected: Int)
        case encrypted(entry: String)
        case method(entry: String, method: Int)
        case storedSize(entry: String, stored: Int, announced: Int)
        case impossibleSize(entry: String, compressed: Int, announced: Int)
        case tooLarge(entry: String, announced: Int, limit: Int)
        case checksum(entry: String, announced: UInt32, found: UInt32)
        case compressed(entry: String, reason: String)
        // Writing.
        case outputTooLarge(bytes: Int)
    }

    package var kind: FailureKind {
        switch problem {
        case .zip64, .severalDisks, .encrypted, .method, .tooLarge, .outputTooLarge: .unsupported
        default: .input
        }
    }

    package var remedy: String? {
        kind == .unsupported
            ? "write the arrays again with numpy.savez, or into a safetensors file" : nil
    }

    package var description: String { "\(path): \(problem)" }
}

extension ZipError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noDirectory(let fileSize):
            "no directory of a zip archive at the end of its \(fileSize) bytes: the file is cut or is no archive"
        case .zip64:
            "the archive's directory is in the form for more than 4 GiB (zip64), which is not read"
        case .severalDisks: "the archive is a part of several"
        case .directoryBounds(let offset, let size, let end):
            "the directory is \(size) bytes from \(offset) on, but must end at \(end)"
        case .entryCount(let announced, let found):
            "the directory announces \(announced) entries and holds \(found)"
        case .badEntry(let index, let offset):
            "entry \(index) has no header at offset \(offset)"
        case .badName(let index):
            "entry \(index) has no name, or one that is not UTF-8 or has control characters"
        case .duplicateName(let name): "two entries are named \(name.quoted)"
        case .entryBeyondDirectory(let entry, let end, let directory):
            "entry \(entry.quoted) ends at \(end), but the directory begins at \(directory)"
        case .overlap(let entry, let begin, let expected):
            "entry \(entry.quoted) begins at \(begin), before the one before it ends at \(expected)"
        case .encrypted(let entry): "entry \(entry.quoted) is encrypted"
        case .method(let entry, let method):
            "entry \(entry.quoted) is compressed by method \(method); stored (0) and deflated (8) are read"
        case .storedSize(let entry, let stored, let announced):
            "entry \(entry.quoted) is stored in \(stored) bytes, but announced as \(announced)"
        case .impossibleSize(let entry, let compressed, let announced):
            "entry \(entry.quoted) announces \(announced) bytes, more than its \(compressed) can stand for"
        case .tooLarge(let entry, let announced, let limit):
            "entry \(entry.quoted) brings what is compressed to \(announced) bytes, and at most \(limit) are read; store "
                + "it uncompressed (numpy.savez)"
        case .checksum(let entry, let announced, let found):
            "entry \(entry.quoted) has CRC-32 \(Self.hexadecimal(found)), but \(Self.hexadecimal(announced)) is announced"
        case .compressed(let entry, let reason): "entry \(entry.quoted): \(reason)"
        case .outputTooLarge(let bytes):
            "\(bytes) bytes are more than an archive of 4 GiB holds"
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension Inflation.Problem: CustomStringConvertible {
    var description: String {
        switch self {
        case .truncated(let size): "its \(size) compressed bytes end in the middle"
        case .reservedBlock(let offset): "a block of no known type before byte \(offset)"
        case .storedLength(let offset, let length, let complement):
            "a stored block's length \(length) at byte \(offset) does not agree with its complement \(complement)"
        case .badCodeLengths(let offset): "lengths that are no code before byte \(offset)"
        case .badCode(let offset): "bits that are no code before byte \(offset)"
        case .distanceBeforeStart(let offset, let distance, let available):
            "a match \(distance) bytes back before byte \(offset), where \(available) are there"
        case .longer(let announced): "it holds more than the \(announced) bytes announced"
        case .shorter(let size, let announced):
            "it holds \(size) bytes, but \(announced) are announced"
        case .dataAfterEnd(let end, let size):
            "its data end at byte \(end) of \(size)"
        }
    }
}
