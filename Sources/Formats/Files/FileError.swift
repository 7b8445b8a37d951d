import Glibc

/// A file could not be read or written.
public enum FileError: Failure {
    case cannotOpen(path: String, reason: SystemReason)
    case cannotRead(path: String, reason: SystemReason)
    case notAFile(path: String)
    case exists(path: String)
    case cannotCreate(path: String, reason: SystemReason)
    case cannotReserve(path: String, bytes: Int, reason: SystemReason)
    case cannotWrite(path: String, reason: SystemReason)
    case cannotReplace(path: String, reason: SystemReason)
    /// A folder or a device stands where a file shall be written, or a file where a folder shall be.
    case notReplaceable(path: String)
    /// Fewer bytes were written than were announced.
    case incomplete(path: String, written: Int, expected: Int)

    public var kind: FailureKind {
        switch self {
        case .cannotOpen, .cannotRead, .notAFile: .input
        case .exists, .cannotCreate, .cannotReserve, .cannotWrite, .cannotReplace, .notReplaceable,
            .incomplete:
            .output
        }
    }

    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason): "\(path): cannot open: \(reason)"
        case .cannotRead(let path, let reason): "\(path): cannot read: \(reason)"
        case .notAFile(let path): "\(path): is not a regular file"
        case .exists(let path): "\(path): exists already (--force replaces it)"
        case .cannotCreate(let path, let reason): "\(path): cannot create: \(reason)"
        case .cannotReserve(let path, let bytes, let reason):
            "\(path): cannot reserve \(bytes) bytes: \(reason)"
        case .cannotWrite(let path, let reason): "\(path): cannot write: \(reason)"
        case .cannotReplace(let path, let reason): "\(path): cannot put in place: \(reason)"
        case .notReplaceable(let path): "\(path): is not of a kind that can be replaced"
        case .incomplete(let path, let written, let expected):
            "\(path): \(written) bytes were written, but \(expected) were announced"
        }
    }
}

/// The system's own words for why a call failed.
public struct SystemReason: Sendable, Equatable, CustomStringConvertible {
    public let code: Int32

    public init(code: Int32) {
        self.code = code
    }

    /// The reason of the call that failed last on this thread.
    static var current: SystemReason { SystemReason(code: errno) }

    public var description: String { String(cString: strerror(code)) }
}
