import Formats

/// The options that say in which types an output stores its tensors.
struct TypeOptions {
    static let type = Option.value(
        "type", "T",
        "The type of the weights: keep, f32, f16, bf16, or a quantised type or mix as llama-quantize "
            + "names them, such as q4_k_m.", standard: "keep")
    static let importance = Option.value(
        "imatrix", "FILE", "Weigh the errors of quantised values by this importance matrix.")
    static let tensorType = Option.list(
        "tensor-type", "PATTERN=TYPE",
        "Store the matrices of whose names a part follows the regular expression in this type.")
    static let head = Option.value(
        "output-tensor-type", "TYPE", "Store the head (output.weight) in this type.")
    static let embedding = Option.value(
        "token-embedding-type", "TYPE", "Store the token embedding in this type.")
    static let pure = Option.flag("pure", "Store all matrices in a mix's main type.")
    static let leavesHead = Option.flag(
        "leave-output-tensor", "Keep the type of the head (output.weight).")
    static let allowsRequantizing = Option.flag(
        "allow-requantize", "Quantise tensors anew that are quantised already.")

    /// The names of the types that a matrix of a GGUF file can have.
    private static let writtenTypes = ElementType.allCases.filter {
        RowEncoder.isSupported($0) && $0.ggmlIdentifier != nil && $0 != .f64
    }.map(\.name)

    static let all = Option.declared([
        type, importance, tensorType, head, embedding, pure, leavesHead, allowsRequantizing,
    ])

    /// The policy that a call asks for.
    ///
    /// - Parameter isChosenLater: whether a mix takes the place of the type
    /// - Throws: `UsageError` for what is no type, or goes with no mix; as `ImportanceMatrix.init(contentsOf:)`.
    static func policy(
        _ arguments: ParsedArguments, isChosenLater: Bool = false
    ) throws -> TypePolicy {
        let name = try arguments.text(type)
        guard var policy = TypePolicy(named: name.lowercased()) else {
            throw arguments.invalid(
                type, name, "one of \(TypePolicy.names.joined(separator: ", "))")
        }
        policy.overrides = try arguments.values(tensorType).map { try override($0, arguments) }
        policy.head = try elementType(head, arguments)
        policy.embedding = try elementType(embedding, arguments)
        policy.isPure = arguments.has(pure)
        policy.leavesHead = arguments.has(leavesHead)
        policy.allowsRequantizing = arguments.has(allowsRequantizing)
        if policy.mix == nil, let option = [pure, leavesHead].first(where: arguments.has),
            !isChosenLater
        {
            throw UsageError.needs(
                option: option.flagText, other: "--type with a quantised type")
        }
        if let path = arguments.textIfGiven(importance) {
            let isQuantized = policy.mix != nil || isChosenLater || !policy.overrides.isEmpty
            guard isQuantized || policy.head != nil || policy.embedding != nil else {
                throw UsageError.needs(
                    option: importance.flagText, other: "--type with a quantised type")
            }
            policy.importance = try ImportanceMatrix(contentsOf: path)
        }
        return policy
    }

    private static func override(
        _ text: String, _ arguments: ParsedArguments
    ) throws -> TypePolicy.Override {
        guard let place = text.lastIndex(of: "=") else {
            throw arguments.invalid(tensorType, text, "PATTERN=TYPE")
        }
        let (expression, name) = (text[..<place], text[text.index(after: place)...])
        guard !expression.isEmpty,
            let pattern = NamePattern(String(expression), matching: .anyPart)
        else {
            throw arguments.invalid(
                tensorType, String(expression), "a regular expression that is supported")
        }
        return TypePolicy.Override(pattern, try elementType(String(name), tensorType, arguments))
    }

    private static func elementType(
        _ option: Option, _ arguments: ParsedArguments
    ) throws -> ElementType? {
        try arguments.textIfGiven(option).map { try elementType($0, option, arguments) }
    }

    private static func elementType(
        _ name: String, _ option: Option, _ arguments: ParsedArguments
    ) throws -> ElementType {
        let names = writtenTypes
        guard names.contains(name.lowercased()), let type = ElementType(rawValue: name.lowercased())
        else {
            throw arguments.invalid(option, name, "one of \(names.joined(separator: ", "))")
        }
        return type
    }
}
