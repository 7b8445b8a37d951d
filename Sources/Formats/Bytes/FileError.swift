import Glibc

/// A file could not be read or written.
package enum FileError: Failure {
    case cannotOpen(path: String, reason: SystemReason)
    case cannotRead(path: String, reason: SystemReason)
    case notAFile(path: String)
    case tooLong(path: String, limit: Int)
    case exists(path: String)
    /// What is there is read by the same call.
    case isInput(path: String)
    case cannotCreate(path: String, reason: SystemReason)
    case cannotReserve(path: String, bytes: Int, reason: SystemReason)
    case cannotWrite(path: String, reason: SystemReason)
    case cannotReplace(path: String, reason: SystemReason)
    /// A folder or a device stands where a file shall be written, or a file where a folder shall be.
    case notReplaceable(path: String)
    /// Fewer bytes were written than were announced.
    case incomplete(path: String, written: Int, expected: Int)
    /// An input was cut or written to while it was read.
    case changed(path: String)
    /// Another program has replaced a file that is to be replaced by what was made of it.
    case overtaken(path: String)
    /// A run was killed while it replaced the first part of the file.
    case headPending(path: String)
    /// The old first part of a file is not that of the file which has its name now.
    case otherHead(path: String, kept: String)
    /// Another run puts files in place in a folder, and does not come to an end.
    case busy(path: String)
    /// Files that were moved aside could not be put back.
    case cannotPutBack(path: String, kept: String, reason: SystemReason)
    /// What tells how to put files back is malformed.
    case badJournal(path: String)

    package var kind: FailureKind {
        switch self {
        case .cannotOpen, .cannotRead, .notAFile, .tooLong, .changed, .overtaken, .headPending,
            .otherHead:
            .input
        case .exists, .isInput, .cannotCreate, .cannotReserve, .cannotWrite, .cannotReplace,
            .notReplaceable,
            .incomplete, .busy, .cannotPutBack, .badJournal:
            .output
        }
    }

    /// Why the system refused, where it did.
    var reason: SystemReason? {
        switch self {
        case .cannotOpen(_, let reason), .cannotRead(_, let reason), .cannotCreate(_, let reason),
            .cannotReserve(_, _, let reason), .cannotWrite(_, let reason),
            .cannotReplace(_, let reason), .cannotPutBack(_, _, let reason):
            reason
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason): "\(path): cannot open: \(reason)"
        case .cannotRead(let path, let reason): "\(path): cannot read: \(reason)"
        case .notAFile(let path): "\(path): is not a regular file"
        case .tooLong(let path, let limit):
            "\(path): has more than the \(limit) bytes that are read"
        case .isInput(let path):
            "\(path): is an input of this call; name another output (--force replaces it)"
        case .exists(let path): "\(path): exists already (--force replaces it)"
        case .cannotCreate(let path, let reason): "\(path): cannot create: \(reason)"
        case .cannotReserve(let path, let bytes, let reason):
            "\(path): cannot reserve \(bytes) bytes: \(reason)"
        case .cannotWrite(let path, let reason): "\(path): cannot write: \(reason)"
        case .cannotReplace(let path, let reason): "\(path): cannot put in place: \(reason)"
        case .notReplaceable(let path): "\(path): is not of a kind that can be replaced"
        case .incomplete(let path, let written, let expected):
            "\(path): \(written) bytes were written, but \(expected) were announced"
        case .changed(let path): "\(path): was changed while it was read"
        case .overtaken(let path):
            "\(path): was replaced by another program while it was read; it is left as that made it"
        case .headPending(let path):
            "\(path): a run that changed its metadata in place was killed; 'rtedit metadata \(path)' puts the old "
                + "metadata back"
        case .otherHead(let path, let kept):
            "\(path): is not the file whose old metadata a killed run left in \(kept); remove that file"
        case .busy(let path): "\(path): another run is putting its files in place there"
        case .cannotPutBack(let path, let kept, let reason):
            "\(path): cannot be put back: \(reason); the old files are in \(kept)"
        case .badJournal(let path):
            "\(path): does not say how to put back the files beside it, which a run had moved aside"
        }
    }
}

/// The system's own words for why a call failed.
package struct SystemReason: Sendable, Equatable, CustomStringConvertible {
    package let code: Int32

    package init(code: Int32) {
        self.code = code
    }

    /// The reason of the call that failed last on this thread.
    static var current: SystemReason { SystemReason(code: errno) }

    package var description: String { String(cString: strerror(code)) }
}
