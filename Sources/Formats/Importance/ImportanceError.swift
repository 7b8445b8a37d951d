/// A file of an importance matrix that cannot be used, or does not go with another or with a model.
package struct ImportanceError: Failure, Equatable {
    package let path: String
    package let problem: Problem

    /// What is wrong.
    package enum Problem: Error, Equatable {
        case notImportance(reason: String)
        /// A key that is missing or has a value it cannot have; `expected` completes "is not …".
        case wrongKey(String, expected: String)
        // Tensors of a GGUF file.
        case otherTensor(String)
        case missingHalf(tensor: String, missing: String)
        case wrongType(tensor: String, type: ElementType)
        // Entries.
        case noEntries
        case unevenCounts(entry: String, sums: Int, counts: Int)
        case wrongSum(entry: String, index: Int, value: Float)
        case wrongCount(entry: String, index: Int, value: Float)
        case duplicateEntry(String)
        // The older format.
        case truncated(Place, offset: Int, needed: Int, remaining: Int)
        case wrongNumber(Place, offset: Int, value: Int, expected: String)
        case notUTF8(Place, offset: Int)
        case trailing(offset: Int, bytes: Int)
        // Use.
        case wrongSize(entry: String, found: Int, columns: Int, experts: Int)
        case otherSums(entry: String, found: Int, other: String, expected: Int)
        case otherCounts(entry: String, found: Int, other: String, expected: Int)
        case tooLarge(entry: String)
    }

    /// The part of a file of the older format a problem lies in.
    package enum Place: Equatable, Sendable {
        case entryCount
        case name(entry: Int)
        case callCount(entry: String)
        case valueCount(entry: String)
        case values(entry: String)
        case chunkCount
        case dataset
    }

    package var kind: FailureKind { .input }

    package var description: String { "\(path): \(problem)" }
}

extension ImportanceError.Place: CustomStringConvertible {
    package var description: String {
        switch self {
        case .entryCount: "the number of entries"
        case .name(let index): "the name of entry number \(index)"
        case .callCount(let entry): "the number of chunks of entry \(entry.quoted)"
        case .valueCount(let entry): "the number of values of entry \(entry.quoted)"
        case .values(let entry): "the values of entry \(entry.quoted)"
        case .chunkCount: "the number of chunks"
        case .dataset: "the name of the text"
        }
    }
}

extension ImportanceError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notImportance(let reason): "is not an importance matrix: \(reason)"
        case .wrongKey(let key, let expected): "metadata key \(key.quoted) is not \(expected)"
        case .otherTensor(let tensor):
            "tensor \(tensor.quoted) ends neither in .in_sum2 nor in .counts"
        case .missingHalf(let tensor, let missing):
            "tensor \(tensor.quoted) is there, but not \(missing.quoted)"
        case .wrongType(let tensor, let type): "tensor \(tensor.quoted) is \(type.name), not f32"
        case .noEntries: "is not an importance matrix: it has no entries"
        case .unevenCounts(let entry, let sums, let counts):
            "entry \(entry.quoted) has \(sums) sums for \(counts) counts, which is no whole number for each"
        case .wrongSum(let entry, let index, let value):
            "entry \(entry.quoted) has \(value) as sum number \(index), where a sum of squares is finite and not negative"
        case .wrongCount(let entry, let index, let value):
            "entry \(entry.quoted) has \(value) as count number \(index), where 0 to 2^53 can be"
        case .duplicateEntry(let entry): "entry \(entry.quoted) is there twice"
        case .truncated(let place, let offset, let needed, let remaining):
            "\(place) needs \(needed) bytes at offset \(offset), but \(remaining) remain"
        case .wrongNumber(let place, let offset, let value, let expected):
            "\(place), at offset \(offset), is \(value), not \(expected)"
        case .notUTF8(let place, let offset): "\(place) is not UTF-8 at offset \(offset)"
        case .trailing(let offset, let bytes):
            "\(bytes) bytes follow its end at offset \(offset)"
        case .wrongSize(let entry, let found, let columns, let experts):
            "entry \(entry.quoted) has \(found) sums, but the weight has \(experts) x \(columns) inputs"
        case .otherSums(let entry, let found, let other, let expected):
            "entry \(entry.quoted) has \(found) sums, but \(expected) in \(other)"
        case .otherCounts(let entry, let found, let other, let expected):
            "entry \(entry.quoted) has \(found) counts, but \(expected) in \(other)"
        case .tooLarge(let entry):
            "the sums or counts of entry \(entry.quoted) become too large when they are added"
        }
    }
}
