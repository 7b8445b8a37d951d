/// An array of NumPy's breaks a rule of its format or is of a kind that is not read: which one, with its numbers.
package struct NumPyError: Failure, Equatable {
    package let path: String
    package let problem: Problem

    /// What is wrong with the array; its name is empty in a file of one array.
    package enum Problem: Error, Equatable {
        case notAnArray(name: String)
        case version(name: String, major: Int, minor: Int)
        case headerBeyondFile(name: String, length: Int, remaining: Int)
        case headerTooLong(name: String, length: Int, limit: Int)
        case header(name: String, expected: String)
        case elementType(name: String, descr: String, reason: String)
        case sizeOverflow(name: String, shape: [Int])
        case sizeMismatch(name: String, needed: Int, found: Int)
        case notText(name: String)
    }

    package var kind: FailureKind {
        if case .elementType = problem { .unsupported } else { .input }
    }

    package var remedy: String? {
        kind == .unsupported ? "write the array again with astype(numpy.float32)" : nil
    }

    package var description: String { "\(path): \(problem)" }
}

extension NumPyError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notAnArray(let name): "\(Self.array(name)) is none: it does not begin with \\x93NUMPY"
        case .version(let name, let major, let minor):
            "\(Self.array(name)) is of version \(major).\(minor); 1.0, 2.0 and 3.0 are read"
        case .headerBeyondFile(let name, let length, let remaining):
            "\(Self.array(name)) has a header of \(length) bytes, but \(remaining) remain"
        case .headerTooLong(let name, let length, let limit):
            "\(Self.array(name)) has a header of \(length) bytes, but at most \(limit) are read"
        case .header(let name, let expected): "\(Self.array(name)): in its header \(expected)"
        case .elementType(let name, let descr, let reason):
            "\(Self.array(name)) is of type \(descr.quoted): \(reason)"
        case .sizeOverflow(let name, let shape):
            "\(Self.array(name)): the size of shape \(shape) overflows 64 bits"
        case .sizeMismatch(let name, let needed, let found):
            "\(Self.array(name)) needs \(needed) bytes, but has \(found)"
        case .notText(let name): "\(Self.array(name)) holds text that is not Unicode"
        }
    }

    private static func array(_ name: String) -> String {
        name.isEmpty ? "the array" : "array \(name.quoted)"
    }
}
