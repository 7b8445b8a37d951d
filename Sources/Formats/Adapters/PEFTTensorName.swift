/// What a tensor of a PEFT folder is, as its name tells: `base_model.model.` + module + what it is of the module.
enum PEFTTensorName {
    /// A half of an update of a matrix; in how many `base_layer`s the module stands tells which of its parameters.
    case matrix(module: String, depth: Int, AdapterTensors.Half)
    case embedding(module: String, AdapterTensors.Half)
    /// The lengths of DoRA.
    case magnitude(module: String)
    /// The bias of B.
    case updateBias(module: String)
    /// What another method than LoRA has of a module, by what follows its name.
    case part(module: String, String)
    /// What another method than LoRA has once for all modules.
    case shared(String)
    /// The rows of single tokens.
    case tokens(module: String)
    /// A weight or bias of the base: beside an update of its module, or alone.
    case whole(module: String, WeightRole.Part, isBeside: Bool)

    static let prefix = "base_model.model."
    private static let sharedPrefix = "base_model."
    static let suffixes = (a: ".lora_A.weight", b: ".lora_B.weight")
    private static let wrapper = ".base_layer"

    /// - Parameter method: whose tensors they are; nil for those of LoRA.
    /// - Throws: `AdapterError.unsupportedTensor` where it is anything else.
    init(
        _ name: String, of method: (any PEFTMethod.Type)?, in file: String
    ) throws(AdapterError) {
        if let part = method?.sharedParts.first(where: { name == Self.sharedPrefix + $0 }) {
            self = .shared(part)
            return
        }
        guard name.hasPrefix(Self.prefix) else {
            throw .unsupportedTensor(
                file: file, tensor: name, reason: "does not begin with \(Self.prefix)")
        }
        let rest = String(name.dropFirst(Self.prefix.count))
        guard
            let known = Self.own(rest, of: method) ?? Self.common(rest)
        else {
            throw .unsupportedTensor(file: file, tensor: name, reason: Self.reason(rest, method))
        }
        self = known
    }

    private static func module(_ name: String, before ending: String) -> String? {
        name.hasSuffix(ending) ? String(name.dropLast(ending.count)) : nil
    }

    /// What only the method has.
    private static func own(
        _ name: String, of method: (any PEFTMethod.Type)?
    ) -> PEFTTensorName? {
        if let method {
            for part in method.parts {
                if let module = module(name, before: "." + part) {
                    return .part(module: module, part)
                }
            }
            return nil
        }
        if let module = module(name, before: suffixes.a) { return matrix(module, .a) }
        if let module = module(name, before: suffixes.b) { return matrix(module, .b) }
        for (ending, half) in [
            (".lora_embedding_A", AdapterTensors.Half.a), (".lora_embedding_B", .b),
        ] {
            if let module = module(name, before: ending) {
                return .embedding(module: module, half)
            }
        }
        for ending in [".lora_magnitude_vector", ".lora_magnitude_vector.weight"] {
            if let module = module(name, before: ending) { return .magnitude(module: module) }
        }
        return module(name, before: ".lora_B.bias").map { .updateBias(module: $0) }
    }

    /// What adapters of every method may have.
    private static func common(_ name: String) -> PEFTTensorName? {
        for ending in [".token_adapter.trainable_tokens_delta", ".trainable_tokens_delta"] {
            if let module = module(name, before: ending) { return .tokens(module: module) }
        }
        for part in [WeightRole.Part.weight, .bias] {
            if let module = module(name, before: "\(wrapper).\(part.rawValue)") {
                return .whole(module: module, part, isBeside: true)
            }
            if let module = module(name, before: ".\(part.rawValue)"),
                !name.contains("lora_")
            {
                return .whole(module: module, part, isBeside: false)
            }
        }
        return nil
    }

    private static func matrix(_ module: String, _ half: AdapterTensors.Half) -> PEFTTensorName {
        var (module, depth) = (module, 0)
        while module.hasSuffix(wrapper) {
            module = String(module.dropLast(wrapper.count))
            depth += 1
        }
        return .matrix(module: module, depth: depth, half)
    }

    private static func reason(_ name: String, _ method: (any PEFTMethod.Type)?) -> String {
        guard let method else { return "is neither \(prefix)….lora_A.weight nor ….lora_B.weight" }
        return "is none of the tensors of \(method.kind): "
            + method.parts.map { "….\($0)" }.joined(separator: ", ")
    }
}
