/// A GGUF file breaks a rule of the format: which one, with the tensor or key and the numbers.
package struct GGUFError: Failure, Equatable {
    package let path: String
    package let problem: Problem

    /// What is wrong with the file.
    package enum Problem: Error, Equatable {
        case notGGUF(magic: [UInt8])
        /// The file is of another format, whatever its name says.
        case otherFormat(FileContent)
        case bigEndian
        case obsoleteVersion(UInt32)
        case unknownVersion(UInt32)
        /// Something needs more bytes than are left in the file.
        case truncated(Place, offset: Int, needed: UInt64, remaining: Int)
        case tooManyKeys(count: UInt64, remaining: Int)
        case tooManyTensors(count: UInt64, remaining: Int)
        // Metadata.
        case emptyKey(index: Int)
        case keyTooLong(index: Int, length: UInt64, limit: Int)
        case notUTF8(Place, offset: Int)
        case duplicateKey(String)
        case unknownValueType(key: String, identifier: UInt32)
        case nestedArray(key: String)
        case invalidBool(key: String, byte: UInt8, offset: Int)
        case alignmentNotU32
        case alignmentNotPowerOfTwo(UInt32)
        // Tensor descriptions.
        case tensorNameLength(index: Int, length: UInt64, limit: Int)
        case nullInTensorName(String)
        /// A control character in a metadata key or a tensor's name.
        case controlCharacter(Place, name: String)
        case duplicateTensor(String)
        case dimensionCount(tensor: String, count: Int)
        case dimensionTooLarge(tensor: String, index: Int, size: UInt64)
        case unknownTensorType(tensor: String, identifier: UInt32)
        case removedTensorType(tensor: String, identifier: UInt32)
        case partialBlock(tensor: String, type: ElementType, row: Int)
        case sizeOverflow(tensor: String, shape: [Int])
        // Data.
        case hole(tensor: String, offset: UInt64, expected: Int)
        case overlap(tensor: String, offset: UInt64, expected: Int)
        /// `whole` is where the data of the last tensor should end.
        case dataBeyondFile(tensor: String, end: Int, fileSize: Int, whole: Int)
        case fileTooLarge(tensor: String)
        // Split files.
        case laterShard(number: Int, first: String)
        case shardName(String, count: Int)
        case missingShard(String, number: Int, count: Int)
        case shardKey(String, expected: Int, found: Int?)
        case shardTensorCount(expected: Int, found: Int)
        // Writing.
        case alignmentTooLarge(Int, limit: Int)
        case typeWithoutIdentifier(tensor: String, type: ElementType)
    }

    /// The part of a file a problem lies in.
    package enum Place: Equatable, Sendable {
        case header
        case key(index: Int)
        case value(key: String)
        case tensor(index: Int)
    }

    package var kind: FailureKind {
        switch problem {
        case .bigEndian, .obsoleteVersion, .alignmentTooLarge, .typeWithoutIdentifier: .unsupported
        default: .input
        }
    }

    package var remedy: String? {
        switch problem {
        case .bigEndian:
            "gguf-convert-endian of the Python package gguf turns the file itself round, so give it a copy"
        case .obsoleteVersion, .removedTensorType, .alignmentTooLarge:
            "convert the model's folder again, or take a newer file of it"
        case .typeWithoutIdentifier: "a folder as output holds it, or --type bf16"
        default: nil
        }
    }

    package var description: String { "\(path): \(problem)" }
}

extension GGUFError.Place: CustomStringConvertible {
    package var description: String {
        switch self {
        case .header: "the header"
        case .key(let index): "metadata key number \(index)"
        case .value(let key): "the value of metadata key \(key.quoted)"
        case .tensor(let index): "the description of tensor number \(index)"
        }
    }
}

