/// Models that cannot be blended, or not so.
package enum BlendError: Failure, Equatable {
    case modelCount(BlendMethod, found: Int)
    case base(BlendMethod, isGiven: Bool)
    /// `name` is what the user calls the numbers.
    case valueCount(name: String, found: Int, models: Int)
    /// Weights by whose sum all is to be divided.
    case weightSum(Double)
    /// A part of names by which no weight is called.
    case unusedFilter(String)
    case otherArchitecture(file: String, found: String, first: String, expected: String)
    /// Numbers that make the two compute otherwise; each difference names the number and both values.
    case otherNumbers(file: String, first: String, differences: [String])
    case otherTokenizer(file: String, first: String, difference: String)
    case otherShape(file: String, tensor: String, found: [Int], first: String, expected: [Int])
    /// A tensor that another model has.
    case missingTensor(file: String, tensor: String, other: String)
    /// A tensor that no rule knows and that the models have otherwise.
    case unknownTensor(file: String, tensor: String, other: String)
    case unreadable(file: String, tensor: String, problem: QuantizationError)
    /// `index` counts in the weight's own order.
    case notFinite(file: String, tensor: String, index: Int)

    package var kind: FailureKind {
        switch self {
        case .modelCount, .base, .valueCount, .weightSum, .unusedFilter: .usage
        case .notFinite: .input
        default: .unsupported
        }
    }

    package var remedy: String? {
        switch self {
        case .missingTensor(_, let tensor, _) where tensor.hasSuffix(".bias"):
            "a bias that 'bake' added is the steering itself: 'rtedit diff --recover-vector' gives the vector back, and bake "
                + "with a smaller scale of it is what a blend would be"
        case .otherArchitecture, .otherNumbers, .otherShape, .missingTensor, .unknownTensor:
            "blend takes models tuned from one base; their answers can be compared with 'rtedit diff' or 'eval'"
        case .otherTokenizer:
            "give the models one tokenizer first, or blend those that share theirs"
        case .unreadable(_, _, let problem): problem.remedy
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .modelCount(let method, let found):
            "\(method.rawValue) blends \(Self.count(method)), but \(found) "
                + (found == 1 ? "is" : "are") + " named"
        case .base(let method, let isGiven):
            isGiven
                ? "\(method.rawValue) has no base: name all models in their order"
                : "\(method.rawValue) needs a base, from which the models differ"
        case .valueCount(let name, let found, let models):
            "there are \(found) \(name) for \(models) models: give one for each, or one for all"
        case .weightSum(let sum):
            "the weights' sum is \(sum), by which nothing can be divided"
        case .unusedFilter(let filter): "no weight has '\(filter)' in its name"
        case .otherArchitecture(let file, let found, let first, let expected):
            "\(file): is of architecture '\(found)', but \(first) of '\(expected)'"
        case .otherNumbers(let file, let first, let differences):
            "\(file): computes otherwise than \(first): \(differences.joined(separator: "; "))"
        case .otherTokenizer(let file, let first, let difference):
            "\(file): has another tokenizer than \(first): \(difference); its embedding's rows would be "
                + "blended with those of other tokens"
        case .otherShape(let file, let tensor, let found, let first, let expected):
            "\(file): tensor '\(tensor)' has shape \(found), but in \(first) \(expected)"
        case .missingTensor(let file, let tensor, let other):
            "\(file): has no tensor '\(tensor)', which \(other) has"
        case .unknownTensor(let file, let tensor, let other):
            "\(file): tensor '\(tensor)' is not one that can be blended, and is another in \(other)"
        case .unreadable(let file, let tensor, let problem):
            "\(file): tensor '\(tensor)': \(problem)"
        case .notFinite(let file, let tensor, let index):
            "\(file): tensor '\(tensor)': value \(index) is not finite"
        }
    }

    private static func count(_ method: BlendMethod) -> String {
        switch method {
        case .linear: "two models or more"
        case .slerp: "two models"
        default: "one model or more with a base"
        }
    }
}
