/// What a tensor of a PEFT folder is, as its name tells: `base_model.model.` + module + what it is of the module.
enum PEFTTensorName {
    /// A half of an update of a matrix; in how many `base_layer`s the module stands tells which of its parameters.
    case matrix(module: String, depth: Int, AdapterTensors.Half)
    case embedding(module: String, AdapterTensors.Half)
    /// A weight of the base, unchanged: beside its update, or, for an embedding or head, alone.
    case copy(module: String, isAlone: Bool)

    static let prefix = "base_model.model."
    static let suffixes = (a: ".lora_A.weight", b: ".lora_B.weight")
    private static let wrapper = ".base_layer"

    /// - Throws: `AdapterError.unsupportedTensor` where it is anything else.
    init(_ name: String, in file: String) throws(AdapterError) {
        guard name.hasPrefix(Self.prefix) else {
            throw .unsupportedTensor(
                file: file, tensor: name, reason: "does not begin with \(Self.prefix)")
        }
        let rest = String(name.dropFirst(Self.prefix.count))
        func module(before ending: String) -> String? {
            rest.hasSuffix(ending) ? String(rest.dropLast(ending.count)) : nil
        }
        if let module = module(before: Self.suffixes.a) {
            self = Self.matrix(module, .a)
        } else if let module = module(before: Self.suffixes.b) {
            self = Self.matrix(module, .b)
        } else if let module = module(before: ".lora_embedding_A") {
            self = .embedding(module: module, .a)
        } else if let module = module(before: ".lora_embedding_B") {
            self = .embedding(module: module, .b)
        } else if let module = module(before: Self.wrapper + ".weight") {
            self = .copy(module: module, isAlone: false)
        } else if let module = module(before: ".weight"), !rest.contains(".modules_to_save"),
            !rest.contains("lora_")
        {
            self = .copy(module: module, isAlone: true)
        } else {
            throw .unsupportedTensor(file: file, tensor: name, reason: Self.reason(rest))
        }
    }

    private static func matrix(_ module: String, _ half: AdapterTensors.Half) -> PEFTTensorName {
        var (module, depth) = (module, 0)
        while module.hasSuffix(wrapper) {
            module = String(module.dropLast(wrapper.count))
            depth += 1
        }
        return .matrix(module: module, depth: depth, half)
    }

    /// Why a tensor is not supported, by what only certain adapters have.
    private static func reason(_ name: String) -> String {
        let known = [
            ("lora_magnitude_vector", "belongs to DoRA (use_dora), which is not supported"),
            ("lora_B.bias", "is a bias of B (lora_bias), which is not supported"),
            (
                "trainable_tokens",
                "holds single tokens (trainable_token_indices), which is not supported"
            ),
            ("modules_to_save", "is a whole module (modules_to_save), which is not supported"),
        ]
        if let (_, reason) = known.first(where: { name.contains($0.0) }) { return reason }
        if name.hasSuffix(".bias") { return "is a trained bias (bias), which is not supported" }
        return "is neither \(prefix)….lora_A.weight nor ….lora_B.weight"
    }
}
