/// What an `adapter_config.json` asks for.
struct PEFTRequest: Sendable {
    /// How the updates are made.
    enum Scheme: Sendable {
        case lora(PEFTConfiguration)
        case method(any PEFTMethod)
    }

    let keys: PEFTKeys
    let scheme: Scheme
    let trained: TrainedParts
    /// What the user should know about the configuration.
    let notes: [String]

    /// The methods besides LoRA.
    private static let methods: [any PEFTMethod.Type] = [
        AdaLoRA.self, BOFT.self, C3A.self, DeLoRA.self, FourierFT.self, GraLoRA.self, HiRA.self,
        HRA.self, IA3.self, LayerNormTuning.self, LoHa.self, LoKr.self, MiSS.self, OFT.self,
        RandLoRA.self, RoAd.self, SHiRA.self, TrainableTokens.self, VBLoRA.self, VeRA.self,
    ]

    /// Methods that learn inputs of the model or of its layers, and change no weight.
    private static let promptKinds: Set<String> = [
        "ADAPTION_PROMPT", "CARTRIDGE", "CPT", "MULTITASK_PROMPT_TUNING", "PREFIX_TUNING",
        "PROMPT_TUNING", "P_TUNING",
    ]

    /// - Parameter isTransposed: whether the base stores matrices as their transposes; nil where it is not known.
    /// - Throws: `AdapterError` where a key is missing or wrong, or asks for what is not supported.
    init(_ keys: PEFTKeys, isTransposed: Bool?) throws(AdapterError) {
        self.keys = keys
        guard let kind = keys.value("peft_type")?.string else {
            throw keys.wrong("peft_type", "a string")
        }
        let known: Set<String>
        if kind == "LORA" {
            scheme = .lora(try PEFTConfiguration(keys, isTransposed: isTransposed))
            trained = try TrainedParts(keys)
            known = PEFTConfiguration.keys
        } else {
            let method = try Self.method(kind, keys, isTransposed: isTransposed)
            scheme = .method(try method.init(keys))
            trained = try TrainedParts(keys, tokensKey: method.tokensKey)
            known = method.keys
        }
        notes = keys.notes(known: known.union(TrainedParts.keys))
    }

    private static func method(
        _ kind: String, _ keys: PEFTKeys, isTransposed: Bool?
    ) throws(AdapterError) -> any PEFTMethod.Type {
        guard let method = methods.first(where: { $0.kind == kind }) else {
            throw keys.unsupported(
                "peft_type",
                promptKinds.contains(kind)
                    ? "learned prompts, which no weight can hold,"
                    : "a method that rtedit does not know how to merge")
        }
        if isTransposed == true, !method.takesTransposed {
            throw keys.unsupported(
                "peft_type", "what PEFT has not for a base that stores transposed matrices")
        }
        return method
    }

    /// The method's type, for names of tensors; nil for LoRA.
    var method: (any PEFTMethod.Type)? {
        if case .method(let method) = scheme { type(of: method) } else { nil }
    }
}
