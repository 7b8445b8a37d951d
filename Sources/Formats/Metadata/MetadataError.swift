/// Metadata that cannot be read or changed as asked.
package enum MetadataError: Failure, Equatable {
    /// What a file says of its edits is not what rtedit writes.
    case malformedHistory(file: String, key: String, expected: String)
    /// A text is no `KEY=VALUE`.
    case notAnAssignment(text: String)
    /// A text is no value of the type that its key has.
    case wrongValue(key: String, text: String, type: String)
    /// A key has another type than the one asked for.
    case otherType(key: String, type: String, asked: String)
    /// What follows the colon of a new key.
    case noType(name: String, types: [String])
    /// A new key whose type the text leaves open.
    case typeNeeded(key: String, text: String, types: [String])
    /// A key that is not there.
    case missingKey(file: String, key: String)
    /// A key that is there already.
    case existingKey(file: String, key: String)
    /// A key on which the numbers that a model computes depend.
    case computes(key: String, part: String, wayOut: String)
    /// A file that is to be a key's value and is no text.
    case notText(file: String)
    /// A file whose metadata nobody reads.
    case noMetadata(file: String)
    /// A key that belongs to how the file is laid out.
    case ofLayout(key: String, reason: String)

    package var kind: FailureKind {
        switch self {
        case .malformedHistory, .notText: .input
        case .noMetadata: .unsupported
        default: .usage
        }
    }

    package var description: String {
        switch self {
        case .malformedHistory(let file, let key, let expected):
            "\(file): what it says of its edits is malformed: '\(key)' is not \(expected); "
                + "--no-note leaves that as it is"
        case .notAnAssignment(let text):
            "\(text.quoted) is not KEY=VALUE or KEY:TYPE=VALUE"
        case .wrongValue(let key, let text, let type):
            "\(key.quoted): \(text.quoted) is not \(type)"
        case .otherType(let key, let type, let asked):
            "\(key.quoted) is of type \(type), not \(asked); remove it first to give it another"
        case .noType(let name, let types):
            "\(name.quoted) is no type; types are \(types.joined(separator: ", ")) (KEY:TYPE=VALUE)"
        case .typeNeeded(let key, let text, let types):
            "\(key.quoted) is new and \(text.quoted) may be of several types: write "
                + types.map { "\(key):\($0)=\(text)" }.joined(separator: " or ")
        case .missingKey(let file, let key):
            "\(file): has no key \(key.quoted); 'rtedit metadata \(file)' lists those it has"
        case .existingKey(let file, let key): "\(file): has a key \(key.quoted) already"
        case .computes(let key, let part, let wayOut):
            "\(key.quoted) is part of \(part), and a change of it changes what the model computes; "
                + wayOut
        case .notText(let file): "\(file): is not text (UTF-8)"
        case .noMetadata(let file):
            "\(file): has no metadata that programs read; name the folder that it is in"
        case .ofLayout(let key, let reason): "\(key.quoted) cannot be changed: \(reason)"
        }
    }
}
