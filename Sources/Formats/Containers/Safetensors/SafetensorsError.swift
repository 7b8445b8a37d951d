/// A safetensors file or its index breaks a rule of the format: which one, with the tensor and the numbers.
package struct SafetensorsError: Failure, Equatable {
    package let path: String
    package let problem: Problem

    /// What is wrong with the file.
    package enum Problem: Error, Equatable {
        /// The file is shorter than the 8 bytes that hold the header's length.
        case noHeaderLength(fileSize: Int)
        /// The file is of another format, whatever its name says.
        case otherFormat(FileContent)
        case headerTooLarge(length: UInt64, limit: Int)
        case headerBeyondFile(length: Int, remaining: Int)
        case headerStart(byte: UInt8?)
        case headerEnd(byte: UInt8?)
        case notAnObject(String)
        case metadataNotText(key: String)
        case emptyName
        /// A control character in a tensor's name or a metadata key.
        case controlCharacter(String)
        case malformedEntry(tensor: String, expected: String)
        case unknownType(tensor: String, name: String)
        case offsetsReversed(tensor: String, begin: Int, end: Int)
        case sizeOverflow(tensor: String, shape: [Int])
        /// The elements of a type of 4 or 6 bits fill no whole number of bytes.
        case partialByte(tensor: String, type: ElementType, elements: Int)
        case sizeMismatch(tensor: String, spanned: Int, needed: Int)
        case hole(tensor: String, begin: Int, expected: Int)
        case overlap(tensor: String, begin: Int, expected: Int)
        /// `whole` is where the data of the last tensor should end.
        case dataBeyondFile(tensor: String, end: Int, available: Int, whole: Int)
        case trailingData(end: Int, available: Int)
        // The index of a sharded checkpoint.
        case malformedIndex(expected: String)
        case shardName(String)
        case missingShard(String)
        case tensorNotInShard(tensor: String, shard: String)
        case tensorNotInIndex(tensor: String, shard: String)
        // Writing.
        case duplicateName(String)
        case duplicateMetadata(String)
        case reservedName
        case typeWithoutName(tensor: String, type: ElementType)
    }

    package var kind: FailureKind {
        if case .typeWithoutName = problem { .unsupported } else { .input }
    }

    package var remedy: String? {
        kind == .unsupported ? "a .gguf file as output holds it, or --type bf16" : nil
    }

    package var description: String { "\(path): \(problem)" }
}

extension SafetensorsError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noHeaderLength(let fileSize):
            "a safetensors file starts with an 8-byte header length, but the file holds \(fileSize) bytes"
        case .otherFormat(let content): "is no safetensors file, but \(content.words)"
        case .headerTooLarge(let length, let limit):
            "the header is \(length) bytes long, but at most \(limit) are allowed"
        case .headerBeyondFile(let length, let remaining):
            "the header is \(length) bytes long, but \(remaining) bytes remain after its length"
        case .headerStart(let byte): "the header must start with '{', not with \(Self.name(byte))"
        case .headerEnd(let byte):
            "the header must end with '}' and spaces only, not with \(Self.name(byte))"
        case .notAnObject(let what): "\(what) is not a JSON object"
        case .metadataNotText(let key): "the value of metadata key \(key.quoted) is not a string"
        case .controlCharacter(let name): "the name \(name.quoted) has a control character"
        case .emptyName: "a tensor has an empty name"
        case .malformedEntry(let tensor, let expected): "tensor \(tensor.quoted): \(expected)"
        case .unknownType(let tensor, let name):
            "tensor \(tensor.quoted): unknown dtype \(name.quoted)"
        case .offsetsReversed(let tensor, let begin, let end):
            "tensor \(tensor.quoted): data_offsets begin at \(begin), but end at \(end)"
        case .sizeOverflow(let tensor, let shape):
            "tensor \(tensor.quoted): the size of shape \(shape) overflows 64 bits"
        case .partialByte(let tensor, let type, let elements):
            "tensor \(tensor.quoted): \(elements) elements of \(type.name) fill no whole number of bytes"
        case .sizeMismatch(let tensor, let spanned, let needed):
            "tensor \(tensor.quoted): data_offsets span \(spanned) bytes, but its shape needs \(needed)"
        case .hole(let tensor, let begin, let expected):
            "tensor \(tensor.quoted): data begins at \(begin), leaving a hole after \(expected)"
        case .overlap(let tensor, let begin, let expected):
            "tensor \(tensor.quoted): data begins at \(begin), overlapping data that ends at \(expected)"
        case .dataBeyondFile(let tensor, let end, let available, let whole):
            "tensor \(tensor.quoted): data_offsets end at \(end), but the file holds \(available) bytes of data "
                + "of \(whole): it was cut off, as by a download that did not end; fetch it again"
        case .trailingData(let end, let available):
            "data_offsets end at \(end), but the file holds \(available) bytes of data: trailing data"
        case .malformedIndex(let expected): "not an index of safetensors shards: \(expected)"
        case .shardName(let name): "shard \(name.quoted) is not a plain file name"
        case .missingShard(let name): "part \(name.quoted) of the model is missing"
        case .tensorNotInShard(let tensor, let shard):
            "tensor \(tensor.quoted) is not in shard \(shard.quoted), where the index places it"
        case .tensorNotInIndex(let tensor, let shard):
            "tensor \(tensor.quoted) is in shard \(shard.quoted), where the index does not place it"
        case .duplicateName(let name): "two tensors are named \(name.quoted)"
        case .duplicateMetadata(let key): "metadata key \(key.quoted) occurs twice"
        case .reservedName: "a tensor cannot be named '__metadata__'"
        case .typeWithoutName(let tensor, let type):
            "tensor \(tensor.quoted): safetensors has no type \(type.name)"
        }
    }

    private static func name(_ byte: UInt8?) -> String {
        guard let byte else { return "nothing" }
        return "byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