extension GGUFError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notGGUF(let magic):
            "not a GGUF file: it starts with the bytes \(magic), not with 'GGUF'"
        case .otherFormat(let content): "is no GGUF file, but \(content.words)"
        case .bigEndian: "a big-endian GGUF file; only little-endian ones are supported"
        case .obsoleteVersion(let version):
            "GGUF version \(version) is no longer supported; versions 2 and 3 are"
        case .unknownVersion(let version):
            "GGUF version \(version) is unknown; versions 2 and 3 are supported"
        case .truncated(let place, let offset, let needed, let remaining):
            "\(place) needs \(needed) bytes at offset \(offset), but \(remaining) remain"
        case .tooManyKeys(let count, let remaining):
            "the header announces \(count) metadata keys, too many for the \(remaining) bytes that follow"
        case .tooManyTensors(let count, let remaining):
            "the header announces \(count) tensors, too many for the \(remaining) bytes that follow"
        case .emptyKey(let index): "metadata key number \(index) is empty"
        case .keyTooLong(let index, let length, let limit):
            "metadata key number \(index) is \(length) bytes long, but at most \(limit) are allowed"
        case .notUTF8(let place, let offset): "\(place) is not UTF-8 at offset \(offset)"
        case .duplicateKey(let key): "metadata key \(key.quoted) occurs twice"
        case .unknownValueType(let key, let identifier):
            "metadata key \(key.quoted) has unknown value type \(identifier)"
        case .nestedArray(let key): "metadata key \(key.quoted) holds an array of arrays"
        case .invalidBool(let key, let byte, let offset):
            "metadata key \(key.quoted) holds \(byte) at offset \(offset), where a bool is 0 or 1"
        case .alignmentNotU32: "metadata key 'general.alignment' is not an unsigned 32-bit integer"
        case .alignmentNotPowerOfTwo(let alignment):
            "metadata key 'general.alignment' is \(alignment), not a power of two"
        case .tensorNameLength(let index, let length, let limit):
            "the name of tensor number \(index) is \(length) bytes long, but 1 to \(limit) are allowed"
        case .nullInTensorName(let name): "the name of tensor \(name.quoted) holds a zero byte"
        case .controlCharacter(let place, let name):
            "\(place) has a name with a control character, \(name.quoted)"
        case .duplicateTensor(let name): "two tensors are named \(name.quoted)"
        case .dimensionCount(let tensor, let count):
            "tensor \(tensor.quoted) has \(count) dimensions, but 1 to 4 are allowed"
        case .dimensionTooLarge(let tensor, let index, let size):
            "tensor \(tensor.quoted): dimension \(index) of size \(size) exceeds 63 bits"
        case .unknownTensorType(let tensor, let identifier):
            "tensor \(tensor.quoted) has unknown type \(identifier)"
        case .removedTensorType(let tensor, let identifier):
            "tensor \(tensor.quoted) has type \(identifier), which GGUF has removed"
        case .partialBlock(let tensor, let type, let row):
            "tensor \(tensor.quoted): a row of \(row) elements is no whole number of blocks of "
                + "\(type.elementsPerBlock) (\(type.name))"
        case .sizeOverflow(let tensor, let shape):
            "tensor \(tensor.quoted): the size of shape \(shape) overflows 64 bits"
        case .hole(let tensor, let offset, let expected):
            "tensor \(tensor.quoted): data is at offset \(offset), leaving a hole after \(expected)"
        case .overlap(let tensor, let offset, let expected):
            "tensor \(tensor.quoted): data is at offset \(offset), overlapping data up to \(expected)"
        case .dataBeyondFile(let tensor, let end, let fileSize, let whole):
            "tensor \(tensor.quoted): data ends at \(end), but the file holds \(fileSize) bytes of \(whole): it "
                + "was cut off, as by a download that did not end; fetch it again"
        case .fileTooLarge(let tensor):
            "tensor \(tensor.quoted): the end of its data overflows 64 bits"
        case .laterShard(let number, let first):
            "is shard \(number + 1) of a split model; open the first shard, \(first.quoted)"
        case .shardName(let name, let count):
            "is the first of \(count) shards, but \(name.quoted) does not end with "
                + "\(GGUFShardName(prefix: "", number: 0, count: count).fileName.quoted)"
        case .missingShard(let name, let number, let count):
            "part \(number + 1) of \(count) of the model is missing: \(name.quoted)"
        case .shardKey(let key, let expected, let found):
            "metadata key \(key.quoted) must be \(expected), "
                + (found.map { "but is \($0)" } ?? "but is missing or no integer")
        case .shardTensorCount(let expected, let found):
            "'split.tensors.count' announces \(expected) tensors, but the shards hold \(found)"
        case .alignmentTooLarge(let alignment, let limit):
            "metadata key 'general.alignment' is \(alignment), but at most \(limit) is written"
        case .typeWithoutIdentifier(let tensor, let type):
            "tensor \(tensor.quoted): GGUF has no type \(type.name)"
        }
    }
}
