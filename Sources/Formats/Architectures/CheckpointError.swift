/// A checkpoint that cannot be opened, understood or expressed.
package enum CheckpointError: Failure, Equatable {
    case notAModel(path: String, reason: String)
    case missingFile(path: String, need: String)
    case missingKey(file: String, key: String)
    case wrongValue(file: String, key: String, expected: String)
    case outOfRange(file: String, key: String, value: String, range: String)
    case contradiction(file: String, fact: String)
    case unsupportedArchitecture(file: String, name: String)
    case unsupportedFeature(file: String, fact: String)
    case missingTensor(file: String, name: String)
    case wrongShape(file: String, tensor: String, found: [Int], expected: [Int])
    case unknownTensor(file: String, name: String, architecture: String)
    case cannotExpress(fact: String)
    /// The files store codes that cannot be read; `method` says why.
    case quantized(file: String, method: String, kind: FailureKind)
    /// A row of an output cannot be read from its source or stored in its type.
    case cannotEncode(tensor: String, row: Int, problem: QuantizationError)
    /// Finite values of a tensor are beyond its type in the output, or an edit makes them so; `largest` is infinite
    /// where f32 does not hold them either.
    case becomesInfinite(
        tensor: String, type: ElementType, count: Int, of: Int, largest: Double)

    package var kind: FailureKind {
        switch self {
        case .unsupportedArchitecture, .unsupportedFeature, .cannotExpress, .unknownTensor,
            .becomesInfinite:
            .unsupported
        case .quantized(_, _, let kind): kind
        case .cannotEncode(_, _, let problem): problem.kind
        default: .input
        }
    }

    package var remedy: String? {
        switch self {
        case .unsupportedArchitecture, .unsupportedFeature, .unknownTensor:
            "inspect, hash, metadata and delta work on it all the same"
        case .quantized(_, _, .unsupported):
            "for other work give the folder it was quantised from, or what its method's own package writes back "
                + "(transformers: model.dequantize())"
        case .cannotEncode(_, _, let problem): problem.remedy
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .notAModel(let path, let reason): "\(path): is not a model: \(reason)"
        case .missingFile(let path, let need): "\(path): is missing; \(need)"
        case .missingKey(let file, let key): "\(file): key '\(key)' is missing"
        case .wrongValue(let file, let key, let expected):
            "\(file): key '\(key)' is not \(expected)"
        case .outOfRange(let file, let key, let value, let range):
            "\(file): '\(key)' is \(value), but must be \(range)"
        case .contradiction(let file, let fact): "\(file): \(fact)"
        case .unsupportedArchitecture(let file, let name):
            "\(file): architecture '\(name)' is not supported; supported: "
                + Architecture.allNames.joined(separator: ", ")
        case .unsupportedFeature(let file, let fact): "\(file): \(fact)"
        case .missingTensor(let file, let name): "\(file): tensor '\(name)' is missing"
        case .wrongShape(let file, let tensor, let found, let expected):
            "\(file): tensor '\(tensor)' has shape \(found), but the model's numbers make it \(expected)"
        case .unknownTensor(let file, let name, let architecture):
            "\(file): tensor '\(name)' is not one of architecture '\(architecture)'"
        case .cannotExpress(let fact): fact
        case .quantized(let file, let method, _):
            "\(file): the weights are quantised with \(method); such a folder can be copied and "
                + "patched as it is"
        case .cannotEncode(_, _, .sourceNotFinite(let file, let tensor, let index)):
            "\(QuantizationError.sourceNotFinite(file: file, tensor: tensor, index: index))"
        case .cannotEncode(let tensor, let row, let problem):
            "tensor '\(tensor)', row \(row): \(problem)"
        case .becomesInfinite(let tensor, let type, let count, let all, let largest):
            "tensor '\(tensor)': \(count) of \(all) finite values would become infinite"
                + Self.words(largest, type)
        }
    }

    private static func words(_ largest: Double, _ type: ElementType) -> String {
        guard largest.isFinite else {
            return " or NaN: what the edit adds is beyond f32; --force writes them all the same"
        }
        let limit = type == .f16 ? Double(Float16.greatestFiniteMagnitude) : 3.4e38
        let wayOut =
            type == .f16 && largest < 3.38e38
            ? "--type bf16 or f32 holds them, --force" : "--force"
        return " in \(type.name), which ends at \(limit) (the largest is \(largest)); \(wayOut) "
            + "writes them all the same"
    }
}
