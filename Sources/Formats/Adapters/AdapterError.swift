/// A low-rank adapter that cannot be read, does not belong to its base, or asks for something that is not supported.
package enum AdapterError: Failure, Equatable {
    case notAnAdapter(path: String, reason: String)
    /// A key that is missing or has a value no adapter can have; `expected` completes "is not …".
    case wrongValue(file: String, key: String, expected: String)
    /// A key whose value asks for what rtedit does not do.
    case unsupportedValue(file: String, key: String, value: String, meaning: String)
    case wrongArchitecture(file: String, found: String, base: String)
    /// A tensor that is no half of a low-rank update of a matrix.
    case unsupportedTensor(file: String, tensor: String, reason: String)
    case unknownTarget(file: String, tensor: String, base: String)
    case missingHalf(file: String, tensor: String, missing: String)
    case wrongShape(file: String, tensor: String, found: [Int], expected: [Int])
    case wrongRank(file: String, tensor: String, found: Int, expected: Int)
    /// A weight of the base that the file holds too, but not as the base has it; `difference` says where.
    case otherBase(file: String, tensor: String, base: String, difference: String)
    case notFinite(file: String, tensor: String, index: Int)
    /// Alpha over rank, which no f32 holds.
    case scaleTooLarge(file: String, tensor: String)
    /// Updates that were made for another base than the one they are written for.
    case doesNotFit(update: WeightRole, base: String)

    package var kind: FailureKind {
        switch self {
        case .unsupportedValue, .unsupportedTensor: .unsupported
        default: .input
        }
    }

    package var remedy: String? {
        kind == .unsupported
            ? "peft applies it (merge_and_unload, then save_pretrained); give the folder that it writes as the model"
            : nil
    }

    package var description: String {
        switch self {
        case .notAnAdapter(let path, let reason): "\(path): is not a low-rank adapter: \(reason)"
        case .wrongValue(let file, let key, let expected):
            "\(file): key '\(key)' is not \(expected)"
        case .unsupportedValue(let file, let key, let value, let meaning):
            "\(file): key '\(key)' is \(value), which asks for \(meaning) and is not supported"
        case .wrongArchitecture(let file, let found, let base):
            "\(file): the adapter is for architecture '\(found)', but the base is '\(base)'"
        case .unsupportedTensor(let file, let tensor, let reason):
            "\(file): tensor '\(tensor)' \(reason)"
        case .unknownTarget(let file, let tensor, let base):
            "\(file): tensor '\(tensor)' belongs to a weight that \(base) does not have"
        case .missingHalf(let file, let tensor, let missing):
            "\(file): tensor '\(tensor)' is there, but not '\(missing)'"
        case .wrongShape(let file, let tensor, let found, let expected):
            "\(file): tensor '\(tensor)' has shape \(found), but the base makes it \(expected)"
        case .wrongRank(let file, let tensor, let found, let expected):
            "\(file): tensor '\(tensor)' has rank \(found), but adapter_config.json says \(expected)"
        case .otherBase(let file, let tensor, let base, let difference):
            "\(file): tensor '\(tensor)' \(difference): the adapter belongs to another base than \(base)"
        case .notFinite(let file, let tensor, let index):
            "\(file): tensor '\(tensor)' has a value that is not finite at index \(index)"
        case .scaleTooLarge(let file, let tensor):
            "\(file): the alpha of tensor '\(tensor)' over its rank is too large for f32"
        case .doesNotFit(let update, let base):
            "the update of \(update) does not fit \(base)"
        }
    }
}
