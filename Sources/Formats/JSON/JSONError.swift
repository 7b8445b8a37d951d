/// A text is not the JSON that rtedit accepts: which rule it breaks, and at which byte.
package struct JSONError: Failure, Equatable {
    /// The name of the file or of the part of it that was read.
    package let source: String
    /// The byte the problem is at, counted from the start of the text.
    package let offset: Int
    package let problem: Problem

    /// What is wrong with the text.
    package enum Problem: Error, Equatable {
        case unexpectedEnd(expected: String)
        case unexpectedByte(UInt8, expected: String)
        case textAfterEnd
        case duplicateKey(String)
        case invalidUTF8
        /// A file of Git LFS stands for the text.
        case gitPointer
        case controlCharacter(UInt8)
        case invalidEscape
        case loneSurrogate(UInt16)
        case leadingZero
        case numberTooLarge
        case tooDeep(limit: Int)
        case tooLarge(bytes: Int, limit: Int)
    }

    package var kind: FailureKind { .input }

    package var description: String { "\(source): byte \(offset): \(problem)" }
}

extension JSONError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unexpectedEnd(let expected): "the text ends, expected \(expected)"
        case .unexpectedByte(let byte, let expected): "\(Self.name(byte)), expected \(expected)"
        case .textAfterEnd: "text after the end of the value"
        case .duplicateKey(let key): "key \(key.quoted) occurs twice in one object"
        case .invalidUTF8: "not UTF-8"
        case .gitPointer:
            "a pointer of Git LFS to a file that was not fetched; run 'git lfs pull' in its folder"
        case .controlCharacter(let byte): "\(Self.name(byte)) must be escaped inside a string"
        case .invalidEscape: "no such escape sequence"
        case .loneSurrogate(let unit): "surrogate \\u\(String(unit, radix: 16)) without its partner"
        case .leadingZero: "a number starts with a superfluous zero"
        case .numberTooLarge: "a number is too large for 64-bit floating point"
        case .tooLarge(let bytes, let limit): "the text has \(bytes) bytes, more than \(limit)"
        case .tooDeep(let limit): "arrays and objects nest more than \(limit) deep"
        }
    }

    private static func name(_ byte: UInt8) -> String {
        (0x21...0x7e).contains(byte)
            ? "'\(Unicode.Scalar(byte))'"
            : "byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
