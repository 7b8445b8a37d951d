/// What the `adapter_config.json` of a LoRA says about its updates.
struct PEFTConfiguration: Sendable {
    let scales: PEFTScales
    /// Whether a head that is tied to the embedding has the embedding's update.
    let ensuresWeightTying: Bool
    /// Whether rows are brought to lengths of their own (DoRA).
    let usesDoRA: Bool
    /// Whether B has a bias.
    let hasBiases: Bool
    private let targetParameters: [String]

    /// - Throws: `AdapterError` where a key is missing or wrong, or asks for what is not supported.
    ///
    /// - Parameter isTransposed: whether the base stores matrices as their transposes, as PEFT must be told; nil where
    ///   the base is not known.
    init(_ keys: PEFTKeys, isTransposed: Bool?) throws(AdapterError) {
        try keys.refuse(Self.unsupported)
        try Self.refuseOtherBase(keys)
        if isTransposed == false, try keys.flag("fan_in_fan_out") {
            throw keys.unsupported("fan_in_fan_out", "transposed weights")
        }
        scales = try PEFTScales(
            keys, alpha: "lora_alpha", isRankStabilized: try keys.flag("use_rslora"))
        ensuresWeightTying = try keys.flag("ensure_weight_tying")
        usesDoRA = try keys.flag("use_dora")
        hasBiases = try keys.flag("lora_bias")
        targetParameters = try keys.texts("target_parameters")
    }

    /// Whether `target_parameters` names the parameter, given with its module's name before it.
    func targets(parameter: String) -> Bool {
        targetParameters.contains { parameter == $0 || parameter.hasSuffix("." + $0) }
    }

    // MARK: - What is not supported

    /// Keys that change what an adapter does to its base.
    private static let unsupported: [(key: String, meaning: String)] = [
        ("use_qalora", "QALoRA"), ("use_bdlora", "block-diagonal LoRA"),
        ("layer_replication", "repeated layers"),
        ("alora_invocation_tokens", "an adapter that begins at certain tokens"),
        ("arrow_config", "Arrow routing"), ("kasa_config", "KaSA"), ("velora_config", "VeLoRA"),
        ("monteclora_config", "MonteCLoRA"),
    ]

    /// Ways to begin that leave the base as it is.
    private static let harmlessStarts: Set<String> = ["true", "gaussian", "eva", "orthogonal"]
    /// Ways to begin that change the base, so that the updates belong to another one.
    private static let changingStarts = ["pissa", "olora", "corda", "loftq", "lora_ga"]

    private static func refuseOtherBase(_ keys: PEFTKeys) throws(AdapterError) {
        let key = "init_lora_weights"
        guard let start = keys.value(key)?.string?.lowercased(), !harmlessStarts.contains(start)
        else { return }
        guard changingStarts.contains(where: start.hasPrefix) else {
            throw keys.unsupported(key, "a way to begin that may have changed the base")
        }
        throw keys.unsupported(
            key,
            "a base that PEFT changed before training (convert the adapter with PEFT's "
                + "path_initial_model_for_weight_conversion)")
    }

    /// The keys that are read, and those that change nothing in what is merged.
    static let keys: Set<String> = PEFTScales.keys.union(unsupported.map(\.key)).union([
        "ensure_weight_tying", "fan_in_fan_out", "init_lora_weights", "lora_alpha", "lora_bias",
        "target_parameters", "use_dora", "use_rslora",
        "corda_config", "eva_config", "loftq_config", "lora_dropout", "lora_ga_config",
        "megatron_config", "megatron_core", "qalora_group_size", "runtime_config",
    ])
}
